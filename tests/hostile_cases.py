"""How many cases a property is tried with: a few in the suite, ten thousand by `pytest -m long`."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy

CASES = pytest.mark.parametrize("cases", [40, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.long])])


def try_cases(check: Callable[[Any], None], values: SearchStrategy[Any], cases: int) -> None:
    """Call `check` with so many values."""
    options = settings(max_examples=cases, deadline=None, suppress_health_check=list(HealthCheck))
    options(given(values)(check))()
