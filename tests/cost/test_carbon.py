import pytest
from pydantic import ValidationError

from distil.cost.carbon import Bounds, add_bounds, estimate_machine_co2, format_kg, multiply_bounds


def test_co2_is_power_times_time_times_pue_times_grid() -> None:
    watts = Bounds(low=50.0, mid=100.0, high=200.0)
    grid = Bounds(low=0.1, mid=0.5, high=1.0)
    co2 = estimate_machine_co2(36_000.0, watts, pue=1.5, grid_kg_per_kwh=grid)
    assert co2.model_dump() == pytest.approx({"low": 0.075, "mid": 0.75, "high": 3.0})  # 10 hours


def test_bounds_multiply_low_by_low_and_high_by_high() -> None:
    product = multiply_bounds(Bounds(low=1.0, mid=2.0, high=3.0), Bounds(low=4.0, mid=5.0, high=6.0), 10.0)
    assert (product.low, product.mid, product.high) == (40.0, 100.0, 180.0)


@pytest.mark.parametrize("bounds", [{"low": 2, "mid": 1, "high": 3}, {"low": -1, "mid": 0, "high": 1}])
def test_bounds_that_do_not_ascend_are_refused(bounds: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="ascend"):
        Bounds.model_validate(bounds)


def test_bounds_add_up_each_for_itself() -> None:
    total = add_bounds(Bounds(low=1.0, mid=2.0, high=3.0), Bounds(low=4.0, mid=5.0, high=6.0))
    assert (total.low, total.mid, total.high) == (5.0, 7.0, 9.0)


@pytest.mark.parametrize(
    ("kg", "text"),
    [
        (0.00134, "0.001"),
        (0.175, "0.2"),
        (0.95, "0.9"),
        (9.6, "10"),
        (1234.0, "1,000"),
        (0.0, "0"),
        (3.9e-5, "0.00004"),
    ],
)
def test_kilograms_have_one_significant_digit(kg: float, text: str) -> None:
    assert format_kg(kg) == text
