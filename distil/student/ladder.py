"""The ladder: students from the cheapest to the dearest, judged on the same rows that none of them has seen.

A fold of the training rows, with the validation rows, tells how often each gives the teacher's label; where rows are
few, so do more folds. The best one that exports as a folder which transformers opens is the student; a cheaper one
where two are alike. Test rows never come here.
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

from distil.linear.baselines import Baseline
from distil.linear.features import make_tfidf
from distil.linear.folds import Folds, Numbers, draw_folds
from distil.student.fine_tuner import FineTuner
from distil.student.frozen import Frozen
from distil.student.rehearsal import HoldOut, Rehearsal
from distil.student.targets import number_labels
from distil.student.training_set import Lessons

RUNGS = {  # that export as a folder which transformers opens, from the cheapest on
    "frozen": "the frozen base with a linear head",
    "fine_tuned": "fine-tuning",
}
ENOUGH = 600  # held-out labels, by which rungs that are two points apart are told from each other, but for chance
ALIKE = 0.002  # of the held-out labels: where a dearer rung gains no more, the cheaper one is taken
CURVE_SHARES = (0.125, 0.25, 0.5, 1.0)  # of the rows to train on
CONFIDENCE = 0.95
Bools = NDArray[np.bool_]


@dataclass
class Ladder:
    """What metrics/train.json tells of the rungs, and what was found on the way up.

    `temperature` says how sure a head that is fitted anew should be; `absolved` are the places of rows whose label was
    doubted and left out, and which fine-tuned students that had not seen them give all the same, most of them.
    """

    rungs: dict[str, dict[str, Any]] = field(default_factory=dict)
    learning_curve: list[dict[str, Any]] = field(default_factory=list)
    chosen: str = "frozen"
    why: str = ""
    temperature: float | None = None
    absolved: Numbers = field(default_factory=lambda: np.zeros(0, dtype=np.intp))

    def judge(self, name: str, exportable: bool, label: Callable[[HoldOut], Numbers], holds: Sequence[HoldOut]) -> None:
        """Add a rung; `label` trains it on a hold-out's rows, and returns the number of its label for each text."""
        start = time.perf_counter()
        right = np.concatenate([label(held) == held.numbers for held in holds])
        self.rungs[name] = {
            **score(right),
            "rows": len(right),
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
    holds = cut_hold_outs(draw_folds(frozen.numbers, folds, tuner.params.seed), tuner, frozen, held_out)
    ladder.judge("majority", False, partial(_label_commonest, frozen), holds)
    ladder.judge("tfidf", False, partial(_label_by_words, tuner, rows), holds)
    ladder.judge("frozen", True, lambda held: _label_frozen(frozen, held.inside, held.features), holds)
    ladder.rungs["frozen"]["seconds"] += frozen.seconds
    ladder.learning_curve = draw_curve(frozen, holds[0], tuner.params.seed)
    if tuner.params.rung != "frozen":
        rehearsal = Rehearsal(tuner, rows, frozen, lessons)
        ladder.judge("fine_tuned", True, rehearsal.label, holds)
        ladder.temperature = rehearsal.fit_temperature(holds)
        ladder.absolved = rehearsal.absolve()
    ladder.chosen, ladder.why = choose(ladder, tuner.params.rung)
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


def draw_curve(frozen: Frozen, judged: HoldOut, seed: int) -> list[dict[str, Any]]:
    """Agreement of the frozen rung by the number of rows that it learns from, on the same held-out texts.

    The rows of a smaller share are among those of a larger one. Shares with fewer than two labels are left out.
    """
    order = np.random.default_rng(seed).permutation(judged.inside)
    curve = []
    for share in CURVE_SHARES:
        places = order[: max(2, round(share * len(order)))]
        if len(np.unique(frozen.numbers[places])) > 1:
            right = _label_frozen(frozen, places, judged.features) == judged.numbers
            curve.append({"share": share, "rows": len(places), **score(right)})
    return curve


def _choose_unseen(tuner: FineTuner) -> tuple[str, str]:
    if tuner.params.rung != "auto":
        return tuner.params.rung, f"train.rung is {tuner.params.rung}"
    return "frozen", "There are too few rows to hold any out, so nothing was compared; a linear head needs the fewest."


def _label_commonest(frozen: Frozen, held: HoldOut) -> Numbers:
    return np.full(len(held.numbers), np.bincount(frozen.numbers[held.inside]).argmax())


def _label_by_words(tuner: FineTuner, rows: pd.DataFrame, held: HoldOut) -> Numbers:
    inside = rows.iloc[held.inside]
    words = Baseline(make_tfidf(), tuner.labels).fit(inside["text"].to_list(), inside["label"].to_list())
    return _label(words.predict_proba(held.texts))


def _label_frozen(frozen: Frozen, places: Numbers, features: NDArray[np.float32]) -> Numbers:
    return _label(frozen.fit(places).predict_proba(features))


def _label(shares: NDArray[np.float64]) -> Numbers:
    return np.asarray(shares.argmax(axis=1), dtype=np.intp)
