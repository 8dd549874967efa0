"""The section `cost` of params.yaml: what is rented, what the teacher costs, and which models to compare with."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

from distil.core.params import Number, Params
from distil.cost.carbon import Bounds
from distil.cost.price_tables import Date
from distil.cost.prices import TeacherPrices, TokenPrices


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
    """The section `cost`; the dated tables that it is used with are in prices/."""

    hardware: str  # the key of a row of prices/hardware.yaml
    utilisation: Number = Field(default=1.0, gt=0, le=1)  # share of the paid hours in which the hardware works
    teacher_usd_per_million_tokens: TeacherPrices = None
    teacher_usd_per_hour: Number | None = Field(default=None, gt=0)  # of an endpoint that is paid by the hour it is up
    teacher_kwh_per_million_texts: Bounds | None = None
    compare_models: list[Annotated[ComparedModel, BeforeValidator(_read_name)]]

    @model_validator(mode="after")
    def _check_prices(self) -> "CostParams":
        if self.teacher_usd_per_hour and self.teacher_usd_per_million_tokens:
            raise ValueError(
                "teacher_usd_per_hour and teacher_usd_per_million_tokens exclude each other: keep the one that is paid"
            )
        return self

    @field_validator("hardware", mode="before")
    @classmethod
    def _check_name(cls, value: Any) -> Any:
        if isinstance(value, dict):
            raise ValueError("name a row of prices/hardware.yaml, and describe the machine there")  # noqa: TRY004
        return value
