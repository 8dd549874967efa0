"""Fit the knobs of a training on words to the data; the rules were found on held-out texts (docs/student.md)."""

import math
from typing import Any

from distil.core.errors import InputError
from distil.student.params import TrainParams
from distil.student.recipe import WIDTH, settle

LEARNING_RATE, HEAD_LEARNING_RATE = 3e-4, 1e-3
FEWEST_STEPS, FEWEST_EPOCHS, MOST_EPOCHS = 400, 4, 20
LABEL_SMOOTHING = 0.1
OF_WHOLE_TEXTS: dict[str, tuple[object, ...]] = {  # what the knobs may be that mean nothing where words are tagged
    "pooling": ("base",),
    "class_weights": ("none",),
    "noise": ("keep",),
    "suspects": ("none", "embeddings"),
    "base_share": (None,),
}


def fit_recipe(params: TrainParams, texts: int, width: int) -> tuple[TrainParams, dict[str, dict[str, Any]]]:
    """Return the parameters with every knob settled, and of each knob its value, by whom, and why.

    `width` is the hidden size of the base.
    """
    steps = math.ceil(texts / params.batch_size)
    epochs = min(MOST_EPOCHS, max(FEWEST_EPOCHS, math.ceil(FEWEST_STEPS / steps)))
    rate = float(f"{LEARNING_RATE * (WIDTH / width) ** 2:.1e}")
    ruled: dict[str, tuple[Any, str]] = {
        "head_learning_rate": (HEAD_LEARNING_RATE, "the head is new, and has to learn faster than the base forgets"),
        "learning_rate": (rate, f"for a base of hidden size {width}"),
        "epochs": (epochs, f"at least {FEWEST_STEPS} steps"),
        "label_smoothing": (LABEL_SMOOTHING, "a student that is to be less sure learns less of a wrong label by heart"),
    }
    return settle(params, ruled)


def check_knobs(params: TrainParams) -> None:
    """Raises `InputError` at a knob that asks for what is not there for spans."""
    for name, allowed in OF_WHOLE_TEXTS.items():
        if (value := getattr(params, name)) not in allowed:
            raise InputError(
                f"train.{name} = {value!r} is for kinds that label whole texts, and task.kind is token_classification; "
                "take it out"
            )
    if params.recall_target is not None and params.distill_ensemble:
        raise InputError(
            f"train.recall_target = {params.recall_target:g} and train.distill_ensemble: how sure a student is that "
            "learns from others is not known beforehand; take one of them out"
        )
    if not isinstance(params.epochs, int):
        raise InputError(
            f"train.epochs = {params.epochs}: epochs of a student of spans are not compared; write one number"
        )
