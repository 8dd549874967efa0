"""What a million texts cost with a candidate: at given prices, at those of a listed model, or nobody knows."""

from typing import Any

import pytest
from conftest import ROOT

from distil.annotate.budget import open_tills
from distil.compare.prices import price_by_model, price_candidate
from distil.core.errors import InputError
from distil.core.runtime import RuntimeParams
from distil.cost.basis import load_basis
from distil.cost.params import CostParams
from distil.cost.prices import PriceParams
from distil.kinds.classification.labelling import answers as one_label
from distil.prompting.params import AnnotateParams
from distil.prompting.prompt_files import Prompt
from distil.prompting.requests import Plan

ANNOTATE: dict[str, Any] = {"prompt": "p.md", "method": "generate", "protocol": "chat", "model": "m", "max_tokens": 9}
STUDY = AnnotateParams.model_validate(ANNOTATE)
COUNTS = {"texts": 10, "answers": 10, "input_tokens": 1000, "cached_tokens": None, "output_tokens": 100}
TOLD = {"input_tokens": 10, "cached_tokens": 0, "output_tokens": 10}


def price(model: str, server: str = "endpoint", **cost: Any) -> dict[str, Any]:
    params = CostParams.model_validate({"hardware": "c7a.large", "compare_models": []} | cost)
    given = price_by_model(PriceParams.model_validate(cost), STUDY)
    asked = COUNTS | {"teacher": model, "server": server, "told": TOLD, "run": {"texts_per_s": None}}
    return price_candidate(load_basis(params, ROOT / "prices"), STUDY.change({"model": model}), asked, given)


def test_a_name_alone_has_no_price_since_it_does_not_tell_who_runs_the_model() -> None:
    found = price("gpt-4-turbo")
    assert (found["usd_per_million"], found["price_source"], found["price_date"]) == (None, None, None)
    assert found["kg_co2_per_million"]["mid"] > 0


def test_a_listed_model_has_its_price_also_where_its_answers_are_recorded() -> None:
    for server in ("endpoint", "recorded"):
        found = price("gpt-4-turbo", server, compare_models=["gpt-4-turbo"])
        assert found["usd_per_million"] == pytest.approx(100 * 10 + 10 * 30)
        assert found["price_source"].startswith("genai-prices")


def test_one_that_is_paid_by_the_hour_has_no_dollars_here_and_others_have_theirs() -> None:
    cost: dict[str, Any] = {"teacher_usd_per_hour": 6.5, "compare_models": ["gpt-4-turbo"]}
    found = price("m", **cost)
    assert (found["usd_per_million"], found["price_source"]) == (None, "cost.teacher_usd_per_hour in params.yaml")
    assert price("gpt-4-turbo", **cost)["usd_per_million"] == pytest.approx(1300)


def test_a_budget_is_refused_with_a_remedy_that_works_beside_a_price_by_the_hour() -> None:
    given = price_by_model(PriceParams.model_validate({"teacher_usd_per_hour": 6.5}), STUDY)
    runtime = RuntimeParams(base_url="https://api.openai.com/v1", budget_usd=1)
    prompt = Prompt("{text}")
    plans = {
        name: Plan(STUDY.change({"model": name}), ["a", "b"], one_label, prompt, name) for name in ("m", "gpt-4o", "x")
    }
    open_tills([plans["gpt-4o"]], runtime, given)
    for name, said in (("m", r"paid by the hour, \$6.5"), ("x", "none can be given beside cost.teacher_usd_per_hour")):
        with pytest.raises(InputError, match=rf"budget_usd = 1 cannot be kept to.*{said}.*; or set the budget to null"):
            open_tills([plans[name]], runtime, given)
