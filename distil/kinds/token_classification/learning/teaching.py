"""Teach a student of spans: settle the recipe, climb the ladder, and train what was chosen on all texts."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from distil.encoders.outputs import Outputs
from distil.kinds.token_classification.labelling.canonical.label import name_labels, read_label
from distil.kinds.token_classification.learning.frozen import Frozen, choose_frozen, freeze
from distil.kinds.token_classification.learning.ladder import Climbed, answer_frozen, answer_tuned, climb, cut_hold_outs
from distil.kinds.token_classification.learning.probes import count_right, decode
from distil.kinds.token_classification.learning.recall import Recall, choose_shift, shift_head
from distil.kinds.token_classification.learning.recipe import check_knobs, fit_recipe
from distil.kinds.token_classification.learning.targets import keep_agreed, make_targets
from distil.kinds.token_classification.learning.tuner import SpanTuner
from distil.student.fine_tuner import Training
from distil.student.params import TrainParams
from distil.student.seeds import Trial, choose_median, distill_trials, run_trials
from distil.student.taught import Lessons, Taught
from distil.tagging.words import name_tags

__all__ = ["keep_agreed", "list_warnings", "make_tuner", "name_labels", "name_outputs", "teach"]

LEAST_AT_WORDS = 0.98  # exact F1 of spans that were cut at words, below which train warns


def name_outputs(labels: Sequence[str]) -> Outputs:
    """An output a tag, for each token."""
    return Outputs(tuple(name_tags(labels)), per_token=True)


def make_tuner(
    base: Path,
    texts: Sequence[str],
    labels: Sequence[str],
    params: TrainParams,
    device: torch.device,
    report_to: Sequence[str] = (),
) -> SpanTuner:
    """Return what trains students on these texts; raises `InputError` at a knob that is not for spans."""
    check_knobs(params)
    return SpanTuner(base, texts, labels, params, device, report_to)


def list_warnings(tuner: SpanTuner, rows: pd.DataFrame) -> list[str]:
    """Say so where the words that the base's tokenizer makes are not those at which spans begin and end."""
    known = rows["label"].to_list()
    if not any(map(read_label, known)):
        return []
    said = decode(
        make_targets(rows, tuner.readings, tuner.task_labels, "hard"), tuner.readings, tuner.task_labels, tuner.texts
    )
    if (share := count_right(known, said)) >= LEAST_AT_WORDS:
        return []
    return [
        "spans do not end where the words of the base's tokenizer do: with every word right, exact F1 would be "
        f"{share:.1%}; name a train.base whose tokenizer parts words at signs, as BERT's does, or look at where the "
        "spans end"
    ]


def teach(tuner: SpanTuner, rows: pd.DataFrame, held_out: pd.DataFrame) -> Taught:
    """Train a student on `rows`, which are those of the tuner's texts; `held_out` are validation rows.

    The tuner's parameters become what the recipe settles them to. Raises `InputError` if rows are too few for what the
    parameters ask.
    """
    recipe = None
    if tuner.params.recipe == "auto":
        tuner.params, recipe = fit_recipe(tuner.params, len(rows), tuner.width)
    params = tuner.params
    lessons = _prepare_lessons(tuner, rows)
    frozen = None
    if recipe is not None or params.rung == "frozen" or params.recall_target is not None:
        frozen = choose_frozen(tuner, rows)
    ladder = climb(tuner, rows, frozen, lessons, held_out) if frozen and recipe is not None else None
    rung = ladder.chosen if ladder else "frozen" if params.rung == "frozen" else "fine_tuned"
    recall = None
    if frozen and params.recall_target is not None:
        recall = _choose_shift(tuner, rows, frozen, lessons, held_out, ladder, rung)
    kept, trials = _train(tuner, frozen if rung == "frozen" else None, lessons, held_out, recall)
    told = {**recipe, **frozen.describe()} if frozen and recipe is not None else None
    return Taught(rung, kept, trials, lessons, ladder, told, {"recall": recall and recall.figures})


def score_student(tuner: SpanTuner, training: Training, held_out: pd.DataFrame) -> float | None:
    """Return a student's exact F1 with the labels of the rows; null without rows."""
    if held_out.empty:
        return None
    readings = tuner.read_words(texts := held_out["text"].to_list())
    said = decode(tuner.predict_logits(training.model, readings), readings, tuner.task_labels, texts)
    return count_right(held_out["label"].to_list(), said)


def _prepare_lessons(tuner: SpanTuner, rows: pd.DataFrame) -> Lessons:
    params = tuner.params
    assert isinstance(params.epochs, int), "what check_knobs lets through"  # noqa: S101 - for mypy
    targets = make_targets(rows, tuner.readings, tuner.task_labels, params.targets, params.label_smoothing)
    return Lessons(targets, np.arange(len(rows)), params.epochs, None, None)


def _choose_shift(
    tuner: SpanTuner,
    rows: pd.DataFrame,
    frozen: Frozen,
    lessons: Lessons,
    held_out: pd.DataFrame,
    ladder: Climbed | None,
    rung: str,
) -> Recall:
    """By what the rung that is taken answered on the ladder; if it was not on one, it is tried for this."""
    holds = ladder.holds if ladder else cut_hold_outs(tuner, rows, frozen, held_out)
    answers = ladder.answers.get(rung) if ladder else None
    if answers is None:
        is_frozen = rung == "frozen"
        answers = [answer_frozen(frozen, one) if is_frozen else answer_tuned(tuner, lessons, one) for one in holds]
    return choose_shift(holds, answers, tuner.task_labels, tuner.params.recall_target or 0.0)


def _train(
    tuner: SpanTuner, frozen: Frozen | None, lessons: Lessons, held_out: pd.DataFrame, recall: Recall | None
) -> tuple[Trial, list[Trial]]:
    """The student that is kept, and the trainings that it was chosen from or that taught it; `frozen` if that is it."""

    def score(training: Training) -> float | None:
        return score_student(tuner, training, held_out)

    def finish(training: Training) -> Training:
        return shift_head(training, recall.shift) if recall else training

    if frozen:
        training = finish(freeze(tuner, frozen))
        trial = Trial(tuner.params.seed, training, score(training))
        return trial, [trial]
    learn = partial(run_trials, tuner, lessons.targets, lessons.epochs, lessons.places, score)
    if tuner.params.distill_ensemble:
        trials = list(learn())
        return distill_trials(tuner, lessons.epochs, trials, score), trials
    trials = list(learn(finish))
    return choose_median(trials), trials
