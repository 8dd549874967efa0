from dataclasses import replace
from typing import Any

import pytest
from conftest import ROOT

from distil.core.params import load_params
from distil.cost.basis import CostBasis, load_basis
from distil.cost.compared_models import compare_models, describe_counting
from distil.cost.llm_carbon import estimate_llm_co2
from distil.cost.params import CostParams
from distil.cost.price_tables import PriceTable

DAY = "2026-11-24"
DEFAULTS = ROOT / "params.yaml"
GIVEN = {
    "price_per_million_tokens": {"input": 1.0, "output": 4.0},
    "price_source": "vendor",
    "price_date": "2026-05-01",
}


def make_basis(models: list[Any] | None = None) -> CostBasis:
    """What the default study has, with other models to compare."""
    section = load_params("cost", CostParams, DEFAULTS).model_dump()
    changes = {} if models is None else {"compare_models": models}
    return load_basis(CostParams.model_validate(section | changes), ROOT / "prices")


def make_asked(
    input_tokens: int | None = 600_000, output_tokens: int | None = 150_000, **changes: Any
) -> dict[str, Any]:
    """A thousand texts, three votes each."""
    counts = {"answers": 3000, "input_tokens": input_tokens, "cached_tokens": 500_000, "output_tokens": output_tokens}
    asked = {"teacher": "m", "server": "endpoint", "texts": 1000, **counts, **changes}
    names = ("input_tokens", "cached_tokens", "output_tokens")
    return {"told": {name: 0 if asked[name] is None else asked["answers"] for name in names}} | asked


def make_panel(**by_teacher: dict[str, Any]) -> dict[str, Any]:
    """A thousand texts of which several teachers were asked."""
    answers = sum(counts["answers"] for counts in by_teacher.values())
    return make_asked(teacher=" + ".join(by_teacher), answers=answers, by_teacher=by_teacher)


def test_all_votes_count_and_cached_input_is_priced_as_any_other() -> None:
    (model,) = compare_models(make_basis(["gpt-4-turbo"]), make_asked(), DAY)
    assert model["input_tokens_per_text"] == pytest.approx(600)
    assert model["output_tokens_per_text"] == pytest.approx(150)
    assert model["prices"] == {"input": 10.0, "output": 30.0}
    assert model["usd_per_million"] == pytest.approx(600 * 10 + 150 * 30)


def test_a_price_has_a_source_and_a_date() -> None:
    basis = make_basis(["gpt-4-turbo", {"model": "mine", **GIVEN}])
    known, mine = compare_models(basis, make_asked(), DAY)
    assert (known["price_source"], known["price_provider"]) == (f"genai-prices {basis.price_table.version}", "openai")
    assert known["price_date"] == basis.price_table.date
    assert (mine["price_source"], mine["price_date"]) == ("vendor", "2026-05-01")
    assert mine["usd_per_million"] == pytest.approx(600 * 1 + 150 * 4)


def test_a_given_price_goes_before_the_table_s() -> None:
    (model,) = compare_models(make_basis([{"model": "gpt-4-turbo", **GIVEN}]), make_asked(), DAY)
    assert model["prices"] == {"input": 1.0, "output": 4.0}


def test_the_date_of_another_release_is_not_taken() -> None:
    other = PriceTable(version="0.0.1", date="2025-01-01")
    (model,) = compare_models(replace(make_basis(["gpt-4-turbo"]), price_table=other), make_asked(), DAY)
    assert model["price_date"] is None
    assert model["usd_per_million"] is not None


def test_the_address_tells_whose_price_it_is() -> None:
    name = "mistralai/Mixtral-8x7B-Instruct-v0.1"
    nobody, together = compare_models(
        make_basis([name, {"model": name, "base_url": "https://api.together.xyz/v1"}]), make_asked(), DAY
    )
    assert nobody["usd_per_million"] is None
    assert together["usd_per_million"] is not None
    assert together["price_provider"] == "together"


