"""Price the models that could have been asked instead: the study's own tokens, at each model's prices.

The tokens are those of all the answers that metrics/annotate.json counts, chains of thought, votes and answers
that could not be read included, and are spread over the texts. Another model would count the same words a little
differently and may write more or fewer of them; cached input is not assumed.
"""

import datetime
from collections.abc import Mapping
from typing import Any

from distil.cost.basis import CostBasis
from distil.cost.llm_carbon import describe_method, estimate_llm_co2
from distil.cost.machines import Record
from distil.cost.params import ComparedModel
from distil.cost.price_tables import PriceTable
from distil.cost.prices import MILLION, FoundPrices, Tokens, find_prices, price_tokens
from distil.cost.teacher import fill_tokens, list_teachers

Metrics = Mapping[str, Any]


def compare_models(basis: CostBasis, asked: Metrics, day: str) -> list[Record]:
    """Dollars and CO2 per million texts of each model of `cost.compare_models`; None where a part of it is unknown.

    Prices that change with time are those of noon (UTC) on `day`, YYYY-MM-DD: the same metrics give the same prices.
    """
    tokens = _count_tokens(asked)
    noon = datetime.datetime.fromisoformat(f"{day}T12:00:00+00:00")
    return [_price_model(model, basis.price_table, noon, tokens, asked) for model in basis.params.compare_models]


def describe_counting(asked: Metrics) -> str:
    """Whose tokens they are, in words."""
    counter = f"the tokenizer of {asked['teacher']}"
    if _count_tokens(asked).input is None:
        return "not known"
    if asked["server"] == "local":
        return f"counted by {counter}, which ran here; each other model has its own tokenizer"
    return f"as the endpoint counted them, by {counter}"


def _count_tokens(asked: Metrics) -> Tokens:
    """The tokens of all answers; unknown if one of several teachers does not tell them."""
    read, written = [], []
    for tokens in map(fill_tokens, list_teachers(asked).values()):
        if tokens.input is None or tokens.output is None:
            return Tokens(None, None, None)
        read.append(tokens.input)
        written.append(tokens.output)
    return Tokens(sum(read), None, sum(written))


def _price_model(
    model: ComparedModel, table: PriceTable, moment: datetime.datetime, tokens: Tokens, asked: Metrics
) -> Record:
    texts = asked["texts"]
    found, date = _find_price(model, table, moment)
    usd = price_tokens(tokens, found.prices) if found else None
    return {
        "model": model.model,
        "usd_per_million": None if usd is None else usd / texts * MILLION,
        "input_tokens_per_text": None if tokens.input is None else tokens.input / texts,
        "output_tokens_per_text": None if tokens.output is None else tokens.output / texts,
        "prices": found and found.prices.model_dump(include={"input", "output"}),
        "price_source": found and found.source,
        "price_date": date,
        **_estimate_co2(model.model, tokens, asked),
    }


def _find_price(
    model: ComparedModel, table: PriceTable, moment: datetime.datetime
) -> tuple[FoundPrices | None, str | None]:
    """The price that is given, else the table's, which has a date only if it is the table that prices/ dates."""
    if model.price_per_million_tokens and model.price_source:
        return FoundPrices(model.price_per_million_tokens, model.price_source), model.price_date
    found = find_prices(model.model, model.base_url, None, moment)
    return found, table.date if found and table.is_installed() else None


def _estimate_co2(model: str, tokens: Tokens, asked: Metrics) -> Record:
    answers = asked["answers"]
    co2 = None
    if tokens.output is not None:
        co2 = estimate_llm_co2(model, tokens.output / answers, answers / asked["texts"] * MILLION)
    return {
        "kg_co2_per_million": None if co2 is None else co2.model_dump(),
        "co2_source": None if co2 is None else describe_method(),
    }
