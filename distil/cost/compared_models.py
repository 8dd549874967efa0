"""Price the models that could have been asked instead: the study's own tokens, at each model's prices.

The tokens are those of all the answers that metrics/annotate.json counts, chains of thought, votes and answers
that could not be read included, and are spread over the texts. Of several teachers it is their mean, since one model
would take the place of all. Another model would count the same words a little differently and may write more or fewer
of them; cached input is not assumed.
"""

import datetime
from collections.abc import Mapping
from typing import Any

from distil.cost.basis import CostBasis
from distil.cost.llm_carbon import describe_method, estimate_llm_co2
from distil.cost.machines import Record
from distil.cost.params import ComparedModel
from distil.cost.price_tables import PriceTable
from distil.cost.prices import MILLION, FoundPrices, find_prices, price_tokens
from distil.cost.teacher import Calls, average_calls, describe_counter, list_teachers

Metrics = Mapping[str, Any]


def compare_models(basis: CostBasis, asked: Metrics, day: str) -> list[Record]:
    """Dollars and CO2 per million texts of each model of `cost.compare_models`; None where a part of it is unknown.

    Prices that change with time are those of noon (UTC) on `day`, YYYY-MM-DD: the same metrics give the same prices.
    """
    calls = average_calls(asked)
    noon = datetime.datetime.fromisoformat(f"{day}T12:00:00+00:00")
    return [
        _price_model(model, basis.price_table, noon, calls, asked["texts"]) for model in basis.params.compare_models
    ]


def describe_counting(asked: Metrics) -> str:
    """Who counted the tokens, in words."""
    if average_calls(asked).tokens.input is None:
        return "not known"
    teachers = list_teachers(asked)
    by_way: dict[str, list[str]] = {}
    for name, counts in teachers.items():
        by_way.setdefault(_describe_way(counts), []).append(name)
    if len(teachers) == 1:
        told = next(iter(by_way))
    else:
        ways = " and ".join(f"{way} ({', '.join(names)})" for way, names in by_way.items())
        told = f"on average of {len(teachers)} teachers, {ways}"
    return f"{told}; each other model has its own tokenizer"


def _describe_way(counts: Metrics) -> str:
    if counts["server"] == "local":
        return "as llama.cpp counted them here"
    if counted := counts.get("counted"):
        return f"reckoned from prompt and answers {describe_counter(counted)}"
    return "as the endpoint counted them"


def _price_model(
    model: ComparedModel, table: PriceTable, moment: datetime.datetime, calls: Calls, texts: int
) -> Record:
    tokens = calls.tokens
    found, date = _find_price(model, table, moment)
    usd = price_tokens(tokens, found.prices) if found else None
    return {
        "model": model.model,
        "usd_per_million": None if usd is None else usd / texts * MILLION,
        "input_tokens_per_text": None if tokens.input is None else tokens.input / texts,
        "output_tokens_per_text": None if tokens.output is None else tokens.output / texts,
        "prices": found and found.prices.model_dump(include={"input", "output"}),
        "price_source": found and found.table,
        "price_provider": found and found.provider,
        "price_date": date,
        **_estimate_co2(model.model, calls, texts),
    }


def _find_price(
    model: ComparedModel, table: PriceTable, moment: datetime.datetime
) -> tuple[FoundPrices | None, str | None]:
    """The price that is given, else the table's, which has a date only if it is the table that prices/ dates."""
    if model.price_per_million_tokens and model.price_source:
        return FoundPrices(model.price_per_million_tokens, model.price_source), model.price_date
    found = find_prices(model.model, model.base_url, None, moment)
    return found, table.date if found and table.is_installed() else None


def _estimate_co2(model: str, calls: Calls, texts: int) -> Record:
    co2 = None
    if calls.tokens.output is not None:
        co2 = estimate_llm_co2(model, calls.tokens.output / calls.answers, calls.answers / texts * MILLION)
    return {
        "kg_co2_per_million": None if co2 is None else co2.model_dump(),
        "co2_source": None if co2 is None else describe_method(),
    }
