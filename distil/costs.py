"""Price labelling: per million texts, once for making the student, and after how many texts it has paid for itself.

Arithmetic only. A figure that cannot be known (no price, no speed) is None, never zero.
"""

import datetime
import math
from dataclasses import dataclass

from pydantic import Field, field_validator

from distil.carbon import Bounds
from distil.params import Number, Params

MILLION = 1_000_000
SECONDS_PER_HOUR = 3600


class HardwareParams(Params):
    """The machine that would be rented for the work: its price and power, and where both are from."""

    name: str
    usd_per_hour: Number = Field(gt=0)
    price_source: str
    price_date: str  # YYYY-MM-DD
    watts: Bounds
    watts_source: str

    @field_validator("price_date")
    @classmethod
    def _check_date(cls, date: str) -> str:
        datetime.date.fromisoformat(date)
        return date


class TokenPrices(Params):
    """Dollars per million tokens of an endpoint; cached input costs as much as other input unless told otherwise."""

    input: Number = Field(ge=0)
    output: Number = Field(ge=0)
    cached_input: Number | None = Field(default=None, ge=0)


class CostParams(Params):
    """The section `cost`: prices, power and the factors that turn both into dollars and CO2."""

    hardware: HardwareParams
    utilisation: Number = Field(gt=0, le=1)
    pue: Number = Field(ge=1)
    pue_source: str
    grid_kg_per_kwh: Bounds
    grid_source: str
    teacher_usd_per_million_tokens: TokenPrices | None
    teacher_kwh_per_million_texts: Bounds | None


@dataclass(frozen=True)
class Tokens:
    """The tokens of all answers together; None where the endpoint did not tell."""

    input: int | None
    cached_input: int | None
    output: int | None


def price_machine(texts_per_s: float, usd_per_hour: float, utilisation: float) -> float:
    """Dollars per million texts on rented hardware that works `utilisation` of the hours that are paid."""
    return MILLION / texts_per_s / SECONDS_PER_HOUR * usd_per_hour / utilisation


def price_tokens(tokens: Tokens, prices: TokenPrices) -> float | None:
    """Dollars for the tokens; None where their number is unknown. Output counts what the model thought as well."""
    if tokens.input is None or tokens.output is None:
        return None
    cached = tokens.cached_input or 0
    cached_price = prices.input if prices.cached_input is None else prices.cached_input
    usd = (tokens.input - cached) * prices.input + cached * cached_price + tokens.output * prices.output
    return usd / MILLION


def count_break_even_texts(once_usd: float | None, teacher_usd: float | None, student_usd: float | None) -> int | None:
    """The number of texts after which the student has paid for itself.

    `once_usd` is what making it cost, the others are dollars per million texts. None where one is unknown or the
    teacher is the cheaper one.
    """
    if once_usd is None or teacher_usd is None or student_usd is None or teacher_usd <= student_usd:
        return None
    return math.ceil(once_usd / (teacher_usd - student_usd) * MILLION)


def is_outdated(price_date: str, today: str) -> bool:
    """Whether a price is more than a year old on the day `today` (both YYYY-MM-DD)."""
    return datetime.date.fromisoformat(today) - datetime.date.fromisoformat(price_date) > datetime.timedelta(days=365)
