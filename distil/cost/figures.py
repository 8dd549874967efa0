"""Write figures for people: as many digits as are worth reading, and n/a for what is not known."""

import math

NOT_KNOWN = "n/a"


def format_figure(value: float | None) -> str:
    """Three significant digits without exponent: 1,230 or 41.2 or 0.0312."""
    if value is None:
        return NOT_KNOWN
    return f"{_round_to(value, 3):,.{_decimals(value, 3)}f}"


def format_usd(usd: float | None) -> str:
    """Dollars, with cents or, under a dollar, two significant digits."""
    if usd is None:
        return NOT_KNOWN
    return f"${usd:,.2f}" if usd >= 1 else f"${_round_to(usd, 2):,.{max(2, _decimals(usd, 2))}f}"


def format_co2(kg: dict[str, float] | None) -> str:
    """0.02, one significant digit, since no more is known."""
    return NOT_KNOWN if kg is None else _format_one_digit(kg["mid"])


def format_co2_range(kg: dict[str, float] | None) -> str:
    """0.001-0.06, one significant digit each; nothing where these are the figure's own, so that no width is told."""
    if kg is None:
        return NOT_KNOWN
    low, high = (_format_one_digit(kg[end]) for end in ("low", "high"))
    return "" if low == high == format_co2(kg) else f"{low}-{high}"


def format_co2_bounds(kg: dict[str, float] | None) -> str:
    """0.02 (0.001-0.06), or 0.02 alone."""
    bounds = format_co2_range(kg)
    return f"{format_co2(kg)} ({bounds})" if kg is not None and bounds else format_co2(kg)


def _format_one_digit(value: float) -> str:
    return f"{_round_to(value, 1):,.{_decimals(value, 1)}f}"


def _round_to(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def _decimals(value: float, digits: int) -> int:
    """The decimals that show so many significant digits of the value."""
    rounded = _round_to(value, digits)
    return 0 if rounded == 0 else max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
