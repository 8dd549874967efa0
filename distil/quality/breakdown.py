"""Where systems are right: the share of right answers by groups of rows, such as long texts or doubtful ones."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distil.quality.scores import bound_share

MOST_DISTINCT = 4  # values that are groups of their own; more are cut at the quartiles
DIGITS = 6  # of a value; the rest is rounding, as between 2/3 and 1 - 1/3

Bools = NDArray[np.bool_]


def break_down(values: Sequence[float | None], right: Mapping[str, Bools], confidence: float) -> list[dict[str, Any]]:
    """Group rows by a value and score every system on each group.

    Args:
        values: one a row; null where it is not known.
        right: by system, whether it is right, one a row.
        confidence: of the intervals.

    Returns:
        For each group, in ascending order, its lowest and highest value (`from`, `to`), its `rows`, in `systems` the
        share on which each is right, and in `bounds` the exact binomial interval of that. Equal values are in one
        group. The last group, with `from` and `to` null, holds the rows whose value is not known, if there are any.
    """
    numbers = np.round(np.array([np.nan if value is None else value for value in values], dtype=float), DIGITS)
    known = ~np.isnan(numbers)
    groups = [known & (numbers >= low) & (numbers <= high) for low, high in _cut(numbers[known])]
    if not known.all():
        groups.append(~known)
    return [
        _describe(numbers[group], {name: answers[group] for name, answers in right.items()}, confidence)
        for group in groups
    ]


def _cut(values: NDArray[np.float64]) -> list[tuple[float, float]]:
    """The lowest and highest value of each group."""
    distinct = np.unique(values)
    if len(distinct) <= MOST_DISTINCT:
        return [(value, value) for value in distinct]
    quartiles = np.quantile(values, [0.25, 0.5, 0.75], method="lower")
    numbers = np.searchsorted(np.unique(quartiles), distinct)
    groups = [distinct[numbers == number] for number in np.unique(numbers)]
    return [(group[0], group[-1]) for group in groups]


def _describe(values: NDArray[np.float64], right: Mapping[str, Bools], confidence: float) -> dict[str, Any]:
    low, high = (None, None) if np.isnan(values).any() else (float(values.min()), float(values.max()))
    shares = {name: float(answers.mean()) for name, answers in right.items()}
    bounds = {name: bound_share(answers, confidence) for name, answers in right.items()}
    return {"from": low, "to": high, "rows": len(values), "systems": shares, "bounds": bounds}
