"""Cross-validation on the training rows: predictions for each row by a model that has not seen it.

They choose the number of epochs, and confident learning reads them to find wrong labels.
"""

import warnings
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from distil.core.errors import InputError
from distil.encoders.torch_model import TorchEncoder
from distil.student.fine_tuner import FineTuner
from distil.student.out_of_memory import explain_out_of_memory
from distil.student.targets import Targets

INVERSE_REGULARISATION = 10.0
MOST_ITERATIONS = 1000

Floats = NDArray[np.float64]
Numbers = NDArray[np.intp]


def draw_folds(numbers: Numbers, folds: int, seed: int) -> list[tuple[Numbers, Numbers]]:
    """Return the places (to train on, held out) of each fold, every label spread evenly over the folds.

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


def predict_held_out(tuner: FineTuner, numbers: Numbers, targets: Targets, epochs: int) -> Floats:
    """Return for each text the probabilities of a student that was trained without it, of shape (texts, labels)."""
    held_out = np.zeros(targets.shape)
    folds, seed = tuner.params.folds, tuner.params.seed
    for fold, (inside, outside) in enumerate(draw_folds(numbers, folds, seed), start=1):
        training = tuner.train(targets, epochs, seed, inside, f"fold {fold} of {folds}, {epochs} epochs")
        held_out[outside] = tuner.predict_proba(training, [tuner.texts[place] for place in outside])
    return held_out


def predict_held_out_frozen(tuner: FineTuner, numbers: Numbers) -> Floats:
    """Return the same by logistic regression over sentence vectors of the base as it is: seconds, not trainings."""
    with explain_out_of_memory(tuner.device, tuner.save_memory_of_answers):
        vectors = TorchEncoder(tuner.base, str(tuner.device)).encode(tuner.texts)
    held_out = np.zeros((len(tuner.texts), len(tuner.labels)))
    for inside, outside in draw_folds(numbers, tuner.params.folds, tuner.params.seed):
        regression = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=MOST_ITERATIONS)
        regression.fit(vectors[inside], numbers[inside])
        held_out[np.ix_(outside, regression.classes_)] = regression.predict_proba(vectors[outside])
    return held_out


def choose_epochs(held_out: Mapping[int, Floats], numbers: Numbers) -> tuple[int, dict[int, float]]:
    """Return the number of epochs whose held-out predictions agree most with the labels, and all agreements.

    Of equals the fewest epochs win.
    """
    agreements = {epochs: measure_agreement(shares, numbers) for epochs, shares in sorted(held_out.items())}
    return max(agreements, key=lambda epochs: agreements[epochs]), agreements


def measure_agreement(shares: Floats, numbers: Numbers) -> float:
    """The share of the rows whose most probable label is their own."""
    return float((shares.argmax(axis=1) == numbers).mean())