def test_a_model_that_nobody_knows_has_neither_price_nor_co2() -> None:
    (model,) = compare_models(make_basis(["no-such-model"]), make_asked(), DAY)
    assert (model["usd_per_million"], model["prices"], model["kg_co2_per_million"]) == (None, None, None)


@pytest.mark.parametrize(
    "asked",
    [
        make_asked(input_tokens=None, output_tokens=None),
        make_panel(a=make_asked(), b=make_asked(input_tokens=None)),
    ],
)
def test_without_all_tokens_there_is_no_price(asked: dict[str, Any]) -> None:
    (model,) = compare_models(make_basis(["gpt-4-turbo"]), asked, DAY)
    assert model["prices"] is not None
    assert (model["usd_per_million"], model["output_tokens_per_text"], model["kg_co2_per_million"]) == (
        None,
        None,
        None,
    )


def test_answers_that_told_no_tokens_are_taken_to_have_the_mean_of_the_others() -> None:
    told = dict.fromkeys(("input_tokens", "cached_tokens", "output_tokens"), 1500)
    half = make_asked(300_000, 75_000, told=told)
    basis = make_basis(["gpt-4-turbo"])
    assert compare_models(basis, half, DAY) == compare_models(basis, make_asked(), DAY)


def test_of_several_teachers_a_compared_model_takes_the_calls_of_one() -> None:
    basis = make_basis(["gpt-4-turbo"])
    (alone,) = compare_models(basis, make_asked(), DAY)
    (same,) = compare_models(basis, make_panel(a=make_asked(), b=make_asked()), DAY)
    assert same == alone, "the calls of the whole panel are no model's"
    (mean,) = compare_models(basis, make_panel(a=make_asked(), b=make_asked(200_000, 50_000, answers=1000)), DAY)
    assert (mean["input_tokens_per_text"], mean["output_tokens_per_text"]) == (400, 100)
    assert mean["kg_co2_per_million"]["mid"] == pytest.approx(2 / 3 * alone["kg_co2_per_million"]["mid"])


def test_co2_grows_with_the_votes() -> None:
    basis = make_basis(["gpt-4-turbo"])
    one_vote = make_asked(200_000, 50_000, answers=1000)
    once, thrice = (compare_models(basis, asked, DAY)[0]["kg_co2_per_million"] for asked in (one_vote, make_asked()))
    assert thrice["high"] == pytest.approx(3 * once["high"])
    a_million = estimate_llm_co2("gpt-4-turbo", 50, 1_000_000)
    assert a_million is not None
    assert once == pytest.approx(a_million.model_dump())


def test_the_price_is_that_of_the_day_of_the_measurement() -> None:
    basis = make_basis(["o3"])
    before, after = (compare_models(basis, make_asked(), day)[0]["prices"] for day in ("2025-06-09", "2025-06-11"))
    assert (before, after) == ({"input": 10.0, "output": 40.0}, {"input": 2.0, "output": 8.0})


def test_it_is_said_whose_tokenizer_counted() -> None:
    assert "as llama.cpp counted them here" in describe_counting(make_asked(server="local"))
    assert "as the endpoint counted them" in describe_counting(make_asked())
    assert describe_counting(make_asked(input_tokens=None)) == "not known"
    package = {"tokenizer": "pypi:a-package==1.2/inside/tokenizer.model", "stand_in": True}
    counted = make_asked(server="recorded", counted=package)
    stand_in = "tokenizer.model of a-package 1.2, a stand-in for the teacher's own tokenizer"
    way = f"reckoned from prompt and answers with {stand_in}"
    assert describe_counting(counted) == f"{way}; each other model has its own tokenizer"
    assert describe_counting(make_panel(a=make_asked(), b=make_asked(), c=counted)).startswith(
        f"on average of 3 teachers, as the endpoint counted them (a, b) and {way} (c);"
    )


def test_the_models_of_the_default_study_all_have_a_price_and_co2() -> None:
    models = compare_models(make_basis(), make_asked(), DAY)
    assert [model["model"] for model in models if None in model.values()] == []
    assert len({model["price_source"] for model in models}) == 1, "told once, whoever sells the models"
    assert len(models) >= 4
