"""Intervals by resampling rows: what a score would be on other rows of the same kind.

Percentile bootstrap: rows are drawn with replacement, as many as there are, and the interval holds the middle of the
scores that come out. Source: Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapter 13. Where every
sample scores the same, resampling tells nothing: bounds are then exact ones where the score allows it, else null.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_NUMBERS = 2**22  # drawn at a time: 32 MB
NO_WIDTH = 1e-9  # less than this is rounding

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
Bounds = tuple[float | None, float | None]
UNKNOWN: Bounds = (None, None)


@dataclass(frozen=True)
class Bootstrap:
    """How many times rows are resampled, what share of the scores an interval holds, and the seed."""

    samples: int
    confidence: float
    seed: int

    def bound(self, counts: Counts, score: Callable[[Counts], Mapping[str, Floats]]) -> dict[str, Bounds]:
        """Return the bounds of each score.

        Args:
            counts: how many rows there are of each kind, in an array of any shape; rows of a kind score alike. In a
                sample of rows these numbers are multinomial, so that no row has to be drawn by itself.
            score: takes such counts of n samples, of shape (n, *counts.shape), and returns n values of each score.
        """
        parts = [score(drawn) for drawn in self._draw(counts)]
        ends = [(1 - self.confidence) / 2, (1 + self.confidence) / 2]
        bounds = {name: np.quantile(np.concatenate([part[name] for part in parts]), ends) for name in parts[0]}
        return {name: (low, high) if high - low > NO_WIDTH else UNKNOWN for name, (low, high) in bounds.items()}

    def bound_all_or_none(self, share: float, rows: int) -> Bounds:
        """Return the bounds of a share of rows that is 0 or 1: the exact binomial ones (Clopper & Pearson 1934)."""
        unseen = self._bound_unseen(rows)
        return (1 - unseen) * share, (1 - unseen) * share + unseen

    def bound_difference(self, only_one: int, only_other: int, rows: int) -> Bounds:
        """Return the bounds of the difference of two systems' shares of right answers on the same rows.

        It depends on how many rows only the one got right, only the other, and neither or both. Where all rows are of
        one of these kinds, the bounds allow for as large a share of other rows as may well have been missed.
        """
        counts = np.array([only_one, only_other, rows - only_one - only_other])
        bounds = self.bound(counts, lambda drawn: {"": (drawn[:, 0] - drawn[:, 1]) / rows})[""]
        if bounds != UNKNOWN:
            return bounds
        difference, unseen = (only_one - only_other) / rows, self._bound_unseen(rows)
        return (1 - unseen) * difference - unseen, (1 - unseen) * difference + unseen

    def _draw(self, counts: Counts) -> Iterator[Counts]:
        """Yield counts like the given ones, some samples at a time."""
        rng, rows = np.random.default_rng(self.seed), int(counts.sum())
        at_once = max(1, MOST_NUMBERS // counts.size)
        for start in range(0, self.samples, at_once):
            size = min(at_once, self.samples - start)
            yield rng.multinomial(rows, counts.ravel() / rows, size=size).reshape(size, *counts.shape)

    def _bound_unseen(self, rows: int) -> float:
        """The largest share of some kind of row of which so many rows may well show none."""
        return float(1 - ((1 - self.confidence) / 2) ** (1 / rows))
