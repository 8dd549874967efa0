"""The tokens and prices of the 2024 study are in huggingface.co/blog/synthetic-data-save-costs."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from distil.core.errors import InputError
from distil.core.params import load_params
from distil.cost.prices import PriceParams, TokenPrices, Tokens, choose_prices, find_prices, price_tokens

A_MILLION_TEXTS = Tokens(input=297_160_000, cached_input=None, output=3_000_000)
OPENAI = "https://api.openai.com/v1"


@pytest.mark.parametrize(("input_usd", "output_usd", "expected"), [(0.5, 1.5, 153.08), (10.0, 30.0, 3061.6)])
def test_the_2024_study_s_tokens_give_its_dollars(input_usd: float, output_usd: float, expected: float) -> None:
    prices = TokenPrices(input=input_usd, output=output_usd)
    assert price_tokens(A_MILLION_TEXTS, prices) == pytest.approx(expected, abs=0.005)


def test_cached_input_has_its_own_price_where_one_is_given() -> None:
    tokens = Tokens(input=1_000_000, cached_input=400_000, output=0)
    assert price_tokens(tokens, TokenPrices(input=1.0, output=0.0)) == pytest.approx(1.0)
    assert price_tokens(tokens, TokenPrices(input=1.0, output=0.0, cached_input=0.5)) == pytest.approx(0.8)


def test_of_tokens_that_nobody_told_to_be_cached_none_is() -> None:
    prices = TokenPrices(input=100.0, output=500.0, cached_input=1.0)
    assert price_tokens(Tokens(input=10, cached_input=None, output=2), prices) == pytest.approx(2000 / 1e6)


def test_unknown_tokens_have_no_price() -> None:
    assert price_tokens(Tokens(input=5, cached_input=None, output=None), TokenPrices(input=1.0, output=1.0)) is None


def test_given_prices_come_first_wherever_the_endpoint_is() -> None:
    mine, other = TokenPrices(input=7.0, output=8.0), TokenPrices(input=1.0, output=1.0)
    for given in (mine, {"gpt-4o-mini": mine, "other": other}):
        for address in (OPENAI, "http://127.0.0.1:8000/v1", None):
            found = find_prices("gpt-4o-mini", address, given)
            assert found is not None
            assert found.prices == mine
            assert found.source == "cost.teacher_usd_per_million_tokens in params.yaml"


def test_the_price_of_the_moment_is_taken() -> None:
    before, after = datetime(2025, 6, 9, tzinfo=UTC), datetime(2025, 6, 11, tzinfo=UTC)
    dear, cheap = (find_prices("o3", OPENAI, None, moment) for moment in (before, after))
    assert dear is not None
    assert (dear.prices.input, dear.prices.output) == (10.0, 40.0)
    assert cheap is not None
    assert (cheap.prices.input, cheap.prices.output) == (2.0, 8.0)
    assert find_prices("o3", OPENAI, None) == cheap


def test_a_model_that_writes_nothing_has_no_price_of_answers() -> None:
    assert find_prices("text-embedding-3-small", OPENAI, None) is None


def test_the_package_knows_an_endpoint_by_its_address() -> None:
    found = find_prices("gpt-4o-mini", OPENAI, {"another": TokenPrices(input=1.0, output=1.0)})
    assert found is not None
    assert 0 < found.prices.input < found.prices.output
    assert found.prices.cached_input is not None
    assert found.prices.cached_input < found.prices.input
    assert found.source.startswith("genai-prices ")
    assert found.source.endswith(", provider openai")
    assert find_prices("gpt-4o-mini", None, None) == found


def test_tiers_and_hours_come_down_to_one_price() -> None:
    for model, address in [
        ("gemini-2.5-pro", "https://generativelanguage.googleapis.com/v1beta/openai"),
        ("deepseek-chat", "https://api.deepseek.com/v1"),
    ]:
        found = find_prices(model, address, None)
        assert found is not None
        assert found.prices.output > found.prices.input > 0


@pytest.mark.parametrize(
    ("model", "address"),
    [
        ("gpt-4o-mini", "http://127.0.0.1:8000/v1"),
        ("gpt-4o-mini", "http://localhost:8000/v1"),
        ("gpt-4o-mini", "https://llm.example.org/v1"),
        ("no-such-model", OPENAI),
        ("no-such-model", None),
        ("sonar", "https://api.perplexity.ai"),  # costs something a request as well
    ],
)
def test_what_nobody_knows_has_no_price(model: str, address: str | None) -> None:
    assert find_prices(model, address, None) is None


def test_prices_by_model_name_every_model() -> None:
    given = {"a": TokenPrices(input=1.0, output=1.0)}
    assert choose_prices("a", given) is given["a"]
    assert choose_prices("b", given["a"]) is given["a"]
    with pytest.raises(InputError, match="has no prices of b, only of a"):
        choose_prices("b", given)


def test_the_prices_are_read_without_the_rest_of_their_section(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(yaml.safe_dump({"cost": {"pue": "any", "teacher_usd_per_million_tokens": None}}))
    assert load_params("cost", PriceParams, file).teacher_usd_per_million_tokens is None
    by_model = {"a/b-1.5": {"input": 1, "output": "2e-1"}}
    file.write_text(yaml.safe_dump({"cost": {"teacher_usd_per_million_tokens": by_model}}))
    prices = {"a/b-1.5": TokenPrices(input=1.0, output=0.2)}
    assert load_params("cost", PriceParams, file).teacher_usd_per_million_tokens == prices
