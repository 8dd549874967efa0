"""How far readers agree, beyond chance, on the rows that several of them read.

Krippendorff's alpha of all readers is that of the kind's votes: nominal for one label, of sets with MASI's distance, of
spans with 1 - F1 (`distil.kinds.*.labelling.votes`). Of two readers it is kappa or F1 (`distil.quality.agreement`).
Intervals are percentile bootstraps over rows.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from distil.forms.labels import VoteForm
from distil.forms.scores import ScoreForm
from distil.quality import agreement
from distil.review.answers import Answer

SAMPLES, CONFIDENCE, SEED = 500, 0.95, 0
LEAST_ROWS = 2  # for an interval


@dataclass(frozen=True)
class Measure:
    """A measure of agreement on so many rows; it or its bounds are null where they are not defined."""

    name: str
    readers: Sequence[str]
    rows: int
    same: float  # share of the rows, or of pairs of answers, that are the very same
    value: float | None
    low: float | None
    high: float | None


def measure_agreement(
    answers: Iterable[Answer], votes: VoteForm, scores: ScoreForm, labels: Sequence[str]
) -> list[Measure]:
    """Measure each pair of readers, and all of them where there are more than two or to have alpha too.

    `answers` are those that count, of one sheet or several; who was unsure or skipped a row has not read it.
    """
    table = pd.DataFrame(
        [
            (f"{answer.sheet}:{answer.id}", answer.reader, answer.label)
            for answer in answers
            if answer.label is not None
        ],
        columns=["id", "reader", "label"],
    ).pivot(index="id", columns="reader", values="label")
    table = table[table.notna().sum(axis=1) > 1].dropna(axis=1, how="all")  # who shares no row is not named
    if table.empty:
        return []
    pairs = (_measure_pair(table[[one, other]].dropna(), scores, labels) for one, other in combinations(table, 2))
    return [*filter(None, pairs), _measure_all(table, votes, labels)]


def _measure_pair(table: pd.DataFrame, scores: ScoreForm, labels: Sequence[str]) -> Measure | None:
    if table.empty:
        return None
    one, other = table.to_numpy(dtype=object).T

    def measure(rows: np.ndarray) -> float | None:
        return agreement.measure_agreement(list(one[rows]), list(other[rows]), scores, labels)

    name = agreement.name_agreement(scores)
    return _bound(name, list(table), len(table), float((one == other).mean()), measure)


def _measure_all(table: pd.DataFrame, votes: VoteForm, labels: Sequence[str]) -> Measure:
    given = [row.dropna().tolist() for _, row in table.iterrows()]
    nobody = pd.DataFrame({"soft": pd.Series(dtype=object), "votes": pd.Series(dtype=np.int64)})

    def measure(rows: np.ndarray) -> float | None:
        told = [(str(number), label) for number, row in enumerate(rows) for label in given[row]]
        frame = pd.DataFrame(told, columns=["id", "label"]).assign(status="ok", label_logprobs=None)
        return votes.measure_agreement(frame, nobody, labels)["krippendorff_alpha"]

    same = [one == other for several in given for one, other in combinations(several, 2)]
    return _bound("Krippendorff's alpha", list(table), len(table), float(np.mean(same)), measure)


def _bound(
    name: str, readers: Sequence[str], rows: int, same: float, measure: Callable[[np.ndarray], float | None]
) -> Measure:
    rng = np.random.default_rng(SEED)
    drawn = [measure(rng.integers(0, rows, rows)) for _ in range(SAMPLES if rows >= LEAST_ROWS else 0)]
    defined = [value for value in drawn if value is not None]
    ends = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    low, high = (float(end) for end in np.quantile(defined, ends)) if defined else (None, None)
    return Measure(name, readers, rows, same, measure(np.arange(rows)), low, high)


def describe_measure(measure: Measure) -> str:
    """The measure in one line."""
    value = "not defined" if measure.value is None else f"{measure.value:.3f}"
    bounds = "" if measure.value is None or measure.low is None else f" [{measure.low:.3f}, {measure.high:.3f}]"
    return (
        f"{', '.join(measure.readers)}: the same on {measure.same:.1%} of {measure.rows:,} rows, "
        f"{measure.name} {value}{bounds}"
    )
