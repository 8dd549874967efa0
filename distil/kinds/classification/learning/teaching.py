"""Teach a student: settle the recipe, climb the ladder, and train what was chosen on all rows."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from distil.encoders.heads import set_head
from distil.encoders.outputs import Outputs
from distil.kinds.classification.labelling.canonical.label import name_labels
from distil.kinds.classification.learning.cross_validation import measure_agreement
from distil.kinds.classification.learning.frozen import (
    Frozen,
    freeze_under,
    learn_shares,
    leave_unread,
    validate_frozen,
)
from distil.kinds.classification.learning.held_back import hold_back
from distil.kinds.classification.learning.ladder import climb
from distil.kinds.classification.learning.targets import number_labels
from distil.kinds.classification.learning.training_set import keep_agreed, prepare_lessons
from distil.linear.folds import Numbers, count_folds, draw_folds
from distil.student.fine_tuner import FineTuner, Pooling, Training
from distil.student.params import TrainParams
from distil.student.recipe import Rows, fit_recipe
from distil.student.seeds import Trial, choose_median, distill_trials, run_trials
from distil.student.taught import Lessons, Taught

__all__ = ["keep_agreed", "list_warnings", "make_tuner", "name_labels", "name_outputs", "teach"]


def name_outputs(labels: Sequence[str]) -> Outputs:
    """One output a label, of which one applies."""
    return Outputs(tuple(labels))


def make_tuner(
    base: Path,
    texts: Sequence[str],
    labels: Sequence[str],
    params: TrainParams,
    device: torch.device,
    report_to: Sequence[str] = (),
) -> FineTuner:
    """Return what trains students on these texts."""
    return FineTuner(base, texts, name_outputs(labels), params, device, report_to)


def list_warnings(tuner: FineTuner, rows: pd.DataFrame) -> list[str]:
    """Nothing."""
    return []


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
    if folds and tuner.params.targets == "soft":
        frozen = learn_shares(frozen, rows, draw_folds(numbers, folds, tuner.params.seed))
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

    def score(training: Training) -> float | None:
        return score_student(tuner, training, held_out)

    def finish(training: Training) -> Training:
        if tuner.params.base_share is not None:
            probe = hold_back(tuner, training, frozen, every).cool(temperature)
            set_head(training.model, probe.weights, probe.bias)
        return training

    if rung == "frozen":
        training = freeze_under(tuner, frozen.fit(every), frozen, lessons.targets)
        trial = Trial(tuner.params.seed, training, score(training))
        return rung, trial, [trial]
    trials = list(run_trials(tuner, lessons.targets, lessons.epochs, lessons.places, score, finish))
    if tuner.params.distill_ensemble:
        return rung, distill_trials(tuner, lessons.epochs, trials, score, finish), trials
    return rung, choose_median(trials), trials


def score_student(tuner: FineTuner, training: Training, held_out: pd.DataFrame) -> float | None:
    """Return the share of the rows on which a student gives their label; null without rows."""
    if held_out.empty:
        return None
    shares = tuner.predict_proba(training, held_out["text"].to_list())
    return measure_agreement(shares, number_labels(held_out, tuner.labels))
