"""The tables of the folder prices/, machines to rent, electricity and tokens, each figure with its source and date."""

import datetime
from importlib.metadata import version
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from distil.core.params import Number, Params
from distil.cost.carbon import Bounds


def _check_date(date: str) -> str:
    datetime.date.fromisoformat(date)
    return date


Date = Annotated[str, AfterValidator(_check_date)]
"""YYYY-MM-DD."""


class Hardware(Params):
    """The machine that would be rented for the work that was measured: its price and power, and where both are from.

    `cpu` is how such a machine names its processor, or the beginning of that, `cores` how many it has (vCPU), `gpu` the
    name of its GPU, or a part of that.
    """

    name: str
    cpu: str
    cores: int = Field(ge=1)
    gpu: str | None
    usd_per_hour: Number = Field(gt=0)
    price_source: str
    price_date: Date
    watts: Bounds
    watts_source: str


class HardwareRow(Params):
    """A machine to rent, at the speed measured here or at a published one; with neither it has a price alone.

    `measured` says that it is of the same kind as the machine of the measurement. What `Hardware` has beyond a price is
    needed of the row that `cost.hardware` names alone.
    """

    name: str
    cpu: str | None = None
    cores: int | None = Field(default=None, ge=1)
    gpu: str | None = None
    usd_per_hour: Number = Field(gt=0)
    price_source: str
    price_date: Date
    watts: Bounds | None = None
    watts_source: str | None = None
    measured: bool = False
    texts_per_s: Number | None = Field(default=None, gt=0)
    model: str | None = None
    throughput_source: str | None = None

    @model_validator(mode="after")
    def _check_throughput(self) -> "HardwareRow":
        if self.measured and self.texts_per_s is not None:
            raise ValueError("measured: true takes the throughput of this study; take texts_per_s out")
        if self.texts_per_s is not None and not (self.model and self.throughput_source):
            raise ValueError("a published texts_per_s needs its model and its throughput_source")
        return self

    @model_validator(mode="after")
    def _check_watts(self) -> "HardwareRow":
        if self.watts and not self.watts_source:
            raise ValueError("watts need their watts_source")
        return self


class Electricity(Params):
    """The file electricity.yaml: what turns a machine's power into CO2, and where that is from."""

    pue: Number = Field(ge=1)
    pue_source: str
    grid_kg_per_kwh: Bounds
    grid_source: str


class PriceTable(Params):
    """The file tokens.yaml: the release of genai-prices whose table is used, and the day on which it came out."""

    version: str
    date: Date

    def is_installed(self) -> bool:
        """Whether this release is the one that is installed."""
        return self.version == version("genai-prices")
