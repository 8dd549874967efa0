"""What a student is to answer to each training text: a distribution over the labels, scaled by the text's weight.

The cross-entropy of a prediction with such a target is the weighted loss, so weights need no place of their own.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distil.core.errors import InputError

Targets = NDArray[np.float32]


def number_labels(rows: pd.DataFrame, labels: Sequence[str]) -> NDArray[np.intp]:
    """Return the place of each row's label among `labels`.

    Raises `InputError` if the rows have other labels, or shares of another number of labels.
    """
    if not set(rows["label"]) <= set(labels) or any(len(shares) != len(labels) for shares in rows["soft"]):
        raise InputError(f"train: the rows were labelled with other labels than {', '.join(labels)}; run 'dvc repro'")
    places = {label: number for number, label in enumerate(labels)}
    return np.array([places[label] for label in rows["label"]], dtype=np.intp)


def share_of_label(rows: pd.DataFrame, numbers: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the share of the teacher's votes that each row's label has."""
    return np.array([shares[number] for shares, number in zip(rows["soft"], numbers, strict=True)], dtype=np.float64)


def make_targets(
    rows: pd.DataFrame, numbers: NDArray[np.intp], count: int, kind: Literal["soft", "hard"], smoothing: float
) -> Targets:
    """Return the answers to learn, of shape (rows, `count` labels).

    soft, the teacher's shares; hard, 1 for the label and 0 elsewhere. `smoothing` takes that share of each answer and
    spreads it evenly over the labels (Szegedy et al. 2016).
    """
    answers = np.stack(rows["soft"].to_list()) if kind == "soft" else np.eye(count)[numbers]
    return ((1 - smoothing) * answers + smoothing / count).astype(np.float32)


def weigh_classes(numbers: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return a weight for each row so that every label that occurs weighs the same; the mean weight is 1."""
    present, places, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    weights: NDArray[np.float64] = len(numbers) / (len(present) * counts)
    return weights[places]
