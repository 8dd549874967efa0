"""Cut rows into folds for cross-validation, every label spread evenly over them."""

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from distil.core.errors import InputError

Numbers = NDArray[np.intp]
Folds = list[tuple[Numbers, Numbers]]  # the places to train on, and those held out


def draw_folds(numbers: Numbers, folds: int, seed: int) -> Folds:
    """Return the places (to train on, held out) of each fold; `numbers` is the label of each row.

    Raises `InputError` if the commonest label has fewer rows than there are folds, or a fold would train on one label.
    """
    if np.bincount(numbers).max() < folds:
        raise InputError(
            f"train.folds = {folds}: the commonest label has {np.bincount(numbers).max()} rows; write fewer folds"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a label with fewer rows than folds is left out of some: fine
        splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
        splits = list(splitter.split(numbers, numbers))
    if any(len(np.unique(numbers[inside])) < 2 for inside, _ in splits):
        raise InputError(
            f"train.folds = {folds}: all rows outside a fold have the same label; bring more rows of the rare ones, or "
            "do without cross-validation: write one number for train.epochs, and train.suspects: none"
        )
    return splits


def count_folds(numbers: Numbers, wanted: int) -> int:
    """Return how many folds there can be, `wanted` at most, so that each trains on two labels or more; 0 if none can.

    The second commonest label needs two rows, or some fold would train on one label alone.
    """
    counts = np.sort(np.bincount(numbers))[::-1]
    return int(min(wanted, counts[0])) if len(counts) > 1 and counts[1] > 1 else 0
