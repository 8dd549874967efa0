"""Estimate the CO2 of labelling: power x time x PUE x carbon intensity of the grid, always as low, mid and high.

Boundary: electricity while the machine works, the data centre's overhead (PUE) included. Left out: making the
hardware, the machine's idle hours, the network, training the teacher. The factors are known only roughly, so results
are good for one significant digit; low is multiplied by low and high by high, which bounds them from outside.
"""

from pydantic import model_validator

from distil.core.params import Number, Params

JOULES_PER_KWH = 3.6e6
METHOD = "power x time x PUE x grid factor: electricity while the machine works; making the hardware left out"


class Bounds(Params):
    """A figure known roughly: a lower bound, a best guess, an upper bound."""

    low: Number
    mid: Number
    high: Number

    @model_validator(mode="after")
    def _check_order(self) -> "Bounds":
        if not 0 <= self.low <= self.mid <= self.high:
            raise ValueError("low, mid and high must be 0 or more and ascend")
        return self


def multiply_bounds(first: Bounds, second: Bounds, factor: float = 1.0) -> Bounds:
    """Multiply low by low, mid by mid and high by high, and each by the factor."""
    return Bounds(
        low=first.low * second.low * factor,
        mid=first.mid * second.mid * factor,
        high=first.high * second.high * factor,
    )


def add_bounds(first: Bounds, second: Bounds) -> Bounds:
    """Add low to low, mid to mid and high to high."""
    return Bounds(low=first.low + second.low, mid=first.mid + second.mid, high=first.high + second.high)


def estimate_machine_co2(seconds: float, watts: Bounds, pue: float, grid_kg_per_kwh: Bounds) -> Bounds:
    """Kilograms of CO2 for a machine that draws `watts` for `seconds`."""
    return multiply_bounds(watts, grid_kg_per_kwh, seconds * pue / JOULES_PER_KWH)


def format_kg(kg: float) -> str:
    """Kilograms to one significant digit, without exponent: 0.001 or 2,000."""
    if kg == 0:
        return "0"
    exponent = int(f"{kg:.0e}".partition("e")[2])
    return f"{float(f'{kg:.0e}'):,.{max(0, -exponent)}f}"
