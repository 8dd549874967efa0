"""What hostile tests share: how many cases a property is tried with, and what runs code where it is unpickled.

A few cases are tried in the suite, and ten thousand by `pytest -m long`.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy

ALIASES = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 9)
)
CASES = pytest.mark.parametrize("cases", [40, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.long])])


def try_cases(check: Callable[[Any], None], values: SearchStrategy[Any], cases: int) -> None:
    """Call `check` with so many values."""
    options = settings(max_examples=cases, suppress_health_check=list(HealthCheck))
    options(given(values)(check))()


class Trap:
    """Runs a command where it is unpickled, which leaves a file."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.trace}",)
