"""Find the training rows whose label is probably wrong, by confident learning, and say what each row is worth.

It compares labels with the probabilities of a model that has not seen the row (cross-validation). Labels by people are
never suspected. Source: Northcutt, Jiang & Chuang, "Confident Learning" (JAIR 2021), as in the library cleanlab.
"""

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from cleanlab.dataset import overall_label_health_score
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from numpy.typing import NDArray
from scipy.stats import binomtest

LEAST_WEIGHT = 0.05  # of a row that held-out predictions contradict entirely
UNANIMOUS = 1 - 1e-6  # share of the votes
FEWEST = 20  # rows on which votes differ, for these to tell anything
TELLING = 3.0  # a teacher that errs by lot has 0.6 to 1.4 here, a language model 6.8 (docs/student.md)

Floats = NDArray[np.float64]


def find_suspects(rows: pd.DataFrame, numbers: NDArray[np.intp], probabilities: Floats) -> NDArray[np.bool_]:
    """Return for each row whether its label is suspected; `probabilities` (rows, labels) are held-out predictions."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a label with so few rows that none can be suspected
        suspected = find_label_issues(numbers, probabilities, filter_by="both", n_jobs=1)
    by_teacher: NDArray[np.bool_] = rows["source"].eq("teacher").to_numpy(dtype=bool)
    return np.asarray(by_teacher & suspected, dtype=bool)


def doubt_rows(rows: pd.DataFrame, suspected: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which suspected rows should not be learnt: all, or where votes tell errors those on which they differ.

    A language model is mostly right where all its answers agree: what a probe contradicts there is a hard text rather
    than a wrong label.
    """
    return suspected & _votes_differ(rows) if votes_tell_errors(rows, suspected) else suspected


def votes_tell_errors(rows: pd.DataFrame, suspected: NDArray[np.bool_]) -> bool:
    """Return whether this teacher's votes differ where its label is wrong, as far as suspicion tells without gold.

    It does if the rows on which they differ are suspected at least `TELLING` times as often as the others, by the lower
    bound of their share (Wilson 1927). A teacher's probabilities count as shares of votes do: a label that has all of
    them is one on which votes agree.
    """
    differ = _votes_differ(rows)
    agree = rows["source"].eq("teacher").to_numpy(dtype=bool) & ~differ
    if differ.sum() < FEWEST or not agree.any():
        return False
    least = binomtest(int(suspected[differ].sum()), int(differ.sum())).proportion_ci(method="wilson").low
    return bool(least >= TELLING * suspected[agree].mean())


def _votes_differ(rows: pd.DataFrame) -> NDArray[np.bool_]:
    by_teacher: NDArray[np.bool_] = rows["source"].eq("teacher").to_numpy(dtype=bool)
    differ = np.array([max(shares) < UNANIMOUS for shares in rows["soft"]], dtype=bool)
    return np.asarray(by_teacher & differ, dtype=bool)


def measure_health(numbers: NDArray[np.intp], probabilities: Floats) -> float:
    """Return the share of the labels that are right as far as held-out predictions tell: cleanlab's overall score."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # as in `find_suspects`
        return float(overall_label_health_score(numbers, probabilities, verbose=False))


def weigh_rows(rows: pd.DataFrame, numbers: NDArray[np.intp], probabilities: Floats) -> Floats:
    """Return each row's held-out probability of its own label, 1 for labels by people, scaled to a mean of 1."""
    quality = _rate_labels(numbers, probabilities).clip(LEAST_WEIGHT)
    weights: Floats = np.where(rows["source"] != "teacher", 1.0, quality)
    return weights / float(weights.mean())


def list_suspects(
    rows: pd.DataFrame,
    numbers: NDArray[np.intp],
    probabilities: Floats,
    suspected: NDArray[np.bool_],
    labels: Sequence[str],
) -> list[dict[str, object]]:
    """Return the suspected rows in the columns of `tables.SUSPECTS`, the least credible first."""
    quality = _rate_labels(numbers, probabilities)
    places = sorted(np.flatnonzero(suspected), key=lambda place: (quality[place], rows["id"].iloc[place]))
    return [
        {
            "rank": rank,
            **rows[["id", "text", "label"]].iloc[place].to_dict(),
            "suggested": labels[probabilities[place].argmax()],
            "quality": float(quality[place]),
            "probabilities": probabilities[place].tolist(),
        }
        for rank, place in enumerate(places, start=1)
    ]


def _rate_labels(numbers: NDArray[np.intp], probabilities: Floats) -> Floats:
    return np.asarray(get_label_quality_scores(numbers, probabilities, method="self_confidence"), dtype=np.float64)
