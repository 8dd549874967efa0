"""Fit the knobs of a training to the data: those that params.yaml names are obeyed, the rest follows from the rows.

What the rules say was found by cross-validation and hold-outs on training rows of several tasks (docs/student.md).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from distil.student.params import TrainParams

WIDTH = 384  # hidden size of the base at which LEARNING_RATE was found
LEARNING_RATE = 1e-4
HEAD_LEARNING_RATE = 1e-2
STEPS, STEPS_PER_LABEL = 250, 3
FEWEST_EPOCHS, MOST_EPOCHS = 3, 20
BASE_SHARE = 0.3


@dataclass(frozen=True)
class Rows:
    """What a recipe looks at: texts to learn from, labels among them, numbers in a hidden state of the base."""

    texts: int
    labels: int
    width: int


def fit_recipe(params: TrainParams, rows: Rows) -> tuple[TrainParams, dict[str, dict[str, Any]]]:
    """Return the parameters with every knob settled, and of each knob of the recipe its value, by whom, and why."""
    steps = STEPS + STEPS_PER_LABEL * rows.labels
    epochs = min(MOST_EPOCHS, max(FEWEST_EPOCHS, round(steps / math.ceil(rows.texts / params.batch_size))))
    rate = float(f"{LEARNING_RATE * (WIDTH / rows.width) ** 2:.1e}")
    ruled: dict[str, tuple[Any, str]] = {
        "head_learning_rate": (HEAD_LEARNING_RATE, "the head is new, and has to learn faster than the base forgets"),
        "learning_rate": (rate, f"for a base of hidden size {rows.width}"),
        "epochs": (epochs, f"some {steps} steps, for {rows.labels} labels"),
        "noise": ("keep" if params.suspects == "none" else "drop", "fine-tuning learns wrong labels by heart"),
        "base_share": (BASE_SHARE, "between base and fine-tuned lies what was learnt, and less of the errors"),
    }
    return settle(params, ruled)


def settle(params: TrainParams, ruled: Mapping[str, tuple[Any, str]]) -> tuple[TrainParams, dict[str, dict[str, Any]]]:
    """Set the knobs that params.yaml does not name; `ruled` has of each its value and why. Returns as `fit_recipe`."""
    named = params.model_fields_set
    settled = {name: value for name, (value, _) in ruled.items() if name not in named}
    told = {
        name: {"value": getattr(params, name), "by": "params", "why": None}
        if name in named
        else {"value": value, "by": "auto", "why": why}
        for name, (value, why) in ruled.items()
    }
    return _replace(params, settled), told


def _replace(params: TrainParams, settled: Mapping[str, Any]) -> TrainParams:
    return TrainParams.model_validate(params.model_dump() | dict(settled))
