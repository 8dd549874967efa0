"""The ladder: students from the cheapest to the dearest, judged on the same rows that none of them has seen.

A fold of the training rows, with the validation rows, tells how often each gives the teacher's label; where rows are
few, so do more folds. The best one that exports as a folder which transformers opens is the student; a cheaper one
where two are alike. Test rows never come here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest

from distil.kinds.classification.learning.frozen import Frozen
from distil.kinds.classification.learning.rehearsal import HoldOut, Rehearsal
from distil.kinds.classification.learning.targets import number_labels
from distil.linear.baselines import Baseline
from distil.linear.features import make_tfidf
from distil.linear.folds import Folds, Numbers, draw_folds
from distil.student.fine_tuner import FineTuner
from distil.student.rungs import CONFIDENCE, ENOUGH, Agreement, Ladder, draw_curve
from distil.student.taught import Lessons

Bools = NDArray[np.bool_]


@dataclass
class Climbed(Ladder):
    """A ladder, and what was found on the way up.

    `temperature` says how sure a head that is fitted anew should be; `absolved` are the places of rows whose label was
    doubted and left out, and which fine-tuned students that had not seen them give all the same, most of them.
    """

    temperature: float | None = None
    absolved: Numbers = field(default_factory=lambda: np.zeros(0, dtype=np.intp))


def climb(
    tuner: FineTuner, rows: pd.DataFrame, frozen: Frozen, lessons: Lessons, held_out: pd.DataFrame, folds: int
) -> Climbed:
    """Judge every rung and choose one; `folds` 0: there are too few rows to hold any out."""
    ladder = Climbed("share of labels")
    if not folds:
        ladder.choose_unseen(tuner.params.rung)
        return ladder
    holds = cut_hold_outs(draw_folds(frozen.numbers, folds, tuner.params.seed), tuner, frozen, held_out)
    ladder.judge("majority", False, partial(_measure, holds, partial(_label_commonest, frozen)))
    ladder.judge("tfidf", False, partial(_measure, holds, partial(_label_by_words, tuner, rows)))
    ladder.judge("frozen", True, partial(_measure, holds, partial(_label_held, frozen)))
    ladder.rungs["frozen"]["seconds"] += frozen.seconds
    ladder.learning_curve = draw_curve(holds[0].inside, tuner.params.seed, partial(_measure_some, frozen, holds[0]))
    if tuner.params.rung != "frozen":
        rehearsal = Rehearsal(tuner, rows, frozen, lessons)
        ladder.judge("fine_tuned", True, partial(_measure, holds, rehearsal.label))
        ladder.temperature = rehearsal.fit_temperature(holds)
        ladder.absolved = rehearsal.absolve()
    count = sum(len(held.numbers) for held in holds)
    ladder.choose(tuner.params.rung, f"Of {count:,} held-out labels these are given")
    return ladder


def cut_hold_outs(folds: Folds, tuner: FineTuner, frozen: Frozen, held_out: pd.DataFrame) -> list[HoldOut]:
    """Folds of the training rows, the first with all validation rows: as many as are enough, or all."""
    holds: list[HoldOut] = []
    texts, numbers = held_out["text"].to_list(), number_labels(held_out, tuner.labels)
    features = tuner.read(texts, frozen.pooling)
    for inside, outside in folds:
        holds.append(
            HoldOut(
                inside,
                [*(tuner.texts[place] for place in outside), *texts],
                np.concatenate([frozen.numbers[outside], numbers]),
                np.concatenate([frozen.features[outside], features]),
            )
        )
        texts, numbers, features = [], numbers[:0], features[:0]
        if sum(len(held.numbers) for held in holds) >= ENOUGH:
            break
    return holds


def score(right: Bools) -> Agreement:
    """The share of held-out labels that are given, with its interval (Wilson 1927)."""
    bounds = binomtest(int(right.sum()), len(right)).proportion_ci(CONFIDENCE, method="wilson")
    return Agreement(float(right.mean()), float(bounds.low), float(bounds.high), len(right))


def _measure(holds: Sequence[HoldOut], label: Callable[[HoldOut], Numbers]) -> Agreement:
    """Judge a rung: `label` trains it on a hold-out's rows, and returns the number of its label for each text."""
    return score(np.concatenate([label(held) == held.numbers for held in holds]))


def _measure_some(frozen: Frozen, judged: HoldOut, places: Numbers) -> Agreement | None:
    """Judge the frozen rung trained on the rows at these places; null where they have one label alone."""
    if len(np.unique(frozen.numbers[places])) < 2:
        return None
    return score(_label_frozen(frozen, places, judged.features) == judged.numbers)


def _label_commonest(frozen: Frozen, held: HoldOut) -> Numbers:
    return np.full(len(held.numbers), np.bincount(frozen.numbers[held.inside]).argmax())


def _label_by_words(tuner: FineTuner, rows: pd.DataFrame, held: HoldOut) -> Numbers:
    inside = rows.iloc[held.inside]
    words = Baseline(make_tfidf(), tuner.labels).fit(inside["text"].to_list(), inside["label"].to_list())
    return _label(words.predict_proba(held.texts))


def _label_held(frozen: Frozen, held: HoldOut) -> Numbers:
    return _label_frozen(frozen, held.inside, held.features)


def _label_frozen(frozen: Frozen, places: Numbers, features: NDArray[np.float32]) -> Numbers:
    return _label(frozen.fit(places).predict_proba(features))


def _label(shares: NDArray[np.float64]) -> Numbers:
    return np.asarray(shares.argmax(axis=1), dtype=np.intp)
