"""The ladder: students from the cheapest to the dearest, judged on the same rows that none of them has seen.

A fold of the training rows, with the validation rows, tells the micro F1 that each reaches on the teacher's labels;
where rows are few, so do more folds. Thresholds are chosen among these rows by cross-validation, so that no row is
judged by those that it helped to choose. Test rows never come here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from distil.kinds.multi_label.learning.baselines import MostFrequentSet, fit_labels, predict_labels
from distil.kinds.multi_label.learning.frozen import Frozen
from distil.kinds.multi_label.learning.held_back import hold_back
from distil.kinds.multi_label.learning.probe import Bools, Floats
from distil.kinds.multi_label.learning.recipe import count_epochs
from distil.kinds.multi_label.learning.thresholds import Thresholds, choose_thresholds, score_decisions
from distil.kinds.multi_label.learning.training_set import number_rarest, read_known
from distil.linear.features import make_tfidf
from distil.linear.folds import Folds, Numbers, draw_folds
from distil.linear.probe import Features
from distil.quality.bootstrap import Bootstrap
from distil.student.fine_tuner import FineTuner
from distil.student.rungs import CONFIDENCE, ENOUGH, Agreement, Ladder, draw_curve

SAMPLES = 1000


@dataclass(frozen=True)
class HoldOut:
    """Rows to train on, by their places among the tuner's texts, and the texts and labels to be judged by.

    `known` (texts, labels) says which labels a text has, `features` what the head of the frozen base reads of it.
    """

    inside: Numbers
    texts: Sequence[str]
    known: Bools
    features: Features


@dataclass
class Climbed(Ladder):
    """A ladder, and the thresholds that each rung which can be the student has from rows that it had not seen."""

    thresholds: dict[str, Thresholds] = field(default_factory=dict)


@dataclass(frozen=True)
class Climb:
    """What a rung learns from, and is judged by."""

    tuner: FineTuner
    rows: pd.DataFrame
    frozen: Frozen
    holds: Sequence[HoldOut]

    @property
    def known(self) -> Bools:
        """The labels of all texts that are held out."""
        return np.concatenate([held.known for held in self.holds])

    def judge(self, answer: Callable[[HoldOut], Floats], ladder: Climbed, name: str) -> Agreement:
        """Judge a rung; `answer` trains it on a hold-out's rows, and returns its probabilities for each text."""
        shares = np.concatenate([answer(held) for held in self.holds])
        ladder.thresholds[name] = choose(self.known, shares, self.tuner)
        return score(self.known, ladder.thresholds[name].decided, self.tuner.params.seed)

    def judge_commonest(self) -> Agreement:
        """Judge the set that most rows have, as it is."""
        said = []
        for held in self.holds:
            inside = self.rows.iloc[held.inside]
            commonest = MostFrequentSet(self.tuner.labels).fit(inside["text"].to_list(), inside["label"].to_list())
            said.append(commonest.predict_proba(held.texts) > 0)
        return score(self.known, np.concatenate(said), self.tuner.params.seed)

    def read_words(self, held: HoldOut) -> Floats:
        """What regressions over words say."""
        words = make_tfidf()
        features = words.fit_transform([self.tuner.texts[place] for place in held.inside])
        return predict_labels(words.transform(held.texts), *fit_labels(features, self.frozen.known[held.inside]))

    def freeze(self, held: HoldOut) -> Floats:
        """What the frozen base says."""
        return self.frozen.fit(held.inside).predict_proba(held.features)

    def judge_some(self, places: Numbers) -> Agreement | None:
        """Judge the frozen rung trained on the rows at these places; null where none of them has a label."""
        if not self.frozen.known[places].any():
            return None
        judged = self.holds[0]
        shares = self.frozen.fit(places).predict_proba(judged.features)
        decided = choose(judged.known, shares, self.tuner).decided
        return score(judged.known, decided, self.tuner.params.seed)

    def tune(self, held: HoldOut) -> Floats:
        """What a student says that is trained as it will be."""
        params = self.tuner.params
        training = self.tuner.train(self.frozen.targets, count_epochs(params), params.seed, held.inside, "hold-out")
        if params.base_share is None:
            return self.tuner.predict_proba(training, held.texts)
        probe = hold_back(self.tuner, training, self.frozen, held.inside)
        return probe.predict_proba(self.tuner.read_by(training.model, held.texts))


