"""Teach a student: settle the recipe, climb the ladder, and train what was chosen on all rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from distil.encoders.heads import set_head
from distil.linear.folds import Numbers, count_folds
from distil.student.fine_tuner import FineTuner, Pooling, Training
from distil.student.frozen import Frozen, leave_unread, validate_frozen
from distil.student.held_back import hold_back
from distil.student.ladder import Ladder, climb
from distil.student.recipe import Rows, fit_recipe
from distil.student.seeds import Trial, choose_median, distill_trials, run_trials, score_student
from distil.student.targets import number_labels
from distil.student.training_set import Lessons, prepare_lessons

Recipe = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Taught:
    """The student that is kept, what it comes from, and how it was chosen; `ladder` and `recipe` null if it was not."""

    rung: str
    kept: Trial
    trials: Sequence[Trial]
    lessons: Lessons
    ladder: Ladder | None
    recipe: Recipe | None


def teach(tuner: FineTuner, rows: pd.DataFrame, held_out: pd.DataFrame) -> Taught:
    """Train a student on `rows`, which are those of the tuner's texts; `held_out` are validation rows.

    The tuner's parameters become what the recipe settles them to. Raises `InputError` if one label is left, or rows are
    too few for what the parameters ask.
    """
    numbers, named = number_labels(rows, tuner.labels), tuner.params.model_fields_set
    pooling = tuner.params.pooling if "pooling" in named else None
    if tuner.params.recipe == "fixed":
        rung = "fine_tuned" if tuner.params.rung == "auto" else tuner.params.rung
        frozen = _freeze_as_told(tuner, numbers, pooling)
        lessons = prepare_lessons(tuner, rows, frozen)
        return Taught(*_train(tuner, frozen, lessons, held_out, rung, frozen.temperature), lessons, None, None)
    folds = tuner.params.folds if "folds" in named else count_folds(numbers, tuner.params.folds)
    tuner.params, recipe = fit_recipe(tuner.params, Rows(len(rows), len(np.unique(numbers)), tuner.width))
    frozen = validate_frozen(tuner, numbers, folds, pooling)
    tuner.params = tuner.params.model_copy(update={"pooling": frozen.pooling})
    lessons = prepare_lessons(tuner, rows, frozen)
    ladder = climb(tuner, rows, frozen, lessons, held_out, folds)
    lessons = replace(lessons, places=np.union1d(lessons.places, ladder.absolved))
    trained = _train(tuner, frozen, lessons, held_out, ladder.chosen, ladder.temperature or frozen.temperature)
    return Taught(*trained, lessons, ladder, {**recipe, **frozen.describe()})


def _freeze_as_told(tuner: FineTuner, numbers: Numbers, pooling: Pooling | None) -> Frozen:
    """What is needed of the frozen base by a recipe that is fixed."""
    params = tuner.params
    tuned = params.rung in {"auto", "fine_tuned"}
    if tuned and params.suspects != "embeddings" and params.base_share is None:
        return leave_unread(numbers, len(tuner.labels))
    return validate_frozen(tuner, numbers, params.folds, pooling)


def _train(
    tuner: FineTuner, frozen: Frozen, lessons: Lessons, held_out: pd.DataFrame, rung: str, temperature: float
) -> tuple[str, Trial, list[Trial]]:
    """The rung, the student that is kept, and the trainings that it was chosen from or that taught it.

    `temperature` is that of a head that is fitted anew.
    """
    every = np.arange(len(frozen.numbers))
    if rung == "frozen":
        training = tuner.freeze(frozen.fit(every), frozen.features, lessons.targets, frozen.pooling)
        trial = Trial(tuner.params.seed, training, score_student(tuner, training, held_out))
        return rung, trial, [trial]

    def finish(training: Training) -> Training:
        if tuner.params.base_share is not None:
            probe = hold_back(tuner, training, frozen, every).cool(temperature)
            set_head(training.model, probe.weights, probe.bias)
        return training

    trials = list(run_trials(tuner, lessons, held_out, finish))
    if tuner.params.distill_ensemble:
        return rung, distill_trials(tuner, lessons, trials, held_out, finish), trials
    return rung, choose_median(trials), trials
