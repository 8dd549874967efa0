"""Precision, recall and F1 from what is right, known and said, counted in any way; over zero all of them are zero."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def divide(part: Any, whole: Any) -> Floats:
    """Return the quotients, of the same shape."""
    quotient: Floats = np.divide(part, whole, out=np.zeros(np.shape(whole)), where=np.asarray(whole) > 0)
    return quotient


def mean_of(values: Floats, counted: NDArray[np.bool_]) -> Floats:
    """Return means over the last axis of those that are counted."""
    return divide((values * counted).sum(axis=-1), counted.sum(axis=-1))


def score_counts(right: Any, known: Any, said: Any) -> tuple[Floats, Floats, Floats]:
    """Return precision, recall and F1, of the same shape."""
    return divide(right, said), divide(right, known), divide(2 * right, known + said)
