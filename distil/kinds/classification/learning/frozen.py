"""The student that is not fine-tuned: the base as it is, with a linear head.

What its head reads, and how tight it is held, is chosen by cross-validation on the training rows. The predictions for
rows that it has not seen also tell which labels are doubtful.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distil.kinds.classification.learning.label_noise import find_suspects, votes_tell_errors
from distil.kinds.classification.learning.targets import Targets
from distil.linear.folds import Folds, Numbers, count_folds, draw_folds
from distil.linear.probe import (
    DISCRIMINANT,
    LOGISTIC,
    Method,
    Probe,
    fit_probe_on_shares,
    fit_temperature,
    list_suitable,
    validate_probe,
)
from distil.student.fine_tuner import FineTuner, Pooling, Training

LEAST_SHARE = 1e-12  # a probability, so that its logarithm is bounded
COMPARED = 1000  # texts by which two ways of pooling are compared
METHODS = (*DISCRIMINANT, *LOGISTIC)  # the first that suits the rows compares two ways of pooling
UNCHOSEN = LOGISTIC[1]  # where there are too few rows to choose
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Frozen:
    """What the head reads of each text of the tuner, the labels, and what kind of probe is to be fitted over them.

    `held_out` (texts, labels) are predictions by probes that have not seen the text; null where there are too few rows
    for folds. `pooled` has the share of held-out labels that they give, by what the head reads, where that was
    compared. `shares` (texts, labels) are what a probe learns in place of the labels, if anything.
    """

    features: NDArray[np.float32]
    numbers: Numbers
    labels: int
    pooling: Pooling
    method: Method
    temperature: float
    has_bias: bool
    balanced: bool
    held_out: Floats | None
    pooled: Mapping[Pooling, float]
    pooling_named: bool
    seconds: float
    shares: Floats | None = None

    def fit(self, places: Numbers) -> Probe:
        """Train a probe on the rows at these places."""
        return self.fit_over(self.features[places], places).cool(self.temperature)

    def fit_over(self, features: NDArray[np.float32], places: Numbers) -> Probe:
        """Train a probe on the rows at these places, of which the features may be others than the frozen base's.

        It is of the kind that was chosen, or another where rows are too few for it.
        """
        numbers = self.numbers[places]
        method = self.method if self.method.suits(numbers, self.has_bias) else UNCHOSEN
        learnt = np.eye(self.labels)[numbers] if self.shares is None else self.shares[places]
        probe = fit_probe_on_shares(features, learnt, method, self.has_bias)
        return probe.balance(learnt.sum(axis=0)) if self.balanced and self.has_bias else probe

    def predict_held_out(self, places: Numbers, wanted: int, seed: int) -> Floats | None:
        """Predict the rows at these places by probes that learnt from others among them; null where they are too few.

        Of `wanted` folds there are fewer where a label has fewer rows. The shape is (places, labels).
        """
        numbers = self.numbers[places]
        if not (folds := count_folds(numbers, wanted)):
            return None
        every = draw_folds(numbers, folds, seed)
        methods = list_suitable([self.method], numbers, every, self.has_bias) or [UNCHOSEN]
        found = validate_probe(self.features[places], numbers, self.labels, every, methods, self.has_bias)
        return found.held_out

    def describe(self) -> dict[str, dict[str, Any]]:
        """What was settled here, for the recipe."""
        pooled = ", ".join(f"{way} {agreement:.1%}" for way, agreement in self.pooled.items())
        method = "what gives most held-out labels" if self.held_out is not None else None
        told = "votes differ where a label is suspected" if self.shares is not None else None
        return {
            "pooling": {
                "value": self.pooling,
                "by": "params" if self.pooling_named else "auto",
                "why": f"held-out labels that the frozen base gives: {pooled}" if pooled else None,
            },
            "head": {"value": str(self.method), "by": "auto", "why": method},
            "head_learns": {"value": "labels" if self.shares is None else "shares of votes", "by": "auto", "why": told},
        }


def leave_unread(numbers: Numbers, labels: int) -> Frozen:
    """Of a training that needs nothing of the frozen base: the labels alone."""
    nothing = np.zeros((len(numbers), 0), dtype=np.float32)
    return Frozen(nothing, numbers, labels, "base", UNCHOSEN, 1.0, True, False, None, {}, True, 0.0)


def learn_shares(frozen: Frozen, rows: pd.DataFrame, folds: Folds) -> Frozen:
    """Return the same for probes that learn shares of votes where these tell errors, and labels where they do not.

    Votes that differ by lot say nothing of a text, and to learn their shares costs a point (docs/student.md). How sure
    such probes should be, the rows held out by `folds` tell.
    """
    if frozen.held_out is None or not votes_tell_errors(rows, find_suspects(rows, frozen.numbers, frozen.held_out)):
        return frozen
    taught = replace(frozen, shares=np.stack(rows["soft"].to_list()))
    logits = np.zeros(frozen.held_out.shape)
    for inside, outside in folds:
        logits[outside] = taught.fit_over(frozen.features[inside], inside).decide(frozen.features[outside])
    return replace(taught, temperature=fit_temperature(logits, frozen.numbers))


def freeze_under(tuner: FineTuner, probe: Probe, frozen: Frozen, targets: Targets) -> Training:
    """Return the base as it is under this head; the loss is that on the tuner's texts."""
    shares = probe.predict_proba(frozen.features).clip(LEAST_SHARE)
    loss = float(-(targets * np.log(shares)).sum(axis=1).mean())
    return tuner.freeze(probe.weights, probe.bias, loss, frozen.pooling)


