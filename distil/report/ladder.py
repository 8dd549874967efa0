"""The ladder of `train`: the ways to a student that it tried, scored on held-out labels of the teacher, and its curve.

Everything here is empty for a study without a ladder (`train.recipe: fixed`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from distil.report.findings import Study
from distil.report.results import Score

RUNGS = {  # by name in metrics/train.json, those that export; the others are baselines of the kind
    "frozen": "Frozen encoder + linear head",
    "fine_tuned": "Fine-tuned encoder",
}
MADE = {  # by name of the rung: how such a student was made
    "frozen": "is its base as it was, with a linear head that distil fitted to those labels",
    "fine_tuned": "was fine-tuned on those labels with distil",
}


@dataclass(frozen=True)
class Rung:
    """One way to a student: its score on held-out labels of the teacher, and the seconds that it took."""

    name: str
    title: str  # what it is called on the page
    score: Score
    rows: int
    seconds: float
    exportable: bool
    chosen: bool


@dataclass(frozen=True)
class Point:
    """A point of the learning curve: the score of frozen features with a linear head on so many training texts."""

    rows: int
    score: Score


def list_rungs(study: Study) -> list[Rung]:
    """The rungs that were tried, in the order in which `train` lists them."""
    ladder = study.train.get("ladder") or {"rungs": {}}
    titles = {**study.words.baselines, **RUNGS}
    return [
        Rung(
            name=name,
            title=titles.get(name, name),
            score=_read_score(rung),
            rows=rung["rows"],
            seconds=rung["seconds"],
            exportable=rung["exportable"],
            chosen=name == ladder["chosen"],
        )
        for name, rung in ladder["rungs"].items()
    ]


def list_curve(study: Study) -> list[Point]:
    """The learning curve from few texts to all."""
    ladder = study.train.get("ladder") or {}
    points = [Point(point["rows"], _read_score(point)) for point in ladder.get("learning_curve") or []]
    return sorted(points, key=lambda point: point.rows)


def list_chosen_knobs(study: Study) -> dict[str, Mapping[str, Any]]:
    """The knobs that `train` set by itself: `value` and `why` of each."""
    return {name: knob for name, knob in (study.train.get("recipe") or {}).items() if knob["by"] == "auto"}


def _read_score(record: Mapping[str, Any]) -> Score:
    return Score(*(record[f"agreement{end}"] for end in ("", "_low", "_high")))
