"""How answers of one label a text are judged: by the share of the texts that get the known label."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distil.forms.answering import Answers
from distil.kinds.classification.labelling.canonical.label import name_labels
from distil.kinds.classification.scoring.scores import HEADLINE
from distil.quality import calibration
from distil.quality.bootstrap import UNKNOWN
from distil.quality.calibration import measure_calibration
from distil.quality.few_shot import draw_few_shot
from distil.quality.judging import Scoring, Wording, add_bounds
from distil.quality.notes import note_few_shot
from distil.quality.scores import compare_paired, is_right, score_labels, score_tables, tabulate

__all__ = [
    "COMPARED",
    "HEADLINE",
    "JUDGED",
    "WORDING",
    "compare",
    "draw_few",
    "judge",
    "list_notes",
    "measure_consent",
    "name_labels",
    "pair_decisions",
    "score",
    "score_labels",
]

COMPARED: tuple[str, ...] = ("accuracy", "balanced_accuracy", "macro_f1")
JUDGED = "accuracy"
WORDING = Wording(
    score="accuracy",
    gold="is right on",
    teacher="gives the teacher's label on",
    of="of",
    other="on",
    agrees="on",
    test="McNemar's exact test",
)


def score(actual: Sequence[str], answers: Answers, scoring: Scoring) -> dict[str, Any]:
    """Return the scores, each with its bounds NAME_low and NAME_high, confusion and calibration."""
    table = tabulate(actual, answers.labels, scoring.labels)
    bounds = scoring.bootstrap.bound(table, score_tables)
    found = score_labels(actual, answers.labels, scoring.labels)
    if bounds["accuracy"] == UNKNOWN:
        bounds["accuracy"] = scoring.bootstrap.bound_all_or_none(found["accuracy"], len(actual))
    return add_bounds(found, bounds) | {
        "confusion": table.tolist(),
        "calibration": measure_calibration(judge(actual, answers, scoring), scoring.bootstrap),
    }


def judge(actual: Sequence[str], answers: Answers, scoring: Scoring) -> pd.DataFrame:
    """Compare the probabilities with the reference, as `distil.quality.calibration.judge` has it."""
    return calibration.judge(actual, answers.labels, answers.probabilities, scoring.labels, scoring.calibration_bins)


def compare(actual: Sequence[str], answers: Answers, other: Answers, scoring: Scoring, name: str) -> dict[str, Any]:
    """Set the rows on which a system is right beside those on which the `other` is: McNemar's p, difference, bounds."""
    right, other_right = is_right(actual, answers.labels), is_right(actual, other.labels)
    only_this, only_other, p_value = compare_paired(right, other_right)
    low, high = scoring.bootstrap.bound_difference(only_this, only_other, len(right))
    return {
        "only_this_right": only_this,
        f"only_{name}_right": only_other,
        "p_value": p_value,
        "difference": (only_this - only_other) / len(right),
        "difference_low": low,
        "difference_high": high,
    }


def pair_decisions(actual: Sequence[str], answers: Answers) -> Iterable[tuple[str, str | None]]:
    """The known label of each text and the one said, null where the system abstained."""
    return zip(actual, answers.labels, strict=True)


def measure_consent(soft: NDArray[np.float64]) -> float:
    """The share of the likeliest label."""
    return float(soft.max())


def list_notes(
    actual: Sequence[str], systems: Mapping[str, Answers], labels: Sequence[str], score_name: str
) -> list[str]:
    """Say which labels no row has, and which systems are right on all rows or none."""
    notes = []
    occurring = set(actual)
    missing = [label for label in labels if label not in occurring]
    if len(occurring) == 1:
        (only,) = occurring
        notes.append(
            f"Every scored row has the label {only}: the balanced score is its recall, other labels are not tested."
        )
    elif missing:
        notes.append(f"No scored row has the label {' or '.join(missing)}, so that is not tested.")
    right = {name: is_right(actual, answers.labels) for name, answers in systems.items()}
    if same := [name for name, rows in right.items() if rows.all() or not rows.any()]:
        notes.append(
            f"With the reference's label on all rows or none: {', '.join(same)}. Resampling shows nothing then: the "
            f"interval of {score_name} is the exact binomial one, those of precision, recall and F1 are unknown."
        )
    return notes


def draw_few(
    texts: pd.DataFrame, test_ids: pd.Series, labels: Sequence[str], per_label: int, seed: int
) -> tuple[pd.DataFrame, list[str]]:
    """Draw rows of each label, as `distil.quality.few_shot` does, and say of which labels there are too few."""
    few = draw_few_shot(texts, test_ids, labels, per_label, seed)
    return few, note_few_shot(few, labels, per_label)
