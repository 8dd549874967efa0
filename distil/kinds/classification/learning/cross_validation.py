"""Cross-validation on the training rows: predictions for each row by a student that has not seen it.

They choose the number of epochs, and confident learning can read them to find wrong labels.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from distil.kinds.classification.learning.targets import Targets
from distil.linear.folds import Numbers, draw_folds
from distil.student.fine_tuner import FineTuner

Floats = NDArray[np.float64]


def predict_held_out(tuner: FineTuner, numbers: Numbers, targets: Targets, epochs: int) -> Floats:
    """Return for each text the probabilities of a student that was trained without it, of shape (texts, labels)."""
    held_out = np.zeros(targets.shape)
    folds, seed = tuner.params.folds, tuner.params.seed
    for fold, (inside, outside) in enumerate(draw_folds(numbers, folds, seed), start=1):
        training = tuner.train(targets, epochs, seed, inside, f"fold {fold} of {folds}, {epochs} epochs")
        held_out[outside] = tuner.predict_proba(training, [tuner.texts[place] for place in outside])
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
