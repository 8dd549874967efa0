"""What a student is worth on the texts of which it is surest: risk and coverage.

Coverage is the share of the texts that a student keeps, the surest first, and risk the share of these on which it is
wrong. The area under that curve is the mean risk over all coverages: lower is better, and a student whose sureness
tells nothing has its error rate there (El-Yaniv & Wiener 2010; Geifman & El-Yaniv 2017, arXiv 1705.08500).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from distil.quality.scores import bound_share

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
POINTS = 50  # of a curve that is drawn


class Point(NamedTuple):
    """The share of the texts that is kept, the share of these that is right with exact bounds, and the threshold."""

    kept: float
    right: float
    low: float
    high: float
    threshold: float


def draw_curve(sureness: Floats, right: Bools, confidence: float) -> list[Point]:
    """Points of the curve from few texts to all; texts of which a student is equally sure are kept together."""
    counts, kept_right, thresholds = _accumulate(sureness, right)
    wanted = np.ceil(np.linspace(0, 1, POINTS + 1)[1:] * len(sureness))
    places = sorted(set(np.searchsorted(counts, wanted).tolist()))
    surest_right = right[np.argsort(-sureness, kind="stable")]
    return [
        Point(
            float(counts[place] / len(sureness)),
            float(kept_right[place] / counts[place]),
            (bounds := bound_share(surest_right[: counts[place]], confidence))[0],
            bounds[1],
            float(thresholds[place]),
        )
        for place in places
    ]


def measure_area(sureness: Floats, right: Bools) -> float:
    """The area under the curve of risk by coverage; among texts of equal sureness the order is by chance."""
    counts, kept_right, _ = _accumulate(sureness, right)
    before = np.concatenate([[0], counts[:-1]]), np.concatenate([[0], kept_right[:-1]])
    area = 0.0
    for count, hits, first, hits_before in zip(counts, kept_right, *before, strict=True):
        ranks = np.arange(first + 1, count + 1)
        area += float((1 - np.interp(ranks, [first, count], [hits_before, hits]) / ranks).sum())
    return area / len(sureness)


def _accumulate(sureness: Floats, right: Bools) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """By each sureness that there is, highest first: how many texts have at least that, and how many are right."""
    order = np.argsort(-sureness, kind="stable")
    surest, hits = sureness[order], right[order].cumsum(dtype=np.intp)
    last = np.flatnonzero(np.append(surest[1:] != surest[:-1], True))
    return last + 1, hits[last], surest[last]
