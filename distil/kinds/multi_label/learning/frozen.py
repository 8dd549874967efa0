"""The student that is not fine-tuned: the base as it is, with a linear head, a logistic regression a label.

What its head reads, and how tight it is held, is chosen by cross-validation on the training rows.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distil.kinds.multi_label.learning.probe import (
    UNCHOSEN,
    Bools,
    Floats,
    Probe,
    Targets,
    fit_probe,
    hold_out,
    score_at_best,
    validate_probe,
)
from distil.kinds.multi_label.learning.training_set import number_rarest
from distil.linear.folds import Numbers, count_folds, draw_folds
from distil.student.fine_tuner import FineTuner, Pooling, Training

LEAST_SHARE = 1e-12  # a probability, so that its logarithm is bounded
COMPARED = 1000  # texts by which two ways of pooling are compared
COMPARED_BY = 0.003  # strength of the probes that compare them


@dataclass(frozen=True)
class Frozen:
    """What the head reads of each text of the tuner, the labels, and how tight a probe over them is to be held.

    `held_out` (texts, labels) are predictions by probes that have not seen the text; null where there are too few rows
    for folds. `pooled` has the micro F1 that they reach, by what the head reads, where that was compared.
    """

    features: NDArray[np.float32]
    known: Bools
    targets: Targets
    pooling: Pooling
    strength: float
    has_bias: bool
    held_out: Floats | None
    pooled: Mapping[Pooling, float]
    pooling_named: bool
    seconds: float

    def fit(self, places: Numbers) -> Probe:
        """Train a probe on the rows at these places."""
        return self.fit_over(self.features[places], places)

    def fit_over(self, features: NDArray[np.float32], places: Numbers) -> Probe:
        """Train such a probe on other features of the rows at these places."""
        return fit_probe(features, self.targets[places], self.strength, self.has_bias)

    def describe(self) -> dict[str, dict[str, Any]]:
        """What was settled here, for the recipe."""
        pooled = ", ".join(f"{way} {agreement:.1%}" for way, agreement in self.pooled.items())
        method = "what gives the highest micro F1 on rows held out" if self.held_out is not None else None
        return {
            "pooling": {
                "value": self.pooling,
                "by": "params" if self.pooling_named else "auto",
                "why": f"micro F1 of the frozen base on rows held out: {pooled}" if pooled else None,
            },
            "head": {"value": f"a logistic regression a label, C {self.strength:g}", "by": "auto", "why": method},
        }


def leave_unread(known: Bools, targets: Targets) -> Frozen:
    """Of a training that needs nothing of the frozen base: the labels alone."""
    nothing = np.zeros((len(known), 0), dtype=np.float32)
    return Frozen(nothing, known, targets, "base", UNCHOSEN, True, None, {}, True, 0.0)


def validate_frozen(tuner: FineTuner, known: Bools, targets: Targets, folds: int, pooling: Pooling | None) -> Frozen:
    """Choose how the frozen base is read; `pooling` null lets the rows decide, `folds` 0 says there are too few.

    Raises `InputError` if there are too few rows for so many folds.
    """
    start = time.perf_counter()
    way: Pooling = pooling or ("mean" if tuner.can_pool_mean else "base")
    features = tuner.read(tuner.texts, way)
    pooled: dict[Pooling, float] = {}
    if pooling is None and tuner.can_pool_mean and folds:
        pooled = _compare_ways(tuner, known, targets, features)
        if pooled and pooled["base"] > pooled["mean"]:
            way, features = "base", tuner.read(tuner.texts, "base")
    strength, held_out = UNCHOSEN, None
    if folds:
        every = draw_folds(number_rarest(known), folds, tuner.params.seed)
        found = validate_probe(features, known, targets, every, tuner.has_bias)
        strength, held_out = found.strength, found.held_out
    named, seconds = pooling is not None, time.perf_counter() - start
    return Frozen(features, known, targets, way, strength, tuner.has_bias, held_out, pooled, named, seconds)


def freeze_under(tuner: FineTuner, frozen: Frozen) -> Training:
    """Return the base as it is under a head that all rows taught; the loss is that on the tuner's texts."""
    probe = frozen.fit(np.arange(len(frozen.known)))
    shares, targets = probe.predict_proba(frozen.features).clip(LEAST_SHARE, 1 - LEAST_SHARE), frozen.targets
    loss = -(targets * np.log(shares) + (1 - targets) * np.log(1 - shares)).mean()
    return tuner.freeze(probe.weights, probe.bias, float(loss), frozen.pooling)


def _compare_ways(tuner: FineTuner, known: Bools, targets: Targets, mean: NDArray[np.float32]) -> dict[Pooling, float]:
    """The micro F1 of the frozen base on rows held out by what its head reads, if rows are enough."""
    places = np.random.default_rng(tuner.params.seed).permutation(len(known))[:COMPARED]
    numbers = number_rarest(known[places])
    folds = count_folds(numbers, tuner.params.folds)
    if not folds:
        return {}
    every = draw_folds(numbers, folds, tuner.params.seed)
    base = tuner.read([tuner.texts[place] for place in places], "base")
    ways: dict[Pooling, NDArray[np.float32]] = {"mean": mean[places], "base": base}
    return {
        way: score_at_best(known[places], hold_out(features, targets[places], every, COMPARED_BY, tuner.has_bias))
        for way, features in ways.items()
    }
