"""How long an endpoint asks to wait, read from the headers of its answers.

Known are Retry-After (RFC 9110, 10.2.3), `retry-after-ms` (Azure, OpenAI), and the families that tell what is left of
an allowance and when it is full again: `x-ratelimit-*-requests` and `-tokens` (OpenAI and those who follow it),
`x-ratelimit-*` and `ratelimit-*` alone (the Hub, Together, the IETF draft), `anthropic-ratelimit-*`.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
UNIX_TIME = 1e9  # a larger number is a moment, not a number of seconds
UNIX_TIME_IN_MS = 1e11

REQUESTS_LEFT = [
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("ratelimit-remaining", "ratelimit-reset"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
]
TOKENS_LEFT = [
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
]


def read_retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by `retry-after-ms` or Retry-After, which holds seconds or a date; None without either."""
    milliseconds = headers.get("retry-after-ms")
    if milliseconds is not None:
        try:
            return max(0.0, float(milliseconds) / 1000)
        except ValueError:
            pass
    header = headers.get("Retry-After")
    return None if header is None else _seconds_until(header)


def read_pause_s(headers: Mapping[str, str], tokens: float) -> float:
    """Seconds until the allowance is full again, if not one more request of so many tokens is left in it, else 0."""
    pauses = [0.0]
    for families, needed in ((REQUESTS_LEFT, 1.0), (TOKENS_LEFT, tokens)):
        for remaining, reset in families:
            left = headers.get(remaining)
            if left is not None and _is_less(left, needed):
                pauses.append(_seconds_until(headers.get(reset, "")) or 0.0)
    return max(pauses)


def _is_less(left: str, needed: float) -> bool:
    try:
        return float(left) < needed
    except ValueError:
        return False


def _seconds_until(moment: str) -> float | None:
    """Seconds by a number of them, a duration such as 6m0s, unix time, an HTTP date or an ISO 8601 moment."""
    try:
        number = float(moment)
    except ValueError:
        if DURATION.fullmatch(moment):
            return sum(float(number) * UNITS_S[unit] for number, unit in PART.findall(moment))
        then = _read_date(moment)
        return None if then is None else max(0.0, (then - datetime.now(UTC)).total_seconds())
    if not math.isfinite(number):
        return None
    if number > UNIX_TIME_IN_MS:
        number /= 1000
    return max(0.0, number - datetime.now(UTC).timestamp() if number > UNIX_TIME else number)


def _read_date(moment: str) -> datetime | None:
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            return read(moment).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    return None
