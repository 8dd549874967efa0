"""Choose the sureness from which on a student keeps a text, so that a target is held but for a stated risk.

The rows that it is chosen on are nobody else's. Each row has a loss of 0 or 1 at each threshold: of the cascade as a
whole, whether its answer is wrong, be it the student's or the teacher's. That the mean loss of all texts like these is
more than the target allows is a hypothesis, and the chance of so few losses under it is its exact binomial p-value
(Learn then Test: Angelopoulos, Bates, Candes, Jordan & Lei 2021, arXiv 2110.01052).

The thresholds stand in a fixed order, and are tested one after another until one is not rejected: fixed-sequence
testing, which costs nothing for the number of thresholds. Where the loss need not be least at the first of them there
are several starts, which share the risk; one that is reached from the start before it takes that one's part along (the
fallback procedure: Wiens 2003, Pharmaceutical Statistics 2). So the chance that any threshold is certified that does
not hold the target is at most the risk, over all thresholds that are looked at.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from distil.selective.params import Target

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
KEEP_NONE, KEEP_ALL = np.inf, 0.0  # the strictest threshold, and the loosest
_ODDS = np.arange(30, -30.01, -0.1)  # fine, since thresholds cost nothing; a sureness may be anywhere
GRID: Floats = np.concatenate([[KEEP_NONE], np.unique(np.round(1 / (1 + np.exp(-_ODDS)), 15))[::-1], [KEEP_ALL]])
"""The thresholds, from the strictest to the loosest: fixed before any row was looked at."""

Starts = Mapping[int, float]
AT_THE_STRICTEST: Starts = {0: 1.0}
STARTS = {0.0: 0.1, 1 / 3: 0.8, 2 / 3: 0.1}  # the share of the texts that is kept at a start, and its part of the risk
WORTH = 0.1  # of the texts a threshold has to keep for which it is reckoned how many rows would do
MOST_ROWS, TRIED = 10_000_000, 1200  # numbers of rows that are tried for that


class Calibrated(NamedTuple):
    """The rows that a threshold is chosen on: how sure the student is of each, whether it and the teacher are right."""

    sureness: Floats
    student_right: Bools
    teacher_right: Bools

    @property
    def keeps(self) -> Bools:
        """Which rows are kept at each threshold, of shape (thresholds, rows)."""
        kept: Bools = self.sureness >= GRID[:, None]
        return kept


class Chosen(NamedTuple):
    """What came of the search: the threshold, and the share of the rows that it keeps; or why there is none."""

    target: Target
    risk: float
    rows: int
    threshold: float | None = None
    kept: float | None = None
    why: str = ""


def place_starts(sureness: Floats) -> Starts:
    """The numbers of the thresholds that keep `STARTS` of some texts that are none of the calibration rows.

    Each has its part of the risk. Without texts all of it is at the strictest threshold.
    """
    if not len(sureness):
        return AT_THE_STRICTEST
    placed: dict[int, float] = {}
    for kept, part in STARTS.items():
        number = int(np.argmax(np.quantile(sureness, 1 - kept) >= GRID)) if kept else 0
        placed[number] = placed.get(number, 0.0) + part
    return placed


def choose_threshold(
    rows: Calibrated, target: Target, allowed: float, risk: float, starts: Starts = AT_THE_STRICTEST
) -> Chosen:
    """Choose the loosest threshold that is certified; of dollars the strictest, which asks the teacher most.

    `allowed` is the share of the texts that may be lost, or of dollars that the teacher may be asked. `starts` are
    those of accuracy: of the others no threshold loses less than that at which the testing starts anyway.
    """
    kept, count = rows.keeps, len(rows.sureness)
    shares = kept.sum(axis=1) / max(count, 1)
    order = slice(None, None, -1 if target.name == "usd_per_million" else 1)
    lost = ~kept if target.name == "usd_per_million" else np.where(kept, ~rows.student_right, ~rows.teacher_right)
    losses, shares, grid = lost.sum(axis=1)[order], shares[order], GRID[order]
    starts = starts if target.name == "accuracy" else AT_THE_STRICTEST
    certified = certify(binom.cdf(losses, count, allowed), risk, starts) & (shares > 0)
    if not certified.any():
        return Chosen(target, risk, count, why=_explain(count, losses / max(count, 1), shares, allowed, risk, starts))
    last = int(np.flatnonzero(certified)[-1])
    return Chosen(target, risk, count, float(grid[last]), float(shares[last]))


def certify(p_values: Floats, risk: float, starts: Starts) -> Bools:
    """Which hypotheses are rejected, tested in their order by the fallback procedure."""
    certified = np.zeros(len(p_values), dtype=bool)
    level = 0.0
    for number, p_value in enumerate(p_values):
        level += risk * starts.get(number, 0.0)
        certified[number] = level > 0 and p_value <= level
        level = level if certified[number] else 0.0
    return certified


def _explain(rows: int, rates: Floats, shares: Floats, allowed: float, risk: float, starts: Starts) -> str:
    """How many rows would do if their losses came as often, or that no number would."""
    tried = np.unique(np.round(np.geomspace(rows + 1, MOST_ROWS, TRIED)))
    needed = [
        max(_count_rows(tried, rate, allowed, risk * starts[start]) for rate in np.unique(rates[start : number + 1]))
        for number in np.flatnonzero((shares >= WORTH) & (rates < allowed))
        for start in [max((start for start in starts if start <= number), default=None)]
        if start is not None
    ]
    if not needed or np.isinf(min(needed)):
        return f"no threshold that keeps {WORTH:.0%} of them holds it, whatever their number: lower the target"
    return f"about {min(needed):,.0f} rows would do with an even chance, by the rates of these"


def _count_rows(tried: Floats, rate: float, allowed: float, level: float) -> float:
    """The least of some numbers of rows from which on that share may be lost; infinite if there is none."""
    enough = binom.cdf(np.floor(rate * tried), tried, allowed) <= level
    stays = np.logical_and.accumulate(enough[::-1])[::-1]
    return float(tried[stays.argmax()]) if stays.any() else np.inf
