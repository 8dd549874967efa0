"""Teach a student of several labels: settle the recipe, climb the ladder, train what was chosen, and set thresholds.

The student's config.json has `thresholds`: from which probability on a label applies, by label.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from distil.core.errors import InputError
from distil.encoders.heads import set_head
from distil.encoders.outputs import Outputs
from distil.kinds.multi_label.labelling.canonical.label import name_labels
from distil.kinds.multi_label.learning.frozen import Frozen, freeze_under, leave_unread, validate_frozen
from distil.kinds.multi_label.learning.held_back import hold_back
from distil.kinds.multi_label.learning.ladder import Climbed, choose, choose_frozen, climb
from distil.kinds.multi_label.learning.probe import Bools, Floats
from distil.kinds.multi_label.learning.recipe import check_knobs, count_epochs, fit_recipe
from distil.kinds.multi_label.learning.thresholds import Thresholds, score_decisions
from distil.kinds.multi_label.learning.training_set import (
    keep_agreed,
    make_targets,
    number_rarest,
    read_known,
)
from distil.linear.folds import count_folds
from distil.student.fine_tuner import FineTuner, Training
from distil.student.params import TrainParams
from distil.student.seeds import Trial, choose_median, distill_trials, run_trials
from distil.student.taught import Lessons, Recipe, Taught

__all__ = ["keep_agreed", "list_warnings", "make_tuner", "name_labels", "name_outputs", "teach"]

NEVER = 1.0  # threshold of a label that no row has: a head without a bias says of it what it may


def name_outputs(labels: Sequence[str]) -> Outputs:
    """One output a label, of which several may apply, or none."""
    return Outputs(tuple(labels), several=True)


def make_tuner(
    base: Path,
    texts: Sequence[str],
    labels: Sequence[str],
    params: TrainParams,
    device: torch.device,
    report_to: Sequence[str] = (),
) -> FineTuner:
    """Return what trains students on these texts; raises `InputError` for what does not go with several labels."""
    check_knobs(params)
    return FineTuner(base, texts, name_outputs(labels), params, device, report_to)


def teach(tuner: FineTuner, rows: pd.DataFrame, held_out: pd.DataFrame) -> Taught:
    """Train a student on `rows`, which are those of the tuner's texts; `held_out` are validation rows.

    The tuner's parameters become what the recipe settles them to. Raises `InputError` if rows are too few for what the
    parameters ask.
    """
    if held_out.empty and _needs_validation(tuner.params):
        raise InputError(
            f"train.recipe = {tuner.params.recipe!r}: thresholds of a student that is fine-tuned as told are chosen on "
            "validation rows, and there are none; raise split.validation_share, or write recipe: auto"
        )
    known, named = read_known(rows, tuner.labels), tuner.params.model_fields_set
    targets = make_targets(rows, known, tuner.params)
    pooling = tuner.params.pooling if "pooling" in named else None
    folds = tuner.params.folds if "folds" in named else count_folds(number_rarest(known), tuner.params.folds)
    if tuner.params.recipe == "fixed":
        rung = "fine_tuned" if tuner.params.rung == "auto" else tuner.params.rung
        if rung == "fine_tuned" and tuner.params.base_share is None:
            return _train(Finish(tuner, leave_unread(known, targets), held_out, None), rung, None, None)
        frozen = validate_frozen(tuner, known, targets, folds, pooling)
        chosen = choose_frozen(frozen, tuner) if rung == "frozen" else None
        return _train(Finish(tuner, frozen, held_out, chosen), rung, None, None)
    tuner.params, recipe = fit_recipe(tuner.params, len(rows), tuner.width)
    frozen = validate_frozen(tuner, known, targets, folds, pooling)
    tuner.params = tuner.params.model_copy(update={"pooling": frozen.pooling})
    ladder = climb(tuner, rows, frozen, held_out, folds)
    finish = Finish(tuner, frozen, held_out, ladder.thresholds.get(ladder.chosen))
    return _train(finish, ladder.chosen, ladder, {**recipe, **frozen.describe()})


def _needs_validation(params: TrainParams) -> bool:
    return params.recipe == "fixed" and params.rung != "frozen" and params.base_share is None


def list_warnings(tuner: FineTuner, rows: pd.DataFrame) -> list[str]:
    """Nothing."""
    return []


@dataclass(frozen=True)
class Finish:
    """What comes after a training, by rows that it has not seen: a head fitted anew, thresholds, and how it agrees.

    `thresholds` are those that the ladder found for the rung; null: the validation rows `held_out` tell.
    """

    tuner: FineTuner
    frozen: Frozen
    held_out: pd.DataFrame
    thresholds: Thresholds | None

    def hold_back(self, training: Training) -> Training:
        """Move a fine-tuned model towards its base, where `train.base_share` says so."""
        if self.tuner.params.base_share is not None:
            probe = hold_back(self.tuner, training, self.frozen, np.arange(len(self.frozen.known)))
            set_head(training.model, probe.weights, probe.bias)
        return training

    def choose(self, training: Training) -> Thresholds:
        """Return the thresholds of a student."""
        return self.thresholds or choose(*self._answer(training), self.tuner)

    def score(self, training: Training) -> float | None:
        """Return a student's micro F1 on the validation rows; null without any."""
        if self.held_out.empty:
            return None
        if self.thresholds is None:
            return self.choose(training).micro_f1
        known, shares = self._answer(training)
        return score_decisions(known, shares >= self.thresholds.values)

    def write_thresholds(self, training: Training) -> dict[str, Any]:
        """Write the thresholds into the model's config; returns what is told of them in the recipe."""
        chosen = self.choose(training)
        values = np.where(self.frozen.known.any(axis=0), chosen.values, NEVER).tolist()
        training.model.config.thresholds = dict(zip(self.tuner.labels, values, strict=True))
        spread = " to ".join(dict.fromkeys(f"{value:.2f}" for value in (chosen.values.min(), chosen.values.max())))
        why = f"what gives the highest micro F1 on {len(chosen.decided):,} texts held out: {chosen.micro_f1:.1%}"
        return {"value": spread, "by": "auto", "why": why if len(chosen.decided) > 1 else "too few rows to choose"}

    def _answer(self, training: Training) -> tuple[Bools, Floats]:
        texts = self.held_out["text"].to_list()
        return read_known(self.held_out, self.tuner.labels), self.tuner.predict_proba(training, texts)


def _train(finish: Finish, rung: str, ladder: Climbed | None, recipe: Recipe | None) -> Taught:
    """Train the rung on all rows, and give the student that is kept its thresholds."""
    tuner, frozen = finish.tuner, finish.frozen
    places, epochs = np.arange(len(frozen.known)), count_epochs(tuner.params)
    lessons = Lessons(frozen.targets, places, epochs, None, None)
    if rung == "frozen":
        training = freeze_under(tuner, frozen)
        kept = Trial(tuner.params.seed, training, finish.score(training))
        trials = [kept]
    else:
        trials = list(run_trials(tuner, frozen.targets, epochs, places, finish.score, finish.hold_back))
        kept = choose_median(trials)
        if tuner.params.distill_ensemble:
            kept = distill_trials(tuner, epochs, trials, finish.score, finish.hold_back)
    told = finish.write_thresholds(kept.training)
    return Taught(rung, kept, trials, lessons, ladder, recipe and {**recipe, "thresholds": told})
