"""The ladder: students from the cheapest to the dearest, judged on the same rows that none of them has seen.

A hold-out of the training rows, with the validation rows, tells how often each gives the teacher's label. The best one
that exports as a folder which transformers opens is the student; a cheaper one where two are alike. Test rows never
come here.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest

from distil.linear.baselines import Baseline, make_tfidf
from distil.linear.folds import Folds, Numbers, draw_folds
from distil.linear.probe import fit_temperature
from distil.student.fine_tuner import FineTuner
from distil.student.frozen import Frozen
from distil.student.held_back import hold_back
from distil.student.label_noise import find_suspects
from distil.student.targets import number_labels
from distil.student.training_set import Lessons

RUNGS = {  # that export as a folder which transformers opens, from the cheapest on
    "frozen": "the frozen base with a linear head",
    "fine_tuned": "fine-tuning",
}
ALIKE = 0.002  # of the held-out labels: where a dearer rung gains no more, the cheaper one is taken
CURVE_SHARES = (0.125, 0.25, 0.5, 1.0)  # of the rows to train on
CONFIDENCE = 0.95
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class HoldOut:
    """Rows to train on, by their places among the tuner's texts, and the texts and labels to be judged by."""

    inside: Numbers
    outside: Numbers
    texts: Sequence[str]
    numbers: Numbers


@dataclass
class Ladder:
    """What metrics/train.json tells of the rungs, and what was found on the way up.

    `temperature` says how sure a head that is fitted anew should be; `absolved` are the places of rows whose label was
    doubted and left out, and which the fine-tuned rung, that had not seen them, gives all the same.
    """

    rungs: dict[str, dict[str, Any]] = field(default_factory=dict)
    learning_curve: list[dict[str, Any]] = field(default_factory=list)
    chosen: str = "frozen"
    why: str = ""
    temperature: float | None = None
    absolved: Numbers = field(default_factory=lambda: np.zeros(0, dtype=np.intp))

    def judge(self, name: str, exportable: bool, label: Callable[[], Numbers], numbers: Numbers) -> None:
        """Add a rung; `label` trains it and returns the number of its label for each held-out text."""
        start = time.perf_counter()
        self.rungs[name] = {
            **score(label() == numbers),
            "rows": len(numbers),
            "seconds": time.perf_counter() - start,
            "exportable": exportable,
        }


def climb(
    tuner: FineTuner, rows: pd.DataFrame, frozen: Frozen, lessons: Lessons, held_out: pd.DataFrame, folds: int
) -> Ladder:
    """Judge every rung and choose one; `folds` 0: there are too few rows to hold any out."""
    ladder = Ladder()
    if not folds:
        ladder.chosen, ladder.why = _choose_unseen(tuner)
        return ladder
    judged = cut_hold_out(draw_folds(frozen.numbers, folds, tuner.params.seed), tuner, frozen, held_out)
    commonest = np.bincount(frozen.numbers[judged.inside]).argmax()
    ladder.judge("majority", False, lambda: np.full(len(judged.numbers), commonest), judged.numbers)
    ladder.judge("tfidf", False, lambda: _label_by_words(tuner, rows, judged), judged.numbers)
    features = np.concatenate([frozen.features[judged.outside], _read_rest(tuner, frozen, judged)])
    ladder.judge("frozen", True, lambda: _label_frozen(frozen, judged.inside, features), judged.numbers)
    ladder.rungs["frozen"]["seconds"] += frozen.seconds
    ladder.learning_curve = draw_curve(frozen, judged, features, tuner.params.seed)
    if tuner.params.rung != "frozen":
        rehearse = partial(_rehearse, tuner, rows, frozen, lessons, judged, ladder)
        ladder.judge("fine_tuned", True, rehearse, judged.numbers)
    ladder.chosen, ladder.why = choose(ladder, tuner.params.rung)
    return ladder


def cut_hold_out(folds: Folds, tuner: FineTuner, frozen: Frozen, held_out: pd.DataFrame) -> HoldOut:
    """The first fold of the training rows, and all validation rows."""
    inside, outside = folds[0]
    texts = [tuner.texts[place] for place in outside] + held_out["text"].to_list()
    numbers = np.concatenate([frozen.numbers[outside], number_labels(held_out, tuner.labels)])
    return HoldOut(inside, outside, texts, numbers)


