"""The section `cost` of params.yaml: prices, power and factors, each with the source and the date it is from."""

import datetime
from importlib.metadata import version
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from distil.core.params import Number, Params
from distil.cost.carbon import Bounds
from distil.cost.prices import TeacherPrices, TokenPrices


def _check_date(date: str) -> str:
    datetime.date.fromisoformat(date)
    return date


Date = Annotated[str, AfterValidator(_check_date)]
"""YYYY-MM-DD."""


class HardwareParams(Params):
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
    """Another machine to rent, at the speed measured here or at a published one; with neither it has a price alone.

    `measured` says that it is of the same kind as the machine of the measurement.
    """

    name: str
    usd_per_hour: Number = Field(gt=0)
    price_source: str
    price_date: Date
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


class PriceTable(Params):
    """The release of genai-prices whose table is used, and the day on which it came out."""

    version: str
    date: Date

    def is_installed(self) -> bool:
        """Whether this release is the one that is installed."""
        return self.version == version("genai-prices")


class ComparedModel(Params):
    """A model that could have been asked instead; `base_url` tells whose prices, where several sell it."""

    model: str
    base_url: str | None = None
    price_per_million_tokens: TokenPrices | None = None
    price_source: str | None = None
    price_date: Date | None = None

    @model_validator(mode="after")
    def _check_source(self) -> "ComparedModel":
        if self.price_per_million_tokens and not (self.price_source and self.price_date):
            raise ValueError("a price that is given needs its price_source and its price_date")
        return self


def _read_name(value: Any) -> Any:
    return {"model": value} if isinstance(value, str) else value


class CostParams(Params):
    """The section `cost`: prices, power and the factors that turn both into dollars and CO2."""

    hardware: HardwareParams
    hardware_table: list[HardwareRow]
    utilisation: Number = Field(gt=0, le=1)
    pue: Number = Field(ge=1)
    pue_source: str
    grid_kg_per_kwh: Bounds
    grid_source: str
    teacher_usd_per_million_tokens: TeacherPrices
    teacher_kwh_per_million_texts: Bounds | None
    price_table: PriceTable
    compare_models: list[Annotated[ComparedModel, BeforeValidator(_read_name)]]
