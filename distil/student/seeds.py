"""Train several students that differ in their seed, and keep the median one or what all of them know together."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distil.student.fine_tuner import FineTuner, Training

Places = NDArray[np.intp]
Finish = Callable[[Training], Training]  # what is done to a model once it is trained
Score = Callable[[Training], float | None]  # how far a student agrees with held-out labels; null without any


def _leave(training: Training) -> Training:
    return training


@dataclass(frozen=True)
class Trial:
    """A training from one seed; `agreement` is how far it agrees with the labels of the validation rows, if any."""

    seed: int
    training: Training
    agreement: float | None


def run_trials(
    tuner: FineTuner, targets: Any, epochs: int, places: Places, score: Score, finish: Finish = _leave
) -> Iterator[Trial]:
    """Train `train.seeds` students on the texts at these places, from `train.seed` on."""
    first, count = tuner.params.seed, tuner.params.seeds
    for seed in range(first, first + count):
        name = "train" if count == 1 else f"seed {seed} of {first} to {first + count - 1}"
        training = finish(tuner.train(targets, epochs, seed, places, name))
        yield Trial(seed, training, score(training))


def choose_median(trials: Sequence[Trial]) -> Trial:
    """Return the trial with the median agreement, the lower one of two in the middle; without any, the first trial."""
    scored = [trial for trial in trials if trial.agreement is not None]
    ranked = sorted(scored, key=lambda trial: (trial.agreement, trial.seed))
    return ranked[(len(ranked) - 1) // 2] if ranked else trials[0]


def distill_trials(
    tuner: FineTuner, epochs: int, trials: Sequence[Trial], score: Score, finish: Finish = _leave
) -> Trial:
    """Train one student on the mean probabilities that the trials give to every text, dropped suspects included.

    Source: Hinton, Vinyals & Dean, "Distilling the Knowledge in a Neural Network" (2015).
    """
    seed = tuner.params.seed
    training = finish(tuner.train(average_answers(tuner, trials), epochs, seed, name="distill the ensemble"))
    return Trial(seed, training, score(training))


def average_answers(tuner: FineTuner, trials: Sequence[Trial]) -> Any:
    """Return the mean probabilities of the trials on all of the tuner's texts, as targets: shape (texts, outputs)."""
    return tuner.average([tuner.predict_proba(trial.training, tuner.texts) for trial in trials])
