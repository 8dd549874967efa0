"""Say where several teachers that are pooled are worse than one of them alone, whose price is a part of theirs.

Each teacher alone is compared with all of them pooled, row by row: McNemar's exact test, its p-values adjusted over the
teachers by Holm's procedure. Where it says that one is better, that is a warning; where one is right more often and
chance may have done it, a note.
"""

from collections.abc import Mapping
from typing import Any

from distil.quality.shortfalls import adjust_by_holm

POOLED_WORSE = "pooled_worse_than_one"

Record = dict[str, Any]


def find_pooling_shortfall(teachers: Mapping[str, Any] | None, confidence: float) -> list[Record]:
    """A record as `distil.quality.shortfalls` has them if a teacher is better alone; `teachers` of compare_teachers."""
    better = _list_better(teachers)
    proven = [record for record in better if record["p_value"] <= 1 - confidence]
    if not teachers or not proven:
        return []
    finding = f"{_tell(teachers, proven[0])} (McNemar's exact test over all teachers, p = {proven[0]['p_value']:.2g})."
    return [{"kind": POOLED_WORSE, "finding": finding, "systems": proven}]


def note_pooling(teachers: Mapping[str, Any] | None, confidence: float) -> list[str]:
    """A sentence if a teacher is right more often alone, and that may be chance."""
    better = _list_better(teachers)
    if not teachers or not better or any(record["p_value"] <= 1 - confidence for record in better):
        return []
    return [f"{_tell(teachers, better[0])}, which may be chance (p = {better[0]['p_value']:.2g})."]


def describe_teachers(teachers: Mapping[str, Any]) -> str:
    """The accuracy of each teacher alone and of all pooled, in a few words."""
    alone = ", ".join(f"{name} {accuracy:.3f}" for name, accuracy in teachers["accuracy"].items())
    return f"teachers alone: {alone}; pooled {teachers['pooled']:.3f}"


def _list_better(teachers: Mapping[str, Any] | None) -> list[Record]:
    """The teachers that are right more often than all pooled, the best first, each with its adjusted p-value."""
    if not teachers:
        return []
    compared = teachers["vs_pooled"]
    adjusted = adjust_by_holm([one["p_value"] for one in compared.values()])
    records = [
        {
            "system": name,
            "difference": (one["only_pooled_right"] - one["only_teacher_right"]) / teachers["rows"],
            "p_value": float(p_value),
        }
        for (name, one), p_value in zip(compared.items(), adjusted, strict=True)
    ]
    return sorted((it for it in records if it["difference"] < 0), key=lambda it: float(it["difference"]))


def _tell(teachers: Mapping[str, Any], better: Record) -> str:
    alone = f"{better['system']} alone on {teachers['accuracy'][better['system']]:.1%}"
    return f"Pooled, the teachers are right on {teachers['pooled']:.1%} of {teachers['rows']:,} test texts, {alone}"