def validate_frozen(tuner: FineTuner, numbers: Numbers, folds: int, pooling: Pooling | None) -> Frozen:
    """Choose how the frozen base is read; `pooling` null lets the rows decide, `folds` 0 says there are too few.

    Raises `InputError` if there are too few rows for so many folds.
    """
    start = time.perf_counter()
    labels, has_bias, seed = len(tuner.labels), tuner.has_bias, tuner.params.seed
    way: Pooling = pooling or ("mean" if tuner.can_pool_mean else "base")
    features = tuner.read(tuner.texts, way)
    pooled: dict[Pooling, float] = {}
    if pooling is None and tuner.can_pool_mean and folds:
        pooled = _compare_ways(tuner, numbers, features)
        if pooled and pooled["base"] > pooled["mean"]:
            way, features = "base", tuner.read(tuner.texts, "base")
    method, temperature, held_out = UNCHOSEN, 1.0, None
    if folds:
        every = draw_folds(numbers, folds, seed)
        methods = list_suitable(METHODS, numbers, every, has_bias)
        found = validate_probe(features, numbers, labels, every, methods, has_bias)
        method, temperature, held_out = found.method, found.temperature, found.held_out
    named, seconds = pooling is not None, time.perf_counter() - start
    balanced = tuner.params.class_weights == "balanced"
    return Frozen(
        features, numbers, labels, way, method, temperature, has_bias, balanced, held_out, pooled, named, seconds
    )


def _compare_ways(tuner: FineTuner, numbers: Numbers, mean: NDArray[np.float32]) -> dict[Pooling, float]:
    """The share of held-out labels that the frozen base gives by what its head reads, if rows are enough."""
    places = np.random.default_rng(tuner.params.seed).permutation(len(numbers))[:COMPARED]
    some = numbers[places]
    folds = count_folds(some, tuner.params.folds)
    if not folds:
        return {}
    every = draw_folds(some, folds, tuner.params.seed)
    first = list_suitable(METHODS, some, every, tuner.has_bias)[:1]
    base = tuner.read([tuner.texts[place] for place in places], "base")
    ways: dict[Pooling, NDArray[np.float32]] = {"mean": mean[places], "base": base}
    return {
        way: validate_probe(features, some, len(tuner.labels), every, first, tuner.has_bias).agreement
        for way, features in ways.items()
    }
