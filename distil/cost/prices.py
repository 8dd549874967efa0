"""What a teacher's tokens cost: the prices that the user gives, or else those that the package genai-prices knows.

Prices are dollars per million tokens. A price that cannot be known is None, never zero.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter

from distil.core.errors import InputError
from distil.core.params import Number, Params

MILLION = 1_000_000


class TokenPrices(Params):
    """Dollars per million tokens of an endpoint; cached input costs as much as other input unless told otherwise."""

    input: Number = Field(ge=0)
    output: Number = Field(ge=0)
    cached_input: Number | None = Field(default=None, ge=0)


PRICES_BY_MODEL = TypeAdapter(dict[str, TokenPrices])


def _read_prices(value: Any) -> Any:
    """Check the one form or the other, so that an error names the key that is wrong, and no form of writing it."""
    if isinstance(value, dict) and value and all(isinstance(prices, dict | TokenPrices) for prices in value.values()):
        return PRICES_BY_MODEL.validate_python(value, strict=True)
    return None if value is None else TokenPrices.model_validate(value)


TeacherPrices = Annotated[TokenPrices | dict[str, TokenPrices] | None, BeforeValidator(_read_prices)]
"""{input, output, cached_input} of all teachers, or a mapping from each teacher's model to such prices."""


class PriceParams(Params):
    """Of the section `cost` the prices alone, for a stage that the rest of it must not touch."""

    model_config = ConfigDict(extra="ignore")

    teacher_usd_per_million_tokens: TeacherPrices = None
    teacher_usd_per_hour: Number | dict[str, Number] | None = None  # by model only where `compare` writes it so

    def per_hour(self, model: str) -> float | None:
        """Dollars an hour of a teacher that is paid by the hour; None for one that is paid by its tokens."""
        hourly = self.teacher_usd_per_hour
        return hourly.get(model) if isinstance(hourly, dict) else hourly


@dataclass(frozen=True)
class Tokens:
    """The tokens of an answer, or of many together; None where the endpoint did not tell."""

    input: int | None
    cached_input: int | None
    output: int | None


@dataclass(frozen=True)
class FoundPrices:
    """Prices, where they are from, and whose they are if that place has those of several."""

    prices: TokenPrices
    table: str
    provider: str | None = None

    @property
    def source(self) -> str:
        """Where they are from, in words."""
        return f"{self.table}, provider {self.provider}" if self.provider else self.table


def price_tokens(tokens: Tokens, prices: TokenPrices) -> float | None:
    """Dollars for the tokens; None where their number is unknown. Output counts what the model thought as well."""
    if tokens.input is None or tokens.output is None:
        return None
    cached = tokens.cached_input or 0
    cached_price = prices.input if prices.cached_input is None else prices.cached_input
    usd = (tokens.input - cached) * prices.input + cached * cached_price + tokens.output * prices.output
    return usd / MILLION


def choose_prices(model: str, given: TokenPrices | Mapping[str, TokenPrices]) -> TokenPrices:
    """Return the prices that are given for a model; raises `InputError` if others have some and it has none."""
    if isinstance(given, TokenPrices):
        return given
    if model not in given:
        raise InputError(
            f"cost.teacher_usd_per_million_tokens in params.yaml has no prices of {model}, only of "
            f"{', '.join(given)}; give its {{input, output}} there"
        )
    return given[model]


def find_prices(
    model: str,
    base_url: str | None,
    given: TokenPrices | Mapping[str, TokenPrices] | None,
    moment: datetime.datetime | None = None,
) -> FoundPrices | None:
    """Find a model's prices: those that are given, else what genai-prices knows of the endpoint; None if it does not.

    genai-prices tells the provider by the endpoint's address, or without one by the model's name where that is a
    vendor's own; an address that it does not know, such as one on this machine, has no price. The table that comes with
    the package is read, nothing is fetched. Of prices that depend on the time or on a request's length, the ones of
    `moment` (None: now) and of short requests are taken; a model that also costs something a request has none.
    """
    if isinstance(given, TokenPrices) or (given and model in given):
        return FoundPrices(choose_prices(model, given), "cost.teacher_usd_per_million_tokens in params.yaml")
    from genai_prices import Usage, __version__, calc_price  # only here, since its table is large

    try:
        usage = Usage(input_tokens=0, output_tokens=0)
        found = calc_price(usage, model, provider_api_url=base_url, genai_request_timestamp=moment)
    except LookupError:
        return None
    price = found.model_price
    usd_in, usd_out = _per_million(price.input_mtok), _per_million(price.output_mtok)
    if usd_in is None or usd_out is None or price.requests_kcount is not None:
        return None
    prices = TokenPrices(input=usd_in, output=usd_out, cached_input=_per_million(price.cache_read_mtok))
    return FoundPrices(prices, f"genai-prices {__version__}", found.provider.id)


def _per_million(price: Any) -> float | None:
    """A price of genai-prices, of the lowest tier where it has several."""
    return None if price is None else float(getattr(price, "base", price))
