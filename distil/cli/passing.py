"""The options of `distil predict` that say which texts the student passes on, and to whom."""

import math
from typing import Any

from distil.cascade.asking import Teacher, load_teacher
from distil.classifiers.opening import OnnxStudent
from distil.cli.project import stage_path
from distil.core.errors import InputError
from distil.predict.job import Model


def choose_passed_on(model: Model, below: str | None, unlike: float | None, to: str | None) -> dict[str, Any]:
    """Which texts the student passes on, and to whom, as `Wanted` has it: the file unless told otherwise.

    `unlike` is the share of the texts like the validation texts that may be lost to the distance. Raises `InputError`
    at what is no such thing, and at `auto` where no threshold is certified.
    """
    if below is None and unlike is None:
        if to is not None:
            raise InputError(
                f"--unsure-to {to} needs --unsure-below: auto, or a sureness from 0 to 1 (or --unlike: a share)"
            )
        return {}
    if to not in (None, "file", "teacher"):
        raise InputError(f"--unsure-to {to} is neither file nor teacher")
    chosen: dict[str, Any] = {"unsure_to": to or "file"}
    if below is not None:
        chosen["unsure_below"] = find_certified(model) if below == "auto" else read_sureness(below)
    if unlike is not None and model.unlike is not None:
        chosen["unlike_above"] = model.unlike.find_threshold(unlike)
    return chosen


def find_certified(model: Model) -> float:
    """The threshold that the student's folder holds; raises `InputError` where it has none for the file that runs."""
    selective = model.student.selective
    if selective.threshold is None:
        raise InputError(
            "--unsure-below auto: the student's folder has no certified threshold; set cascade in params.yaml and run "
            "'dvc repro export' (docs/cascade.md), or give a number from 0 to 1"
        )
    if selective.file not in (None, model.file):
        raise InputError(
            f"--unsure-below auto: the threshold is certified for {selective.file}, not for {model.file}; leave out "
            "--file, or give a number from 0 to 1"
        )
    return selective.threshold


def read_sureness(given: str) -> float:
    """A number from 0 to 1; raises `InputError` if it is none."""
    try:
        sureness = float(given)
    except ValueError:
        sureness = math.nan
    if not 0 <= sureness <= 1:
        raise InputError(f"--unsure-below {given} is neither auto nor a number from 0 to 1")
    return sureness


def open_teacher(student: OnnxStudent) -> Teacher:
    """The teacher of the study here; raises `InputError` if it has other labels than the student."""
    teacher = load_teacher(stage_path("annotate", "--assets"), stage_path("annotate", "--annotations"))
    if (teacher.task.kind, teacher.task.labels) != (student.kind, student.labels):
        raise InputError(
            f"--unsure-to teacher: the study here has {teacher.task.kind} with {teacher.task.labels}, and the student "
            f"{student.kind} with {student.labels}; run it in the study of the student"
        )
    return teacher
