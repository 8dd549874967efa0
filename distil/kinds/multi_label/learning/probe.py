"""Linear probes over what an encoder says of texts: a logistic regression a label, all of them fitted at once.

Targets are shares, so that a probe learns from votes that disagree too. Features are put on unit variance first.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from distil.kinds.multi_label.learning.thresholds import maximise_micro_f1, score_decisions
from distil.linear.folds import Folds
from distil.linear.probe import LEAST_DEVIATION, Features

MOST_ITERATIONS = 100
STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)  # C of scikit-learn's LogisticRegression: the higher the looser
UNCHOSEN = 0.01  # where there are too few rows to choose
CERTAIN = 10.0  # logit of a label that all rows have; of one that none has it is minus that

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Targets = NDArray[np.float32]  # of shape (texts, labels), the share of each label by itself


class Probe(NamedTuple):
    """Logits are features @ weights.T + bias; weights are of shape (labels, features), bias of shape (labels,)."""

    weights: Floats
    bias: Floats

    def predict_proba(self, features: Features) -> Floats:
        """Return the probability of each label by itself, of shape (texts, labels)."""
        shares: Floats = expit(features @ self.weights.T + self.bias)
        return shares


class Validated(NamedTuple):
    """The strength that is best for rows not seen, and what its probes say of these, of shape (rows, labels)."""

    strength: float
    held_out: Floats
    micro_f1: float


def fit_probe(features: Features, targets: Targets, strength: float, has_bias: bool = True) -> Probe:
    """Train on these rows; a label that all rows have, or none, is told by its bias.

    Without a bias, as the heads of decoders are, what it gets is not centred either.
    """
    deviation = features.std(axis=0, dtype=np.float64)
    deviation = np.where(deviation > LEAST_DEVIATION, deviation, 1.0)
    mean = features.mean(axis=0, dtype=np.float64) if has_bias else np.zeros(features.shape[1])
    scaled = ((features - mean) / deviation).astype(np.float32)
    mixed = (targets.max(axis=0) > 0) & (targets.min(axis=0) < 1)
    weights = np.zeros((targets.shape[1], features.shape[1]))
    bias = has_bias * np.where(targets.max(axis=0) > 0, CERTAIN, -CERTAIN)
    if mixed.any():
        weights[mixed], bias[mixed] = _minimise(scaled, targets[:, mixed], strength, has_bias)
    weights = weights / deviation
    return Probe(weights, bias - weights @ mean)


def hold_out(features: Features, targets: Targets, folds: Folds, strength: float, has_bias: bool) -> Floats:
    """Return what probes say of the rows of each fold that have not seen them, of shape (rows, labels)."""
    held_out = np.zeros(targets.shape)
    for inside, outside in folds:
        probe = fit_probe(features[inside], targets[inside], strength, has_bias)
        held_out[outside] = probe.predict_proba(features[outside])
    return held_out


def validate_probe(features: Features, known: Bools, targets: Targets, folds: Folds, has_bias: bool) -> Validated:
    """Choose the strength with the highest micro F1 on rows not seen, at the best common threshold of these.

    `known` (rows, labels) is what is to be found, `targets` what is learnt. The folds hold out every row once.
    """
    every = [(strength, hold_out(features, targets, folds, strength, has_bias)) for strength in STRENGTHS]
    return max((Validated(*each, score_at_best(known, each[1])) for each in every), key=lambda found: found.micro_f1)


def score_at_best(known: Bools, shares: Floats) -> float:
    """Return the micro F1 of the common threshold that is best for these texts."""
    threshold = maximise_micro_f1(known.reshape(-1, 1), shares.reshape(-1, 1))[0]
    return score_decisions(known, shares >= threshold)


def _minimise(scaled: Features, targets: Targets, strength: float, has_bias: bool) -> tuple[Floats, Floats]:
    """Weights and bias with the least sum of cross-entropies and squared weights, which begin at the labels' shares."""
    rows, labels = targets.shape
    split = labels * scaled.shape[1]

    def lose(point: Floats) -> tuple[float, Floats]:
        weights = point[:split].reshape(labels, -1).astype(np.float32)
        logits = scaled @ weights.T + point[split:].astype(np.float32)
        loss = (np.logaddexp(0, logits) - targets * logits).sum(dtype=np.float64)
        error = expit(logits) - targets
        slope = np.concatenate([(error.T @ scaled + weights / strength).ravel(), has_bias * error.sum(axis=0)])
        return float(loss + np.square(point[:split]).sum() / (2 * strength)), slope.astype(np.float64)

    shares = (targets.sum(axis=0) + 0.5) / (rows + 1)
    start = np.concatenate([np.zeros(split), has_bias * np.log(shares / (1 - shares))])
    best = minimize(lose, start, jac=True, method="L-BFGS-B", options={"maxiter": MOST_ITERATIONS}).x
    return best[:split].reshape(labels, -1), best[split:]
