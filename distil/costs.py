"""Price labelling: per million texts, once for making the student, and after how many texts it has paid for itself.

Arithmetic only. A figure that cannot be known (no price, no speed) is None, never zero.
"""

import datetime
import math

from pydantic import Field, field_validator

from distil.carbon import Bounds
from distil.params import Number, Params
from distil.prices import MILLION, TeacherPrices

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


class CostParams(Params):
    """The section `cost`: prices, power and the factors that turn both into dollars and CO2."""

    hardware: HardwareParams
    utilisation: Number = Field(gt=0, le=1)
    pue: Number = Field(ge=1)
    pue_source: str
    grid_kg_per_kwh: Bounds
    grid_source: str
    teacher_usd_per_million_tokens: TeacherPrices
    teacher_kwh_per_million_texts: Bounds | None


def price_machine(texts_per_s: float, usd_per_hour: float, utilisation: float) -> float:
    """Dollars per million texts on rented hardware that works `utilisation` of the hours that are paid."""
    return MILLION / texts_per_s / SECONDS_PER_HOUR * usd_per_hour / utilisation


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
