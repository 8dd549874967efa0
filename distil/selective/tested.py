"""What sureness is worth on test rows: the curve of each student, and what a cascade with its teacher comes to.

A text counts as right if it gets just the answer of the reference; of several labels and of spans that is the very same
set, which is more than their F1 asks for.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distil.forms.answering import Answers
from distil.quality.comparison import TEACHER, Comparison
from distil.quality.headline import CASCADE
from distil.quality.scores import bound_share, is_right
from distil.selective.coverage import draw_curve, measure_area

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Metrics = dict[str, Any]
COLUMNS = ["system", "kept", "right", "low", "high", "threshold"]


def add_cascade(comparison: Comparison, student: str, sureness: Floats, threshold: float | None) -> Comparison:
    """The comparison with one more system: the student where it is sure enough, else the teacher.

    Without a threshold it is left as it is.
    """
    if threshold is None:
        return comparison
    own, others = comparison.answers[student], comparison.answers[TEACHER]
    kept = (sureness >= threshold).tolist()
    givers = [own if keeps else others for keeps in kept]
    answers = Answers(
        [giver.labels[row] for row, giver in enumerate(givers)],
        [giver.probabilities[row] for row, giver in enumerate(givers)],
    )
    return replace(comparison, answers={**comparison.answers, CASCADE: answers})


def list_curves(comparison: Comparison, sureness: Mapping[str, Floats], confidence: float) -> pd.DataFrame:
    """The points of each student's curve: system, kept, right, low, high, threshold."""
    right = comparison.mark_right()
    points = [
        {"system": name, **point._asdict()}
        for name, sure in sureness.items()
        for point in draw_curve(sure[comparison.rows], right[name], confidence)
    ]
    return pd.DataFrame(points, columns=COLUMNS)


def summarise_sureness(
    comparison: Comparison,
    student: str,
    sureness: Mapping[str, Floats],
    chosen: Mapping[str, Any],
    confidence: float,
) -> Metrics:
    """What metrics/quality.json says of each student's sureness, and of the cascade with this one."""
    cascade = summarise_cascade(comparison, student, sureness[student], chosen, confidence)
    return {"sureness": measure_areas(comparison, sureness), "cascade": cascade}


def measure_areas(comparison: Comparison, sureness: Mapping[str, Floats]) -> Metrics:
    """Of each student the area under its curve of risk, which is its error rate where sureness tells nothing."""
    right = comparison.mark_right()
    return {
        name: {
            "area_under_risk_coverage": measure_area(sure[comparison.rows], right[name]),
            "error_rate": float((~right[name]).mean()),
        }
        for name, sure in sureness.items()
    }


def summarise_cascade(
    comparison: Comparison, student: str, sureness: Floats, chosen: Mapping[str, Any], confidence: float
) -> Metrics | None:
    """What came out on test: the share that the student keeps, and how often each is right; null without a target.

    `chosen` is what metrics/export.json says of the choice. `reached` is of what the target is about.
    """
    if "target" not in chosen:
        return None
    told = {key: chosen[key] for key in ("target", "risk", "calibration_rows", "threshold")}
    if chosen["threshold"] is None:
        return told | {"why": chosen["why"]}
    kept = sureness >= chosen["threshold"]
    right = {name: marks for name, marks in comparison.mark_right().items() if name in (student, CASCADE, TEACHER)}
    return {
        **told,
        "kept": tell_share(kept, confidence),
        "right": {name: tell_share(marks, confidence) for name, marks in right.items()},
        **dict(_list_reached(comparison, next(iter(chosen["target"])), confidence)),
    }


def tell_share(marks: Bools, confidence: float) -> Metrics:
    """A share of rows with its exact bounds."""
    low, high = bound_share(marks, confidence)
    return {"share": float(marks.mean()), "low": low, "high": high, "rows": len(marks)}


def _list_reached(comparison: Comparison, target: str, confidence: float) -> Iterator[tuple[str, Metrics]]:
    if target == "accuracy":
        yield "reached", tell_share(comparison.mark_right()[CASCADE], confidence)
    if target == "agreement":
        known = [label is not None for label in comparison.answers[TEACHER].labels]
        same = is_right(comparison.answers[TEACHER].labels, comparison.answers[CASCADE].labels)
        yield "reached", tell_share(same[known], confidence)
