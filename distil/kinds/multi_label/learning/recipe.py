"""Fit the knobs of a training on sets of labels to the data; what the rules say was measured (docs/student.md)."""

import math
from typing import Any

from distil.core.errors import InputError
from distil.student.params import TrainParams
from distil.student.recipe import BASE_SHARE, HEAD_LEARNING_RATE, LEARNING_RATE, WIDTH, settle

FEWEST_STEPS, FEWEST_EPOCHS, MOST_EPOCHS = 300, 4, 20
LEFT_OUT: dict[str, tuple[tuple[str, ...], str]] = {  # what the knobs may be, and why no more
    "class_weights": (("none",), "each label has a threshold of its own, chosen on texts held out, and no weight"),
    "noise": (("keep",), "nobody looks for labels that are wrong"),
    "suspects": (("none", "embeddings"), "nobody looks for labels that are wrong"),
}


def fit_recipe(params: TrainParams, texts: int, width: int) -> tuple[TrainParams, dict[str, dict[str, Any]]]:
    """Return the parameters with every knob settled, and of each knob its value, by whom, and why.

    `width` is the hidden size of the base.
    """
    epochs = math.ceil(FEWEST_STEPS / math.ceil(texts / params.batch_size))
    rate = float(f"{LEARNING_RATE * (WIDTH / width) ** 2:.1e}")
    ruled: dict[str, tuple[Any, str]] = {
        "head_learning_rate": (HEAD_LEARNING_RATE, "the head is new, and has to learn faster than the base forgets"),
        "learning_rate": (rate, f"for a base of hidden size {width}"),
        "epochs": (min(MOST_EPOCHS, max(FEWEST_EPOCHS, epochs)), f"at least {FEWEST_STEPS} steps"),
        "base_share": (BASE_SHARE, "between base and fine-tuned lies what was learnt, and less of the errors"),
    }
    return settle(params, ruled)


def check_knobs(params: TrainParams) -> None:
    """Raise `InputError` at a knob that asks for what is not there for several labels a text."""
    for name, (allowed, why) in LEFT_OUT.items():
        if (value := getattr(params, name)) not in allowed:
            raise InputError(
                f"train.{name} = {value!r}: with several labels a text {why}; write {allowed[0]}, or take it out"
            )
    count_epochs(params)


def count_epochs(params: TrainParams) -> int:
    """The number of epochs; raises `InputError` for a list to choose from."""
    if isinstance(params.epochs, int):
        return params.epochs
    raise InputError(
        f"train.epochs = {params.epochs}: with several labels a text epochs are not compared; write one number"
    )
