"""Choose from which probability on a label counts as given, so that micro F1 is as high as it can be.

With honest probabilities the best threshold is the same for all labels, half of the best F1 (Lipton, Elkan &
Narayanaswamy 2014, Optimal Thresholding of Classifiers to Maximize F1 Measure). A model's are not honest, and differ
from label to label; but a threshold that is fitted to a label of few texts is wild. So each label's own is drawn
towards a common one, the more the fewer texts have the label; how much, and towards which, cross-validation says.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

HALF = 0.5
ABOVE_ALL = 1 + 1e-9  # no probability reaches it
MOST_STEPS = 50
ROUNDING = 1e-12


class Rule(NamedTuple):
    """What a label's own threshold is drawn to, `HALF` or the best common one, and how much: as by so many texts."""

    centre: str  # half or common
    strength: float

    def __str__(self) -> str:
        return f"{self.centre}, strength {self.strength:g}"


RULES = [Rule(centre, strength) for strength in (np.inf, 100.0, 30.0, 10.0) for centre in ("half", "common")]


class Thresholds(NamedTuple):
    """A threshold for each label, by which rule, and what it comes to on texts that it was not fitted to.

    `decided` (texts, labels) is what it says there, `micro_f1` the score of that.
    """

    values: Floats
    rule: Rule
    decided: Bools
    micro_f1: float


def choose_thresholds(known: Bools, shares: Floats, folds: int, seed: int) -> Thresholds:
    """Choose thresholds by cross-validation, with the rule that is best on the texts held out.

    Args:
        known: shape (texts, labels), whether a text has a label.
        shares: shape (texts, labels), probabilities from a model that was not trained on the text.
        folds: how many, at most the number of texts.
        seed: of the draw of folds.

    Returns:
        `micro_f1` is that of the best of a few rules, so it is a little too high; of equals the first rule, the
        simplest, is taken. With fewer than two texts all is `HALF`, and micro_f1 that of it.
    """
    rules, decisions = RULES[:1], [shares >= HALF]
    if len(known) > 1:
        groups = np.random.default_rng(seed).permutation(len(known)) % min(folds, len(known))
        rules, decisions = RULES, [np.zeros_like(known) for _ in RULES]
        for fold in range(groups.max() + 1):
            inside, outside = groups != fold, groups == fold
            for decided, values in zip(decisions, fit_thresholds(known[inside], shares[inside], RULES), strict=True):
                decided[outside] = shares[outside] >= values
    scores = [score_decisions(known, decided) for decided in decisions]
    best = int(np.argmax(np.array(scores) >= max(scores) - ROUNDING))
    return Thresholds(fit_thresholds(known, shares, [rules[best]])[0], rules[best], decisions[best], scores[best])


def fit_thresholds(known: Bools, shares: Floats, rules: Sequence[Rule]) -> list[Floats]:
    """Return thresholds, of shape (labels,), by each rule."""
    own = maximise_micro_f1(known, shares)
    common = maximise_micro_f1(known.reshape(-1, 1), shares.reshape(-1, 1))[0]
    texts = known.sum(axis=0)
    centres = {"half": HALF, "common": float(common)}
    found = []
    for centre, strength in rules:
        weights = np.zeros(len(texts)) if np.isinf(strength) else texts / (texts + strength)
        found.append(centres[centre] + weights * (own - centres[centre]))
    return found


def maximise_micro_f1(known: Bools, shares: Floats) -> Floats:
    """Return the threshold of each label, of shape (labels,), with which micro F1 on these texts is highest.

    For a given F1 a decision is worth making if it adds to 2 right - F1 said; the best decisions have a higher F1, and
    so on until it stays the same (Dinkelbach 1967, On Nonlinear Fractional Programming). A threshold lies halfway
    between two probabilities that occur. Without a label in any text all are `HALF`.
    """
    if not known.any():
        return np.full(known.shape[1], HALF)
    order = np.argsort(-shares, axis=0, kind="stable")
    ranked, right = np.take_along_axis(shares, order, axis=0), np.take_along_axis(known, order, axis=0).cumsum(axis=0)
    places = np.arange(known.shape[1])
    can_end = np.vstack([np.ones_like(places, dtype=bool), ranked[:-1] > ranked[1:], np.ones_like(places, dtype=bool)])
    right = np.vstack([np.zeros_like(places), right])
    said, score = np.arange(len(right))[:, None], 0.0
    for _ in range(MOST_STEPS):
        cuts = np.where(can_end, 2 * right - score * said, -np.inf).argmax(axis=0)
        better = 2 * right[cuts, places].sum() / (known.sum() + cuts.sum())
        if better <= score + ROUNDING:
            break
        score = better
    bounds = np.vstack([np.full_like(ranked[:1], ABOVE_ALL), ranked, np.zeros_like(ranked[:1])])
    thresholds: Floats = (bounds[cuts, places] + bounds[cuts + 1, places]) / 2
    return thresholds


def score_decisions(known: Bools, decided: Bools) -> float:
    """Micro F1 of decisions of shape (texts, labels); 0 where no label is known or said."""
    return float(2 * (known & decided).sum() / max(known.sum() + decided.sum(), 1))
