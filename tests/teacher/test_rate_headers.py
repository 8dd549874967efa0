from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from distil.teacher.rate_headers import read_pause_s, read_retry_after_s

FORMS: dict[str, Callable[[datetime], str]] = {
    "http": lambda moment: format_datetime(moment, usegmt=True),
    "unix": lambda moment: str(moment.timestamp()),
    "unix in ms": lambda moment: str(1000 * moment.timestamp()),
    "iso": lambda moment: moment.isoformat().replace("+00:00", "Z"),
}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "-1"}, 0),
        ({"retry-after-ms": "1500", "Retry-After": "2"}, 1.5),
        ({"retry-after-ms": "soon", "Retry-After": "2"}, 2),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 -0100"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert read_retry_after_s(headers) == seconds


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("1s", 1),
        ("120ms", 0.12),
        ("6m0s", 360),
        ("2m59.56s", 179.56),
        ("1h2m3s", 3723),
        ("12", 12),
        ("whenever", 0),
    ],
)
def test_a_pause_lasts_until_the_allowance_is_full_again(reset: str, seconds: float) -> None:
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": reset}
    assert read_pause_s(headers, 10) == pytest.approx(seconds)


@pytest.mark.parametrize("form", FORMS)
def test_a_moment_may_be_written_in_several_forms(form: str) -> None:
    moment = FORMS[form](datetime.now(UTC) + timedelta(seconds=60))
    assert read_retry_after_s({"Retry-After": moment}) == pytest.approx(60, abs=2)
    assert read_pause_s({"ratelimit-remaining": "0", "ratelimit-reset": moment}, 1) == pytest.approx(60, abs=2)


def test_there_is_no_pause_while_the_allowance_lasts() -> None:
    left = {"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "9s"}
    tokens = {"x-ratelimit-remaining-tokens": "50", "x-ratelimit-reset-tokens": "3s"}
    assert read_pause_s(left | tokens, 50) == 0
    assert read_pause_s(left | tokens, 51) == 3
    assert read_pause_s({"x-ratelimit-remaining": "many"}, 1) == 0
    assert read_pause_s({}, 1) == 0
