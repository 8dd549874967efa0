"""Train several students that differ in their seed, and keep the median one or what all of them know together."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distil.student.cross_validation import measure_agreement
from distil.student.fine_tuner import FineTuner, Training
from distil.student.targets import Targets, number_labels
from distil.student.training_set import Lessons

Finish = Callable[[Training], Training]  # what is done to a model once it is trained


def _leave(training: Training) -> Training:
    return training


@dataclass(frozen=True)
class Trial:
    """A training from one seed; `agreement` is the share of validation rows with the teacher's label, if any."""

    seed: int
    training: Training
    agreement: float | None


def run_trials(tuner: FineTuner, lessons: Lessons, held_out: pd.DataFrame, finish: Finish = _leave) -> Iterator[Trial]:
    """Train `train.seeds` students, from `train.seed` on."""
    first, count = tuner.params.seed, tuner.params.seeds
    for seed in range(first, first + count):
        name = "train" if count == 1 else f"seed {seed} of {first} to {first + count - 1}"
        training = finish(tuner.train(lessons.targets, lessons.epochs, seed, lessons.places, name))
        yield Trial(seed, training, score_student(tuner, training, held_out))


def choose_median(trials: Sequence[Trial]) -> Trial:
    """Return the trial with the median agreement, the lower one of two in the middle; without any, the first trial."""
    scored = [trial for trial in trials if trial.agreement is not None]
    ranked = sorted(scored, key=lambda trial: (trial.agreement, trial.seed))
    return ranked[(len(ranked) - 1) // 2] if ranked else trials[0]


def distill_trials(
    tuner: FineTuner, lessons: Lessons, trials: Sequence[Trial], held_out: pd.DataFrame, finish: Finish = _leave
) -> Trial:
    """Train one student on the mean probabilities that the trials give to every text, dropped suspects included.

    Source: Hinton, Vinyals & Dean, "Distilling the Knowledge in a Neural Network" (2015).
    """
    seed = tuner.params.seed
    training = finish(tuner.train(average_answers(tuner, trials), lessons.epochs, seed, name="distill the ensemble"))
    return Trial(seed, training, score_student(tuner, training, held_out))


def average_answers(tuner: FineTuner, trials: Sequence[Trial]) -> Targets:
    """Return the mean probabilities of the trials on all of the tuner's texts, of shape (texts, labels)."""
    shares = [tuner.predict_proba(trial.training, tuner.texts) for trial in trials]
    mean: Targets = np.mean(shares, axis=0).astype(np.float32)
    return mean


def score_student(tuner: FineTuner, training: Training, held_out: pd.DataFrame) -> float | None:
    """Return the share of the rows on which a student gives their label; null without rows."""
    if held_out.empty:
        return None
    shares: NDArray[np.float64] = tuner.predict_proba(training, held_out["text"].to_list())
    return measure_agreement(shares, number_labels(held_out, tuner.labels))
