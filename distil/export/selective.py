"""Find how sure an exported student is of a text, and of which sureness on it may keep one.

The temperature is fitted on validation rows, by the teacher's labels: the calibration rows, on which a threshold is
certified, may not shape what they test. Of the cascade the loss of a text is 0 or 1: whether its answer, the student's
where it is kept and else the teacher's, is another than the one that counts (people's label, or the teacher's).
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distil.classifiers.recorded import KEY, Selective
from distil.selective.params import Target
from distil.selective.threshold import AT_THE_STRICTEST, Calibrated, Chosen, choose_threshold, place_starts

DIGITS = 6  # of the temperature, so that it is one number here and in the folder
Metrics = dict[str, Any]
Floats = NDArray[np.float64]


class SureStudent(Protocol):
    """A student in any form that says how sure it is of a text."""

    labels: list[str]
    selective: Selective

    def predict_with_sureness(self, texts: Sequence[str]) -> tuple[list[Any], Floats]:
        """Return what it says of each text, and how sure it is."""

    def fit_temperature(self, texts: Sequence[str], shares: Sequence[Floats]) -> float:
        """Return the temperature for these texts, each with the shares (`soft`) of its labels."""


def fit_temperature(
    student: SureStudent, validation: pd.DataFrame, soften: Callable[[str, Sequence[str]], Floats]
) -> Metrics:
    """Fit the student's temperature and take it; `validation` are rows of `tables.TRAIN`, `soften` is the kind's."""
    shares = [soften(label, student.labels) for label in validation["label"]]
    temperature = float(f"{student.fit_temperature(validation['text'].to_list(), shares):.{DIGITS}g}")
    student.selective = Selective(temperature)
    return {"temperature": temperature, "rows": len(validation)}


def certify_threshold(
    student: SureStudent,
    calibration: pd.DataFrame,
    validation: Sequence[str],
    write: Callable[[Any], str],
    target: Target,
    allowed: float,
    risk: float,
) -> Chosen:
    """Choose the threshold of a target on rows of `tables.CALIBRATION`, of which `allowed` is the share to be lost.

    `write` writes what the student says in the kind's canonical form. Of `validation`, texts, nothing but the sureness
    is looked at. Rows without the label that counts tell nothing and are left out.
    """
    counts = {"accuracy": "gold", "agreement": "teacher_label"}.get(target.name)
    rows = calibration if counts is None else calibration[calibration[counts].notna()]
    said, sureness = student.predict_with_sureness(rows["text"].to_list())
    known, taught = (np.array(rows[name], dtype=object) for name in (counts or "teacher_label", "teacher_label"))
    right = np.array([write(one) for one in said], dtype=object) == known
    found = Calibrated(np.asarray(sureness), np.asarray(right, dtype=bool), np.asarray(taught == known, dtype=bool))
    starts = (
        place_starts(student.predict_with_sureness(validation)[1]) if target.name == "accuracy" else AT_THE_STRICTEST
    )
    return choose_threshold(found, target, allowed, risk, starts)


def record_choice(chosen: Chosen) -> Metrics:
    """What the folder and metrics/export.json say of the choice; `threshold` is null where none is certified."""
    return {
        "target": {chosen.target.name: chosen.target.value},
        "risk": chosen.risk,
        "calibration_rows": chosen.rows,
        "threshold": chosen.threshold,
        "kept": chosen.kept,
        **({"why": chosen.why} if chosen.threshold is None else {}),
    }


def describe_choice(chosen: Chosen) -> str:
    """The choice in words: what is certified, or that nothing is, and how many rows would do."""
    held = f"{chosen.target} at a risk of {chosen.risk:g} on {chosen.rows:,} calibration rows"
    if chosen.threshold is None or chosen.kept is None:
        return f"no threshold is certified for {held}: {chosen.why}"
    return f"a sureness of {chosen.threshold:.6g} is certified for {held}, and keeps {chosen.kept:.1%} of them"


def write_selective(config: Path, record: Metrics) -> None:
    """Put the record into a config.json, beside what transformers wrote."""
    settings = json.loads(config.read_text(encoding="utf-8"))
    config.write_text(json.dumps(settings | {KEY: record}, indent=2) + "\n", encoding="utf-8")
