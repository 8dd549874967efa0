"""Dollars and CO2 per million texts of each candidate, by its own calls: those of its prompt and of all its votes.

Prices are those of `distil.cost`: given ones first, then those of the model in `cost.compare_models`. Else dollars are
None: a model's name does not tell who runs it, and the address in `runtime` may change no result.
"""

from dataclasses import replace
from typing import Any

from distil.cost.basis import CostBasis
from distil.cost.compared_models import compare_models
from distil.cost.machines import check_rate, price_on_machine
from distil.cost.params import ComparedModel
from distil.cost.prices import MILLION, PriceParams
from distil.cost.teacher import price_answers
from distil.prompting.params import AnnotateParams

BY_TOKENS, BY_HOUR = (f"cost.teacher_usd_per_{what} in params.yaml" for what in ("million_tokens", "hour"))
TOLD = ("usd_per_million", "kg_co2_per_million", "price_source", "price_date")

Record = dict[str, Any]


def price_by_model(given: PriceParams, annotate: AnnotateParams) -> PriceParams:
    """The prices that are given, by model: where one stands for all it is that of the study's teachers alone."""
    teachers = [alone.name for alone in annotate.each_teacher()]
    by_model = {
        name: prices if prices is None or isinstance(prices, dict) else dict.fromkeys(teachers, prices)
        for name, prices in given
    }
    return PriceParams.model_validate(by_model)


def price_candidate(basis: CostBasis, params: AnnotateParams, asked: Record, given: PriceParams) -> Record:
    """Dollars and CO2 per million texts, whose price it is and of when.

    `asked` is as annotate tells it of one teacher, with how the answering went in `run`; `given` are prices by model.
    Of one that is paid by the hour dollars are None: its rate here depends on the other candidates.
    """
    if asked["server"] == "local":
        machine = price_on_machine(basis, check_rate(asked["run"]["texts_per_s"]))
        return {key: machine.get(key) for key in TOLD} | {"price_source": basis.hardware.name}
    listed = [model for model in basis.params.compare_models if model.model == params.name]
    model = (*listed, ComparedModel(model=params.name))[0]  # which has CO2 without a price
    alone = basis.params.model_copy(update={"compare_models": [model]})
    (priced,) = compare_models(replace(basis, params=alone), asked, basis.price_table.date)
    found = {key: priced[key] for key in TOLD}
    hourly = given.per_hour(params.name) is not None
    if hourly or not listed:
        source = BY_HOUR if hourly else None
        found |= {"usd_per_million": None, "price_source": source, "price_date": None}
    prices = given.teacher_usd_per_million_tokens
    if isinstance(prices, dict) and params.name in prices:
        usd = price_answers(basis.params.model_copy(update={"teacher_usd_per_million_tokens": prices}), asked)
        usd = usd and usd / asked["texts"] * MILLION
        found |= {"usd_per_million": usd, "price_source": BY_TOKENS, "price_date": None}
    return found
