"""Dollars and CO2 per million texts of each candidate, by its own calls: those of its prompt and of all its votes.

Prices are those of `distil.cost`: given ones first, then those of the model in `cost.compare_models`, else what
genai-prices knows of the address. What is not known is None.
"""

from dataclasses import replace
from typing import Any

from distil.core.runtime import RuntimeParams
from distil.cost.basis import CostBasis
from distil.cost.compared_models import compare_models
from distil.cost.machines import check_rate, price_on_machine
from distil.cost.params import ComparedModel
from distil.cost.prices import MILLION, PriceParams, TokenPrices
from distil.cost.teacher import price_answers
from distil.prompting.params import AnnotateParams

TOLD = ("usd_per_million", "kg_co2_per_million", "price_source", "price_date")

Record = dict[str, Any]


def price_by_model(given: PriceParams, annotate: AnnotateParams) -> PriceParams:
    """The prices that are given, by model: where one stands for all it is that of the study's teachers alone."""
    prices = given.teacher_usd_per_million_tokens
    if not isinstance(prices, TokenPrices):
        return given
    return PriceParams(teacher_usd_per_million_tokens={alone.name: prices for alone in annotate.each_teacher()})


def price_candidate(
    basis: CostBasis, params: AnnotateParams, asked: Record, given: PriceParams, runtime: RuntimeParams
) -> Record:
    """Dollars and CO2 per million texts, whose price it is and of when.

    `asked` is as annotate tells it of one teacher, with how the answering went in `run`; `given` are prices by model.
    """
    if asked["server"] == "local":
        machine = price_on_machine(basis, check_rate(asked["run"]["texts_per_s"]))
        return {key: machine.get(key) for key in TOLD} | {"price_source": basis.hardware.name}
    model = _find_model(basis, params, runtime)
    alone = basis.params.model_copy(update={"compare_models": [model]})
    (priced,) = compare_models(replace(basis, params=alone), asked, basis.price_table.date)
    found = {key: priced[key] for key in TOLD}
    prices = given.teacher_usd_per_million_tokens
    if isinstance(prices, dict) and params.name in prices:
        usd = price_answers(basis.params.model_copy(update={"teacher_usd_per_million_tokens": prices}), asked)
        source = "cost.teacher_usd_per_million_tokens in params.yaml"
        found |= {"usd_per_million": usd and usd / asked["texts"] * MILLION, "price_source": source, "price_date": None}
    return found


def _find_model(basis: CostBasis, params: AnnotateParams, runtime: RuntimeParams) -> ComparedModel:
    """How the model is named among those to compare with, or by the address at which it is asked."""
    named = (model for model in basis.params.compare_models if model.model == params.name)
    address = runtime.address_of(params.name) if params.remote else None
    return next(named, ComparedModel(model=params.name, base_url=address))
