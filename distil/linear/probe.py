"""Linear probes: logistic regression over what a frozen encoder says of texts, held as tight as cross-validation says.

Features are put on unit variance first. Noisy labels and few rows want a tight regression, many clean rows a loose one.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from distil.linear.folds import Folds, Numbers

STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)  # inverse regularisation (C) on features of unit variance
MOST_ITERATIONS, TOLERANCE = 300, 1e-3
LEAST_SHARE = 1e-6  # a probability, so that its logarithm is bounded
LEAST_DEVIATION = 1e-6  # a feature that varies less counts as constant
BELOW_ALL = 1000.0  # so that the probability is 0 in any precision: no logit of the other labels lies as low
Floats = NDArray[np.float64]
Features = NDArray[np.float32]  # of shape (texts, features)


@dataclass(frozen=True)
class Probe:
    """Logits are features @ weights.T + bias; weights are of shape (labels, features), bias of shape (labels,).

    A label that had no row to learn from has a bias so low that its probability is 0.
    """

    weights: Floats
    bias: Floats

    def predict_proba(self, features: Features) -> Floats:
        """Return probabilities of shape (texts, labels)."""
        logits = features @ self.weights.T + self.bias
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
    deviation = features.std(axis=0, dtype=np.float64)
    deviation = np.where(deviation > LEAST_DEVIATION, deviation, 1.0)
    mean = features.mean(axis=0, dtype=np.float64) if has_bias else np.zeros(features.shape[1])
    scaled = ((features - mean) / deviation).astype(np.float32)
    regression = LogisticRegression(C=strength, max_iter=MOST_ITERATIONS, tol=TOLERANCE, fit_intercept=has_bias)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last digits do not matter here
        regression.fit(scaled, numbers)
    weights, bias = regression.coef_.astype(np.float64), regression.intercept_.astype(np.float64)
    if len(regression.classes_) == 2:  # scikit-learn has one row for both
        weights, bias = np.vstack([-weights / 2, weights / 2]), np.concatenate([-bias / 2, bias / 2])
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
