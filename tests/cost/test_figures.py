import pytest

from distil.cost.figures import format_co2, format_co2_bounds, format_co2_range, format_figure, format_usd


@pytest.mark.parametrize(
    ("value", "expected"), [(1234.5, "1,230"), (41.25, "41.2"), (0.03123, "0.0312"), (0.0, "0"), (None, "n/a")]
)
def test_figures_have_three_significant_digits(value: float | None, expected: str) -> None:
    assert format_figure(value) == expected


def test_dollars_and_co2_say_no_more_than_is_known() -> None:
    assert [format_usd(usd) for usd in (3061.6, 2.71, 0.0221, 0.00132, None)] == [
        "$3,061.60",
        "$2.71",
        "$0.022",
        "$0.0013",
        "n/a",
    ]
    assert [told(None) for told in (format_co2, format_co2_range, format_co2_bounds)] == ["n/a"] * 3
    assert format_co2({"low": 0.001, "mid": 0.0234, "high": 0.2}) == "0.02"
    assert format_co2({"low": 100.0, "mid": 735.0, "high": 1100.0}) == "700"
    assert format_co2_bounds({"low": 0.001, "mid": 0.0234, "high": 0.2}) == "0.02 (0.001-0.2)"
    assert format_co2_bounds({"low": 0.068, "mid": 0.07, "high": 0.072}) == "0.07", "a width of zero is none"


@pytest.mark.parametrize(
    ("usd", "text"),
    [(0.0, "$0.00"), (0.00123, "$0.0012"), (0.0099999, "$0.010"), (0.31, "$0.31"), (1234.5, "$1,234.50")],
)
def test_dollars_are_told_in_two_digits_where_cents_would_be_nothing(usd: float, text: str) -> None:
    assert format_usd(usd) == text


@pytest.mark.parametrize(
    ("low", "mid", "high", "told"),
    [(0.001, 0.0234, 0.06, "0.02 (0.001-0.06)"), (0.071, 0.071, 0.071, "0.07"), (1.9, 2.0, 2.1, "2")],
)
def test_a_range_without_width_is_not_told(low: float, mid: float, high: float, told: str) -> None:
    kg = {"low": low, "mid": mid, "high": high}
    assert format_co2_bounds(kg) == told
    assert format_co2_range(kg) == told.partition("(")[2].removesuffix(")")
