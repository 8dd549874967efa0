"""Set the answers of several systems to the same texts beside each other: what metrics/quality.json says.

The reference is people's labels (gold). Where there are none it is the teacher's label; then the teacher itself is left
out, and no score is called accuracy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from distil.core.errors import InputError
from distil.forms.answering import Answers, Labels
from distil.quality.bootstrap import UNKNOWN, Bootstrap
from distil.quality.calibration import judge, measure_calibration
from distil.quality.scores import Bools, compare_paired, is_right, score_labels, score_tables, tabulate
from distil.quality.shared_errors import compare_errors

TEACHER = "teacher"
AGAINST_TEACHER = {
    "accuracy": "agreement",
    "balanced_accuracy": "balanced_agreement",
    "precision": "precision_with_teacher",
    "recall": "recall_with_teacher",
    "macro_f1": "macro_f1_with_teacher",
    "micro_f1": "micro_f1_with_teacher",
    "per_class": "per_class_with_teacher",
    "confusion": "confusion_with_teacher",
    "calibration": "calibration_with_teacher",
}


@dataclass(frozen=True)
class Comparison:
    """Every system's answers to all rows, and the rows that have a reference, with its name and labels."""

    answers: Mapping[str, Answers]
    reference: str
    rows: Sequence[int]
    actual: Sequence[str]

    @property
    def score_name(self) -> str:
        """What the share of rows with the label of the reference may be called."""
        return "accuracy" if self.reference == "gold" else AGAINST_TEACHER["accuracy"]

    @cached_property
    def systems(self) -> dict[str, Answers]:
        """The answers to the rows that have a reference."""
        return {name: answers.select(self.rows) for name, answers in self.answers.items()}

    @property
    def scored(self) -> dict[str, Answers]:
        """The systems that are scored: without gold all but the teacher."""
        return {
            name: answers
            for name, answers in self.systems.items()
            if self.reference == "gold" or not name.startswith(TEACHER)
        }

    def mark_right(self) -> dict[str, Bools]:
        """Of each scored system, on which of the rows it gives the label of the reference."""
        return {name: is_right(self.actual, answers.labels) for name, answers in self.scored.items()}


@dataclass(frozen=True)
class Scoring:
    """The labels that there are, the bins of the calibration error, and how intervals are drawn."""

    labels: Sequence[str]
    calibration_bins: int
    bootstrap: Bootstrap

    def score(self, actual: Sequence[str], answers: Answers) -> dict[str, Any]:
        """Return the scores, each with its bounds NAME_low and NAME_high, confusion and calibration."""
        table = tabulate(actual, answers.labels, self.labels)
        bounds = self.bootstrap.bound(table, score_tables)
        found = score_labels(actual, answers.labels, self.labels)
        if bounds["accuracy"] == UNKNOWN:
            bounds["accuracy"] = self.bootstrap.bound_all_or_none(found["accuracy"], len(actual))
        scores: dict[str, Any] = {}
        for name, value in found.items():
            scores[name] = value
            if name in bounds:
                scores[f"{name}_low"], scores[f"{name}_high"] = bounds[name]
        scores["confusion"] = table.tolist()
        scores["calibration"] = measure_calibration(self.judge(actual, answers), self.bootstrap)
        return scores

    def judge(self, actual: Sequence[str], answers: Answers) -> pd.DataFrame:
        """Compare a system's probabilities with the reference, as `distil.quality.calibration.judge` has it."""
        return judge(actual, answers.labels, answers.probabilities, self.labels, self.calibration_bins)


def choose_reference(gold: Labels, teacher: Labels) -> tuple[str, Labels]:
    """Return what rows are scored against, and its name: gold, or the teacher's labels where no row has gold."""
    return ("gold", gold) if any(label is not None for label in gold) else (TEACHER, teacher)


def compare(gold: Labels, systems: Mapping[str, Answers]) -> Comparison:
    """Select the rows that have a reference; `systems` answer the same rows as `gold`.

    Raises `InputError` if no row has a reference.
    """
    name, reference = choose_reference(gold, systems[TEACHER].labels)
    known = {row: label for row, label in enumerate(reference) if label is not None}
    if not known:
        raise InputError("no test row has a gold label or a label of the teacher; see metrics/annotate.json")
    return Comparison(systems, name, list(known), list(known.values()))


def score_systems(comparison: Comparison, scoring: Scoring) -> dict[str, dict[str, Any]]:
    """Score every system: against people together with how it compares with the teacher on the same rows."""
    scores = {name: scoring.score(comparison.actual, answers) for name, answers in comparison.scored.items()}
    if comparison.reference == TEACHER:
        return {name: {_rename(key): value for key, value in found.items()} for name, found in scores.items()}
    teacher, right = comparison.systems[TEACHER], comparison.mark_right()
    for name, answers in comparison.systems.items():
        same = is_right(teacher.labels, answers.labels)
        scores[name]["agreement_with_teacher"] = _mean_where(same, teacher.labels)
        if name != TEACHER:
            scores[name]["vs_teacher"] = compare_right(right[name], right[TEACHER], scoring.bootstrap)
            scores[name]["with_teacher"] = _count_shared_errors(right[name], right[TEACHER], same)
    return scores


def compare_right(right: Bools, other_right: Bools, bootstrap: Bootstrap, other: str = TEACHER) -> dict[str, Any]:
    """Set the rows on which a system is right beside those on which the `other` is: McNemar's p, difference, bounds."""
    only_this, only_other, p_value = compare_paired(right, other_right)
    low, high = bootstrap.bound_difference(only_this, only_other, len(right))
    return {
        "only_this_right": only_this,
        f"only_{other}_right": only_other,
        "p_value": p_value,
        "difference": (only_this - only_other) / len(right),
        "difference_low": low,
        "difference_high": high,
    }


def summarise(
    comparison: Comparison, scores: Mapping[str, Any], served: str, confidence: float, notes: Sequence[str]
) -> dict[str, Any]:
    """What is to be said of the test set, which system one would put into service, and the systems' scores."""
    teacher = comparison.answers[TEACHER].labels
    return {
        "reference": comparison.reference,
        "served": served,
        "rows": len(comparison.rows),
        "rows_without_reference": len(teacher) - len(comparison.rows),
        "teacher_abstained": sum(label is None for label in teacher),
        "confidence": confidence,
        "notes": list(notes),
        "systems": dict(scores),
    }


def _count_shared_errors(right: Bools, teacher_right: Bools, same: Bools) -> dict[str, Any]:
    found = compare_errors(~right, ~teacher_right, same)
    return {
        "both_wrong": found["both_wrong"],
        "expected_both_wrong": found["expected"] * len(right),
        "same_wrong_label": found["same_label"],
    }


def _mean_where(same: Bools, labels: Labels) -> float | None:
    """Share of the rows that have a label on which `same` holds."""
    labelled = np.array([label is not None for label in labels])
    return float(same[labelled].mean()) if labelled.any() else None


def _rename(key: str) -> str:
    bound = next((end for end in ("_low", "_high") if key.endswith(end)), "")
    stem = key.removesuffix(bound)
    return AGAINST_TEACHER.get(stem, stem) + bound
