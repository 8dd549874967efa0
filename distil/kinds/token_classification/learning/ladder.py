"""The ladder: students from the cheapest to the dearest, judged on the same texts that none of them has seen.

Folds of the training texts, the first with the validation texts, tell how well each finds the teacher's spans (exact
F1): as many as have enough spans. Test rows never come here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from distil.kinds.token_classification.labelling.canonical.label import read_label
from distil.kinds.token_classification.learning.crf import Crf
from distil.kinds.token_classification.learning.frozen import Frozen, gather
from distil.kinds.token_classification.learning.gazetteer import Gazetteer
from distil.kinds.token_classification.learning.probes import Material, decode
from distil.kinds.token_classification.learning.tuner import SpanTuner
from distil.kinds.token_classification.scoring.scores import bound_scores, score_labels
from distil.linear.folds import Numbers
from distil.quality.bootstrap import Bootstrap
from distil.student.rungs import CONFIDENCE, ENOUGH, Agreement, Ladder, draw_curve
from distil.student.taught import Lessons

MEASURE = "exact F1"
SAMPLES = 1000
Answers = list[Any]  # logits for the words of each text, of shape (words, tags)


@dataclass(frozen=True)
class HoldOut:
    """Texts to train on, by their places among the tuner's, and those to be judged by."""

    inside: Numbers
    judged: Material


@dataclass
class Climbed(Ladder):
    """A ladder, and what the rungs that can be the student answered to each of the hold-outs."""

    holds: list[HoldOut] = field(default_factory=list)
    answers: dict[str, list[Answers]] = field(default_factory=dict)


def climb(tuner: SpanTuner, rows: pd.DataFrame, frozen: Frozen, lessons: Lessons, held_out: pd.DataFrame) -> Climbed:
    """Judge every rung and choose one."""
    ladder = Climbed(MEASURE, holds=cut_hold_outs(tuner, rows, frozen, held_out))
    if not ladder.holds:
        ladder.choose_unseen(tuner.params.rung)
        return ladder
    measure = partial(_measure, tuner, ladder.holds)
    ladder.judge("gazetteer", False, lambda: measure(partial(_label_by_heart, rows)))
    ladder.judge("crf", False, lambda: measure(partial(_label_by_look, tuner, rows)))
    ladder.judge("frozen", True, lambda: measure(_decoding(tuner, ladder, "frozen", partial(answer_frozen, frozen))))
    ladder.rungs["frozen"]["seconds"] += frozen.seconds
    ladder.learning_curve = draw_curve(
        ladder.holds[0].inside, tuner.params.seed, partial(_measure_some, tuner, frozen, ladder.holds[0])
    )
    if tuner.params.rung != "frozen":
        tuned = partial(answer_tuned, tuner, lessons)
        ladder.judge("fine_tuned", True, lambda: measure(_decoding(tuner, ladder, "fine_tuned", tuned)))
    count = sum(len(held.judged.texts) for held in ladder.holds)
    ladder.choose(tuner.params.rung, f"On {count:,} held-out texts exact F1 with the teacher's spans is")
    return ladder


def cut_hold_outs(tuner: SpanTuner, rows: pd.DataFrame, frozen: Frozen, held_out: pd.DataFrame) -> list[HoldOut]:
    """Folds of the training texts, the first with all validation texts: as many as have enough spans, or all.

    None where fewer than two training texts have spans.
    """
    has_spans = np.array([bool(read_label(label)) for label in rows["label"]])
    folds = min(tuner.params.folds, int(has_spans.sum()))
    if folds < 2:
        return []
    holds: list[HoldOut] = []
    more, spans = gather(tuner, held_out), 0
    splitter = StratifiedKFold(folds, shuffle=True, random_state=tuner.params.seed)
    for inside, outside in splitter.split(has_spans, has_spans):
        judged = frozen.material.take(outside).join(more)
        holds.append(HoldOut(inside, judged))
        more = Material([], [], [], [], [])
        spans += sum(len(read_label(label)) for label in judged.labels)
        if spans >= ENOUGH:
            break
    return holds


def score(known: Sequence[str], said: Sequence[str], labels: Sequence[str], seed: int) -> Agreement:
    """Exact F1 with its interval, by resampling texts; null where every sample scores the same."""
    value = score_labels(known, said, labels)["micro_f1"]
    bounds = bound_scores(known, said, labels, Bootstrap(SAMPLES, CONFIDENCE, seed))["micro_f1"]
    low, high = (None if bound is None else float(bound) for bound in bounds)
    return Agreement(value, low, high, len(known))


def answer_frozen(frozen: Frozen, held: HoldOut) -> Answers:
    """Train the frozen rung on the texts inside; return what it says of the others."""
    probe = frozen.fit(held.inside)
    return [probe.decide(words) for words in held.judged.features]


def answer_tuned(tuner: SpanTuner, lessons: Lessons, held: HoldOut) -> Answers:
    """Fine-tune on the texts inside; return what it says of the others."""
    training = tuner.train(lessons.targets, lessons.epochs, tuner.params.seed, held.inside, "hold-out")
    return list(tuner.predict_logits(training.model, held.judged.readings))


def _decoding(
    tuner: SpanTuner, ladder: Climbed, name: str, answer: Callable[[HoldOut], Answers]
) -> Callable[[HoldOut], list[str]]:
    def label(held: HoldOut) -> list[str]:
        answers = answer(held)
        ladder.answers.setdefault(name, []).append(answers)
        return _decode(tuner, held, answers)

    return label


def _decode(tuner: SpanTuner, held: HoldOut, answers: Answers) -> list[str]:
    return decode(answers, held.judged.readings, tuner.task_labels, held.judged.texts)


def _measure(tuner: SpanTuner, holds: Sequence[HoldOut], label: Callable[[HoldOut], list[str]]) -> Agreement:
    """Judge a rung: `label` trains it on a hold-out's texts, and returns its label for each text."""
    said = [one for held in holds for one in label(held)]
    known = [one for held in holds for one in held.judged.labels]
    return score(known, said, tuner.task_labels, tuner.params.seed)


def _measure_some(tuner: SpanTuner, frozen: Frozen, judged: HoldOut, places: Numbers) -> Agreement:
    """Judge the frozen rung trained on the texts at these places."""
    said = _decode(tuner, judged, answer_frozen(frozen, HoldOut(places, judged.judged)))
    return score(judged.judged.labels, said, tuner.task_labels, tuner.params.seed)


def _label_by_heart(rows: pd.DataFrame, held: HoldOut) -> list[str]:
    inside = rows.iloc[held.inside]
    names = Gazetteer(inside["text"].to_list(), inside["label"].to_list())
    return [names.label(text) for text in held.judged.texts]


def _label_by_look(tuner: SpanTuner, rows: pd.DataFrame, held: HoldOut) -> list[str]:
    inside = rows.iloc[held.inside]
    field_over_words = Crf(tuner.task_labels).fit(inside["text"].to_list(), inside["label"].to_list())
    return [field_over_words.label(text) for text in held.judged.texts]
