"""The few scores that one compares between branches, out of all that evaluate tells."""

from collections.abc import Mapping
from typing import Any

from distil.core.served import PRECISIONS
from distil.quality.comparison import TEACHER, name_against_teacher

Metrics = dict[str, Any]
CASCADE = "cascade"  # the student where it is sure enough, else the teacher: no system to be beaten


def pick_score(summary: Mapping[str, Any]) -> Metrics:
    """THE score of student, served file and best baseline, and how far that file is from the teacher, with interval.

    The file goes by its precision: int8, or fp32 where that is served. Without gold it is their agreement with the
    teacher, under that name, and there is no gap. `baseline` is the one with the best score on the scored rows,
    which flatters it a little where several are close. The teacher's own score is told by split.
    """
    name = summary["score"]
    gap = summary["systems"][summary["served"]].get("vs_teacher")
    bounds = {"gap": "difference", "gap_low": "difference_low", "gap_high": "difference_high"}
    return {name: _pick(summary, name)} | ({key: gap[figure] for key, figure in bounds.items()} if gap else {})


def pick_macro_f1(summary: Mapping[str, Any]) -> Metrics:
    """Macro F1 of the same systems; without gold against the teacher's labels, and named so."""
    name = name_against_teacher("macro_f1") if summary["reference"] == TEACHER else "macro_f1"
    return {name: _pick(summary, name)}


def find_best_baseline(summary: Mapping[str, Any]) -> str:
    """The baseline with the best score (without gold, by the teacher's labels); of several the first."""
    name, systems = summary["score"], summary["systems"]
    baselines = [str(system) for system in systems if is_baseline(system)]
    return max(baselines, key=lambda system: float(systems[system][name]))


def is_baseline(system: str) -> bool:
    """Whether a system is one to be beaten, neither teacher nor student nor both."""
    return not system.startswith((TEACHER, "student", CASCADE))


def _pick(summary: Mapping[str, Any], name: str) -> Metrics:
    served = summary["served"]
    told = {"student": "student", PRECISIONS[served]: served, "baseline": find_best_baseline(summary)}
    return {short: summary["systems"][system][name] for short, system in told.items()}