def pick_learnt(tuner: FineTuner, rows: pd.DataFrame, frozen: Frozen, lessons: Lessons, inside: Numbers) -> Numbers:
    """The places, of those inside, that fine-tuning learns.

    Rows are suspected by probes that learnt from rows inside alone, or the labels outside would have had their say.
    """
    params = tuner.params
    if params.noise != "drop" or params.suspects != "embeddings":
        return np.intersect1d(lessons.places, inside)
    held_out = frozen.predict_held_out(inside, params.folds, params.seed)
    if held_out is None:
        return inside
    learnt = inside[~find_suspects(rows.iloc[inside], frozen.numbers[inside], held_out)]
    return learnt if len(np.unique(frozen.numbers[learnt])) > 1 else inside


def choose(ladder: Ladder, wanted: str) -> tuple[str, str]:
    """Return the name of the rung to take, and why."""
    if wanted != "auto":
        return wanted, f"train.rung is {wanted}"
    agreements = {name: ladder.rungs[name]["agreement"] for name in RUNGS if name in ladder.rungs}
    best = max(agreements.values())
    chosen = next(name for name in RUNGS if name in agreements and best - agreements[name] <= ALIKE)
    told = ", ".join(f"{RUNGS[name]} {agreement:.1%}" for name, agreement in agreements.items())
    why = f"Of {ladder.rungs[chosen]['rows']:,} held-out labels these are given: {told}"
    if agreements[chosen] < best:
        return chosen, f"{why}; of those that are alike the cheapest is taken."
    return chosen, f"{why}."


def score(right: Bools) -> dict[str, float]:
    """The share of held-out labels that are given, with its interval (Wilson 1927)."""
    bounds = binomtest(int(right.sum()), len(right)).proportion_ci(CONFIDENCE, method="wilson")
    return {
        "agreement": float(right.mean()),
        "agreement_low": float(bounds.low),
        "agreement_high": float(bounds.high),
    }


def draw_curve(frozen: Frozen, judged: HoldOut, features: NDArray[np.float32], seed: int) -> list[dict[str, Any]]:
    """Agreement of the frozen rung by the number of rows that it learns from, on the same held-out texts.

    The rows of a smaller share are among those of a larger one. Shares with fewer than two labels are left out.
    """
    order = np.random.default_rng(seed).permutation(judged.inside)
    curve = []
    for share in CURVE_SHARES:
        places = order[: max(2, round(share * len(order)))]
        if len(np.unique(frozen.numbers[places])) > 1:
            right = _label_frozen(frozen, places, features) == judged.numbers
            curve.append({"share": share, "rows": len(places), **score(right)})
    return curve


def _choose_unseen(tuner: FineTuner) -> tuple[str, str]:
    if tuner.params.rung != "auto":
        return tuner.params.rung, f"train.rung is {tuner.params.rung}"
    return "frozen", "There are too few rows to hold any out, so nothing was compared; a linear head needs the fewest."


def _label_by_words(tuner: FineTuner, rows: pd.DataFrame, judged: HoldOut) -> Numbers:
    inside = rows.iloc[judged.inside]
    words = Baseline(make_tfidf(), tuner.labels).fit(inside["text"].to_list(), inside["label"].to_list())
    return _label(words.predict_proba(judged.texts))


def _read_rest(tuner: FineTuner, frozen: Frozen, judged: HoldOut) -> NDArray[np.float32]:
    """Features of the held-out texts that are not among the tuner's."""
    return tuner.read(judged.texts[len(judged.outside) :], frozen.pooling)


def _label_frozen(frozen: Frozen, places: Numbers, features: NDArray[np.float32]) -> Numbers:
    return _label(frozen.fit(places).predict_proba(features))


def _rehearse(
    tuner: FineTuner, rows: pd.DataFrame, frozen: Frozen, lessons: Lessons, judged: HoldOut, ladder: Ladder
) -> Numbers:
    """Train the fine-tuned rung; the ladder gets its temperature, and the doubtful labels that it would give too."""
    learnt = pick_learnt(tuner, rows, frozen, lessons, judged.inside)
    training = tuner.train(lessons.targets, lessons.epochs, tuner.params.seed, learnt, "hold-out")
    doubtful = np.setdiff1d(np.setdiff1d(np.arange(len(rows)), lessons.places), learnt)
    texts = [*judged.texts, *(tuner.texts[place] for place in doubtful)]
    if tuner.params.base_share is None:
        logits = np.log(tuner.predict_proba(training, texts))
    else:
        logits = hold_back(tuner, training, frozen, judged.inside).decide(tuner.read_by(training.model, texts))
        ladder.temperature = fit_temperature(logits[: len(judged.texts)], judged.numbers)
    given, given_doubtful = np.split(_label(logits), [len(judged.texts)])
    ladder.absolved = doubtful[given_doubtful == frozen.numbers[doubtful]]
    return given


def _label(shares: NDArray[np.float64]) -> Numbers:
    return np.asarray(shares.argmax(axis=1), dtype=np.intp)
