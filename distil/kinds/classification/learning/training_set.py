"""Decide what the student learns: which rows, to answer what, and for how many epochs."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from distil.core.errors import InputError
from distil.kinds.classification.learning.cross_validation import Floats, choose_epochs, predict_held_out
from distil.kinds.classification.learning.frozen import Frozen
from distil.kinds.classification.learning.label_noise import (
    doubt_rows,
    find_suspects,
    list_suspects,
    measure_health,
    weigh_rows,
)
from distil.kinds.classification.learning.targets import (
    Targets,
    make_targets,
    number_labels,
    share_of_label,
    weigh_classes,
)
from distil.linear.folds import Numbers
from distil.student.fine_tuner import FineTuner
from distil.student.taught import Lessons


def keep_agreed(rows: pd.DataFrame, labels: Sequence[str], min_agreement: float) -> pd.DataFrame:
    """Return the rows whose label has at least this share of the votes; labels by people stay.

    Raises `InputError` if fewer than two labels are left, or the rows have other labels than `labels`.
    """
    agreed = share_of_label(rows, number_labels(rows, labels)) >= min_agreement
    kept = rows[agreed | (rows["source"] != "teacher").to_numpy()].reset_index(drop=True)
    why = "see in metrics/annotate.json why the teacher's answers were of no use"
    remedy = f"{why}, or lower aggregate.min_agreement"
    if len(kept) < len(rows):
        remedy = f"{len(rows) - len(kept)} more are below train.min_agreement = {min_agreement:g}; lower it"
    _check_labels(kept["label"], remedy)
    return kept


def prepare_lessons(tuner: FineTuner, rows: pd.DataFrame, frozen: Frozen) -> Lessons:
    """Turn rows into targets by the parameters; `rows` are those of the tuner's texts, in their order.

    Nothing is suspected where there are too few rows for `frozen` to hold any out. Where dropping would leave one
    label, a recipe that fits itself drops nothing, and one that is fixed raises `InputError`.
    """
    params, numbers = tuner.params, frozen.numbers
    targets = make_targets(rows, numbers, len(tuner.labels), params.targets, params.label_smoothing)
    epochs, agreements, held_out = _settle_epochs(tuner, numbers, targets)
    places, weights = np.arange(len(rows)), np.ones(len(rows))
    suspects: list[dict[str, object]] | None = None
    health: float | None = None
    if params.suspects == "embeddings":
        held_out = frozen.held_out
    elif params.suspects == "student" and held_out is None:
        held_out = predict_held_out(tuner, numbers, targets, epochs)
    if held_out is not None and params.suspects != "none":
        suspected = find_suspects(rows, numbers, held_out)
        suspects = list_suspects(rows, numbers, held_out, suspected, tuner.labels)
        health = measure_health(numbers, held_out)
        doubted = doubt_rows(rows, suspected)
        if params.noise == "drop" and (params.recipe == "fixed" or len(np.unique(numbers[~doubted])) > 1):
            places = np.flatnonzero(~doubted)
            _check_labels(rows["label"].iloc[places], f"noise: drop left out {doubted.sum()} rows; write noise: keep")
        elif params.noise == "reweight":
            weights = weigh_rows(rows, numbers, held_out)
    if params.class_weights == "balanced":
        by_label = dict(zip(numbers[places], weigh_classes(numbers[places]), strict=True))
        weights *= [by_label.get(number, 1.0) for number in numbers]  # what is left out may come back
    return Lessons((targets * weights[:, None]).astype(np.float32), places, epochs, agreements, suspects, health)


def _settle_epochs(
    tuner: FineTuner, numbers: Numbers, targets: Targets
) -> tuple[int, Mapping[int, float] | None, Floats | None]:
    """The number of epochs and, where cross-validation chooses it, what it found and its held-out predictions."""
    wanted = tuner.params.epochs
    if isinstance(wanted, int):
        return wanted, None, None
    held_out = {count: predict_held_out(tuner, numbers, targets, count) for count in sorted(set(wanted))}
    epochs, agreements = choose_epochs(held_out, numbers)
    return epochs, agreements, held_out[epochs]


def _check_labels(labels: pd.Series, remedy: str) -> None:
    counts = labels.value_counts().to_dict()
    if len(counts) < 2:
        found = ", ".join(f"{count} of {label}" for label, count in counts.items()) or "none"
        raise InputError(f"train: a classifier needs rows of two labels, and has {found}; {remedy}")
