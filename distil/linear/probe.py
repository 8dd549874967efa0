"""Linear probes: logistic regression over features of texts, held as tight as cross-validation says.

Features are what a frozen encoder says of each text, as a dense array, or counts of words and characters, as a sparse
one. Dense ones are put on unit variance first. Noisy labels and few rows want a tight regression, many clean rows a
loose one.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from distil.linear.folds import Folds, Numbers

STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1)  # inverse regularisation (C) on features of unit variance
MOST_ITERATIONS, TOLERANCE = 300, 1e-3
LEAST_SHARE = 1e-6  # a probability, so that its logarithm is bounded
LEAST_DEVIATION = 1e-6  # a feature that varies less counts as constant
BELOW_ALL = 5.0  # weights and biases sum to zero over the labels, so the largest logit is never below the least bias
Floats = NDArray[np.float64]
Features = Any  # an array or a sparse matrix of shape (texts, features)


@dataclass(frozen=True)
class Probe:
    """Logits are features @ weights.T + bias; weights are of shape (labels, features), bias of shape (labels,).

    A label that had no row to learn from has a bias so low that it is never the answer.
    """

    weights: Floats
    bias: Floats

    def predict_proba(self, features: Features) -> Floats:
        """Return probabilities of shape (texts, labels)."""
        logits = np.asarray(features @ self.weights.T) + self.bias
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: Floats = powers / powers.sum(axis=1, keepdims=True)
        return shares


@dataclass(frozen=True)
class Validated:
    """What cross-validation found: the strength that agrees best, and what is said of rows not seen."""

    strength: float
    held_out: Floats  # of shape (rows, labels)
    agreements: dict[float, float]  # by strength


def fit_probe(features: Features, numbers: Numbers, labels: int, strength: float, has_bias: bool = True) -> Probe:
    """Train on rows of two labels or more; `numbers` are their labels, of which there are `labels`.

    Without a bias, as the heads of decoders are, what it gets is not centred either.
    """
    mean, deviation = _measure_spread(features, has_bias)
    scaled = features if deviation is None else ((features - mean) / deviation).astype(np.float32)
    regression = LogisticRegression(C=strength, max_iter=MOST_ITERATIONS, tol=TOLERANCE, fit_intercept=has_bias)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last digits do not matter here
        regression.fit(scaled, numbers)
    weights, bias = regression.coef_.astype(np.float64), regression.intercept_.astype(np.float64)
    if len(regression.classes_) == 2:  # scikit-learn has one row for both
        weights, bias = np.vstack([-weights / 2, weights / 2]), np.concatenate([-bias / 2, bias / 2])
    if deviation is not None:
        weights = weights / deviation
        bias = bias - weights @ mean
    every = np.zeros((labels, weights.shape[1]))
    every[regression.classes_] = weights
    biases = np.full(labels, bias.min() - BELOW_ALL)
    biases[regression.classes_] = bias
    return Probe(every, biases)


def validate_probe(
    features: Features,
    numbers: Numbers,
    labels: int,
    folds: Folds,
    strengths: Sequence[float],
    has_bias: bool = True,
) -> Validated:
    """Choose the strength whose held-out predictions agree best with the labels; of equals the one with the least loss.

    Rows that no fold holds out count for nothing.
    """
    judged = np.concatenate([outside for _, outside in folds])
    agreements: dict[float, float] = {}
    ranked: list[tuple[float, float, float, Floats]] = []
    for strength in strengths:
        held_out = np.zeros((len(numbers), labels))
        for inside, outside in folds:
            probe = fit_probe(features[inside], numbers[inside], labels, strength, has_bias)
            held_out[outside] = probe.predict_proba(features[outside])
        agreements[strength] = float((held_out.argmax(axis=1) == numbers)[judged].mean())
        given = held_out[judged, numbers[judged]]  # the probability of each row's own label
        ranked.append((agreements[strength], float(np.log(given.clip(LEAST_SHARE)).mean()), strength, held_out))
    _, _, strength, held_out = max(ranked, key=lambda found: found[:2])
    return Validated(strength, held_out, agreements)


def _measure_spread(features: Features, centred: bool) -> tuple[Floats, Floats | None]:
    """Mean (zero if not `centred`) and standard deviation of each dense feature; sparse ones are taken as they are."""
    if not isinstance(features, np.ndarray):
        return np.zeros(features.shape[1]), None
    deviation = features.std(axis=0, dtype=np.float64)
    mean = features.mean(axis=0, dtype=np.float64) if centred else np.zeros(features.shape[1])
    return mean, np.where(deviation > LEAST_DEVIATION, deviation, 1.0)