def climb(tuner: FineTuner, rows: pd.DataFrame, frozen: Frozen, held_out: pd.DataFrame, folds: int) -> Climbed:
    """Judge every rung and choose one; `folds` 0: there are too few rows to hold any out."""
    ladder = Climbed("micro F1")
    if not folds:
        ladder.choose_unseen(tuner.params.rung)
        return ladder
    every = draw_folds(number_rarest(frozen.known), folds, tuner.params.seed)
    way = Climb(tuner, rows, frozen, cut_hold_outs(every, tuner, frozen, held_out))
    ladder.judge("most_frequent_set", False, way.judge_commonest)
    for name, exportable, answer in (
        ("tfidf", False, way.read_words),
        ("frozen", True, way.freeze),
        ("fine_tuned", True, way.tune),
    ):
        if name != "fine_tuned" or tuner.params.rung != "frozen":
            ladder.judge(name, exportable, partial(way.judge, answer, ladder, name))
    ladder.rungs["frozen"]["seconds"] += frozen.seconds
    if every_row := choose_frozen(frozen, tuner):
        ladder.thresholds["frozen"] = every_row
    ladder.learning_curve = draw_curve(way.holds[0].inside, tuner.params.seed, way.judge_some)
    ladder.choose(tuner.params.rung, f"Micro F1 on the teacher's labels of {len(way.known):,} texts held out")
    return ladder


def cut_hold_outs(folds: Folds, tuner: FineTuner, frozen: Frozen, held_out: pd.DataFrame) -> list[HoldOut]:
    """Folds of the training rows, the first with all validation rows: as many as are enough, or all."""
    holds: list[HoldOut] = []
    texts, known = held_out["text"].to_list(), read_known(held_out, tuner.labels)
    features = tuner.read(texts, frozen.pooling)
    for inside, outside in folds:
        holds.append(
            HoldOut(
                inside,
                [*(tuner.texts[place] for place in outside), *texts],
                np.concatenate([frozen.known[outside], known]),
                np.concatenate([frozen.features[outside], features]),
            )
        )
        texts, known, features = [], known[:0], features[:0]
        if sum(len(held.texts) for held in holds) >= ENOUGH:
            break
    return holds


def choose(known: Bools, shares: Floats, tuner: FineTuner) -> Thresholds:
    """Choose thresholds by texts that a student has not seen, in as many folds as `train.folds` says."""
    return choose_thresholds(known, shares, tuner.params.folds, tuner.params.seed)


def choose_frozen(frozen: Frozen, tuner: FineTuner) -> Thresholds | None:
    """Choose those of the frozen rung by all training rows, which are more than the rungs are judged by."""
    return None if frozen.held_out is None else choose(frozen.known, frozen.held_out, tuner)


def score(known: Bools, decided: Bools, seed: int) -> Agreement:
    """Micro F1 of what was decided of texts held out, with its interval by resampling texts."""
    sums = np.stack([(known & decided).sum(axis=1), known.sum(axis=1) + decided.sum(axis=1)], axis=1)

    def score_samples(counts: Any) -> dict[str, Floats]:
        drawn = counts @ sums
        return {"": 2 * drawn[:, 0] / np.maximum(drawn[:, 1], 1)}

    low, high = Bootstrap(SAMPLES, CONFIDENCE, seed).bound(np.ones(len(known), dtype=np.int64), score_samples)[""]
    return Agreement(score_decisions(known, decided), low, high, len(known))
