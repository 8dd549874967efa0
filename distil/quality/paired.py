"""Set two systems beside each other on the same texts, by a score that is no mean over texts, such as F1."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distil.quality.bootstrap import Bootstrap

ROUNDING = 1e-12  # a sum of floats in another order

Sums = NDArray[Any]
Floats = NDArray[np.float64]


def compare_sums(
    one: Sums, other: Sums, score: Callable[[Sums], Floats], bootstrap: Bootstrap
) -> dict[str, float | None]:
    """Return the difference of two systems' scores, its bounds, and the p-value of its being chance.

    Args:
        one: shape (texts, columns), what is counted in each text of a system's answers.
        other: the same of the other system.
        score: the score of sums over texts, from shape (..., columns) to (...).
        bootstrap: how bounds are drawn, and by as many samples the p-value.

    Returns:
        difference (the one's less the other's), difference_low and difference_high, by resampling texts with both
        answers (null where every sample gives the same), and p_value: how often the difference is at least as large
        after the answers to each text are given to the one or the other by lot (approximate randomisation, Noreen 1989;
        Yeh 2000, arXiv cs/0008005).
    """
    columns = one.shape[1]
    kinds, texts = np.unique(np.hstack([one, other]), axis=0, return_counts=True)

    def subtract(sums: Sums) -> Floats:
        return score(sums[..., :columns]) - score(sums[..., columns:])

    low, high = bootstrap.bound(texts, lambda drawn: {"": subtract(drawn @ kinds)})[""]
    difference = float(subtract(texts @ kinds))
    swapped = np.random.default_rng(bootstrap.seed).binomial(texts, 0.5, size=(bootstrap.samples, len(texts)))
    turned = np.hstack([kinds[:, columns:], kinds[:, :columns]])
    by_lot = subtract((texts - swapped) @ kinds + swapped @ turned)
    as_large = int((np.abs(by_lot) >= abs(difference) - ROUNDING).sum())
    return {
        "difference": difference,
        "difference_low": low,
        "difference_high": high,
        "p_value": (as_large + 1) / (bootstrap.samples + 1),
    }
