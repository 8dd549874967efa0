"""Set the answers of several systems to the same texts beside each other: what metrics/quality.json says.

The reference is people's labels (gold). Where there are none it is the teacher's label; then the teacher itself is left
out, and no score is called accuracy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from distil.core.errors import InputError
from distil.forms.answering import Answers, Labels
from distil.quality.judging import Scoring
from distil.quality.scores import Bools, is_right
from distil.quality.shared_errors import compare_errors

TEACHER = "teacher"
AGAINST_TEACHER = {"accuracy": "agreement", "balanced_accuracy": "balanced_agreement"}
BOUNDS = ("_low", "_high")


@dataclass(frozen=True)
class Comparison:
    """Every system's answers to all rows, and the rows that have a reference, with its name and labels."""

    answers: Mapping[str, Answers]
    reference: str
    rows: Sequence[int]
    actual: Sequence[str]

    def name_score(self, score: str) -> str:
        """What a score may be called."""
        return score if self.reference == "gold" else name_against_teacher(score)

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


def name_against_teacher(score: str) -> str:
    """What a score against the teacher's labels is called; a bound keeps its end."""
    end = next((end for end in BOUNDS if score.endswith(end)), "")
    stem = score.removesuffix(end)
    return AGAINST_TEACHER.get(stem, f"{stem}_with_teacher") + end


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
        return {
            name: {name_against_teacher(key): value for key, value in found.items()} for name, found in scores.items()
        }
    teacher, right = comparison.systems[TEACHER], comparison.mark_right()
    for name, answers in comparison.systems.items():
        same = is_right(teacher.labels, answers.labels)
        scores[name]["agreement_with_teacher"] = _mean_where(same, teacher.labels)
        if name != TEACHER:
            scores[name]["vs_teacher"] = scoring.compare(comparison.actual, answers, teacher, TEACHER)
            scores[name]["with_teacher"] = _count_shared_errors(right[name], right[TEACHER], same)
    return scores


def summarise(
    comparison: Comparison, scores: Mapping[str, Any], scoring: Scoring, served: str, notes: Sequence[str]
) -> dict[str, Any]:
    """What is to be said of the test set, which system one would put into service, and the systems' scores."""
    teacher = comparison.answers[TEACHER].labels
    return {
        "reference": comparison.reference,
        "score": comparison.name_score(scoring.score_name),
        "headline": [comparison.name_score(name) for name in scoring.form.HEADLINE],
        "served": served,
        "rows": len(comparison.rows),
        "rows_without_reference": len(teacher) - len(comparison.rows),
        "teacher_abstained": sum(label is None for label in teacher),
        "confidence": scoring.bootstrap.confidence,
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
