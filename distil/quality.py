"""Set the answers of several systems to the same texts beside each other: what metrics/quality.json says.

The reference is people's labels (gold). Where there are none it is the teacher's label; then the teacher itself is left
out, and no score is called accuracy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distil.errors import InputError
from distil.scores import bootstrap_intervals, compare_paired, is_right, score_labels

TEACHER = "teacher"
AGAINST_TEACHER = {
    "accuracy": "agreement",
    "balanced_accuracy": "balanced_agreement",
    "precision": "precision_with_teacher",
    "recall": "recall_with_teacher",
    "macro_f1": "macro_f1_with_teacher",
    "micro_f1": "micro_f1_with_teacher",
}
Labels = Sequence[str | None]


@dataclass(frozen=True)
class Scoring:
    """The labels that there are, and how intervals are drawn."""

    labels: Sequence[str]
    samples: int
    confidence: float
    seed: int

    def score(self, actual: Sequence[str], predicted: Labels) -> dict[str, Any]:
        """Return the scores, with the bounds NAME_low and NAME_high after each that has an interval."""
        intervals = bootstrap_intervals(actual, predicted, self.labels, self.samples, self.confidence, self.seed)
        scores: dict[str, Any] = {}
        for name, value in score_labels(actual, predicted, self.labels).items():
            scores[name] = value
            if name in intervals:
                scores[f"{name}_low"], scores[f"{name}_high"] = intervals[name]
        return scores


def choose_reference(gold: Labels, teacher: Labels) -> tuple[str, Labels]:
    """Return what rows are scored against, and its name: gold, or the teacher's labels where no row has gold."""
    return ("gold", gold) if any(label is not None for label in gold) else (TEACHER, teacher)


def score_systems(gold: Labels, systems: Mapping[str, Labels], scoring: Scoring) -> dict[str, Any]:
    """Score every system on the rows that have a reference; `systems` holds one label a row, null for an abstention.

    Raises `InputError` if no row has a reference.
    """
    name, reference = choose_reference(gold, systems[TEACHER])
    rows = [(number, label) for number, label in enumerate(reference) if label is not None]
    if not rows:
        raise InputError("no test row has a gold label or a label of the teacher; see metrics/annotate.json")
    actual = [label for _, label in rows]
    scored = {system: [labels[number] for number, _ in rows] for system, labels in systems.items()}
    score = _score_against_people if name == "gold" else _score_against_teacher
    return {
        "reference": name,
        "rows": len(rows),
        "rows_without_reference": len(reference) - len(rows),
        "teacher_abstained": sum(label is None for label in systems[TEACHER]),
        "confidence": scoring.confidence,
        "systems": score(actual, scored, scoring),
    }


def _score_against_people(gold: Sequence[str], systems: Mapping[str, Labels], scoring: Scoring) -> dict[str, Any]:
    """Each system's scores, and how it compares with the teacher on the same rows."""
    teacher = systems[TEACHER]
    teacher_right = is_right(gold, teacher)
    scores: dict[str, Any] = {}
    for name, predicted in systems.items():
        scores[name] = scoring.score(gold, predicted)
        scores[name]["agreement_with_teacher"] = _share_agreeing(teacher, predicted)
        if name != TEACHER:
            only_this, only_teacher, p_value = compare_paired(is_right(gold, predicted), teacher_right)
            paired = {"only_this_right": only_this, "only_teacher_right": only_teacher, "p_value": p_value}
            scores[name]["vs_teacher"] = paired
    return scores


def _score_against_teacher(teacher: Sequence[str], systems: Mapping[str, Labels], scoring: Scoring) -> dict[str, Any]:
    """Each system's agreement with the teacher: the same figures, under names that claim no more."""
    return {
        name: {_rename(key): value for key, value in scoring.score(teacher, predicted).items()}
        for name, predicted in systems.items()
        if not name.startswith(TEACHER)
    }


def _share_agreeing(teacher: Labels, predicted: Labels) -> float | None:
    """Share of the rows that the teacher labelled on which the system gives the same label."""
    pairs = [(one, other) for one, other in zip(teacher, predicted, strict=True) if one is not None]
    return sum(one == other for one, other in pairs) / len(pairs) if pairs else None


def _rename(key: str) -> str:
    bound = next((end for end in ("_low", "_high") if key.endswith(end)), "")
    stem = key.removesuffix(bound)
    return AGAINST_TEACHER.get(stem, stem) + bound
