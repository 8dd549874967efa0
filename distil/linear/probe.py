"""Linear probes over what a frozen encoder says of texts, of the kind and as tight as cross-validation says.

Logistic regression is best with many rows a label; linear discriminant analysis, whose covariance is shrunk (Friedman,
"Regularized Discriminant Analysis", 1989), with few of them or with noisy labels, and it takes a fraction of the time.
Features are put on unit variance first. A temperature from held-out labels makes the probabilities honest (Guo et al.,
"On Calibration of Modern Neural Networks", 2017).
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from distil.linear.folds import Folds, Numbers

MOST_ITERATIONS, TOLERANCE = 300, 1e-3
FIRST_FOLDS, FINALISTS = 2, 3  # every method is tried on these folds, so many of them on all
LOG_TEMPERATURES = (-3.0, 6.0)  # discriminant analysis is sure of itself, by a factor of up to a hundred
LEAST_LOG_SHARE = -14.0  # so that one label that a fold has never seen does not decide the temperature
NEGLIGIBLE = 0.01  # of a row's largest share: not worth a row of its own, where each label has some probability
LEAST_VARIANCE = 1e-3  # that all features have around the mean of a label; rows that are alike have but rounding
LEAST_DEVIATION = 1e-6  # a feature that varies less counts as constant
Floats = NDArray[np.float64]
Features = NDArray[np.float32]  # of shape (texts, features)


@dataclass(frozen=True)
class Method:
    """A linear classifier and how tight it is held: C, or the shrinkage of the covariance towards the identity."""

    kind: Literal["logistic regression", "discriminant analysis"]
    strength: float

    def __str__(self) -> str:
        return f"{self.kind}, {'C' if self.kind == 'logistic regression' else 'shrinkage'} {self.strength:g}"

    def suits(self, numbers: Numbers, has_bias: bool) -> bool:
        """Whether it can be trained on rows of these labels; discriminant analysis needs two rows of some label."""
        return self.kind == "logistic regression" or (has_bias and len(np.unique(numbers)) < len(numbers))

    def fit(self, features: Features, shares: Floats, has_bias: bool) -> tuple[Floats, Floats]:
        """Return weights and bias, trained on features of unit variance; every label has some share of some row."""
        if self.kind == "discriminant analysis":
            return fit_discriminant(features, shares, self.strength)
        return fit_logistic(features, shares, self.strength, has_bias)


LOGISTIC = tuple(Method("logistic regression", strength) for strength in (0.003, 0.01, 0.03, 0.1, 0.3, 1.0))
DISCRIMINANT = tuple(Method("discriminant analysis", strength) for strength in (0.3, 0.6, 0.8, 0.9, 0.95))


@dataclass(frozen=True)
class Probe:
    """Logits are features @ weights.T + bias; weights are of shape (labels, features), bias of shape (labels,).

    A label that had no row to learn from has a bias of minus infinity: its probability is 0.
    """

    weights: Floats
    bias: Floats

    def decide(self, features: Features) -> Floats:
        """Return logits, of shape (texts, labels)."""
        logits: Floats = features @ self.weights.T + self.bias
        return logits

    def predict_proba(self, features: Features) -> Floats:
        """Return probabilities of shape (texts, labels)."""
        shares: Floats = softmax(self.decide(features), axis=1)
        return shares

    def balance(self, counts: Floats) -> "Probe":
        """Return the probe as if every label had been as common as any other among its rows, and not so often."""
        return Probe(self.weights, self.bias - np.log(np.where(counts, counts / counts.mean(), 1.0)))

    def cool(self, temperature: float) -> "Probe":
        """Return the probe whose logits are divided by this."""
        return Probe(self.weights / temperature, self.bias / temperature)


@dataclass(frozen=True)
class Validated:
    """The method that agrees best with labels of rows not seen, what it says of these, and how sure it should be."""

    method: Method
    held_out: Floats  # of shape (rows, labels), by the temperature
    agreement: float
    temperature: float


def fit_probe(features: Features, numbers: Numbers, labels: int, method: Method, has_bias: bool = True) -> Probe:
    """Train on rows of two labels or more; `numbers` are their labels, of which there are `labels`.

    Without a bias, as the heads of decoders are, what it gets is not centred either.
    """
    return fit_probe_on_shares(features, np.eye(labels)[numbers], method, has_bias)


def fit_probe_on_shares(features: Features, shares: Floats, method: Method, has_bias: bool = True) -> Probe:
    """Train as `fit_probe` does, where each row counts for every label by its share of it.

    `shares` are of shape (texts, labels); two labels or more have some.
    """
    deviation = features.std(axis=0, dtype=np.float64)
    deviation = np.where(deviation > LEAST_DEVIATION, deviation, 1.0)
    mean = features.mean(axis=0, dtype=np.float64) if has_bias else np.zeros(features.shape[1])
    scaled = ((features - mean) / deviation).astype(np.float32)
    shares = np.where(shares > NEGLIGIBLE * shares.max(axis=1, keepdims=True), shares, 0.0)
    present = np.flatnonzero(shares.any(axis=0))
    weights, bias = method.fit(scaled, shares[:, present], has_bias)
    weights = weights / deviation
    bias = bias - weights @ mean
    every = np.zeros((shares.shape[1], weights.shape[1]))
    every[present] = weights
    biases = np.full(shares.shape[1], -np.inf)
    biases[present] = bias
    return Probe(every, biases)


def fit_logistic(features: Features, shares: Floats, strength: float, has_bias: bool) -> tuple[Floats, Floats]:
    """Return weights (labels, features) and bias (labels) of a logistic regression with so large a C."""
    estimator = LogisticRegression(C=strength, max_iter=MOST_ITERATIONS, tol=TOLERANCE, fit_intercept=has_bias)
    rows, numbers = np.nonzero(shares)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last digits do not matter here
        estimator.fit(features[rows], numbers, sample_weight=shares[rows, numbers])
    weights, bias = estimator.coef_.astype(np.float64), np.asarray(estimator.intercept_, dtype=np.float64)
    if shares.shape[1] == 2:  # scikit-learn has one row for both
        return np.vstack([-weights / 2, weights / 2]), np.concatenate([-bias / 2, bias / 2])
    return weights, bias


def fit_discriminant(features: Features, shares: Floats, shrinkage: float) -> tuple[Floats, Floats]:
    """Return weights (labels, features) and bias (labels) of a discriminant analysis.

    All labels share one covariance, that of the rows around the means of their labels. It is shrunk by this part
    towards its mean variance times the identity. scikit-learn's takes no shares. Source: Hastie, Tibshirani & Friedman,
    "The Elements of Statistical Learning", 2009, section 4.3.
    """
    totals, counted = shares.sum(axis=0), shares.sum(axis=1)
    means = (shares.T @ features) / totals[:, None]
    spread = features.T @ (counted[:, None].astype(np.float32) * features) - (means.T * totals) @ means
    covariance = spread / counted.sum()
    variance = max(np.trace(covariance) / len(covariance), LEAST_VARIANCE)
    shrunk = (1 - shrinkage) * covariance + shrinkage * variance * np.eye(len(covariance))
    weights = np.linalg.lstsq(shrunk, means.T, rcond=None)[0].T
    bias = np.log(totals / counted.sum()) - (weights * means).sum(axis=1) / 2
    return weights - weights.mean(axis=0), bias - bias.mean()


def validate_probe(
    features: Features,
    numbers: Numbers,
    labels: int,
    folds: Folds,
    methods: Sequence[Method],
    has_bias: bool = True,
) -> Validated:
    """Choose the method whose held-out predictions agree best with the labels.

    All are tried on the first folds, and the best of these on the rest (successive halving, Jamieson and Talwalkar
    2016). Rows that no fold holds out count for nothing. The methods have to suit every fold.
    """
    logits = {method: np.zeros((len(numbers), labels)) for method in methods}

    def try_on(places: Folds, method: Method) -> None:
        for inside, outside in places:
            probe = fit_probe(features[inside], numbers[inside], labels, method, has_bias)
            logits[method][outside] = probe.decide(features[outside])

    def agree(places: Folds, method: Method) -> float:
        judged = np.concatenate([outside for _, outside in places])
        return float((logits[method][judged].argmax(axis=1) == numbers[judged]).mean())

    for method in methods:
        try_on(folds[:FIRST_FOLDS], method)
    finalists = sorted(methods, key=lambda method: agree(folds[:FIRST_FOLDS], method), reverse=True)[:FINALISTS]
    for method in finalists:
        try_on(folds[FIRST_FOLDS:], method)
    best = max(finalists, key=lambda method: agree(folds, method))
    judged = np.concatenate([outside for _, outside in folds])
    temperature = fit_temperature(logits[best][judged], numbers[judged])
    held_out: Floats = softmax(logits[best] / temperature, axis=1)
    return Validated(best, held_out, agree(folds, best), temperature)


def list_suitable(methods: Sequence[Method], numbers: Numbers, folds: Folds, has_bias: bool) -> list[Method]:
    """Return the methods that can be trained on every fold; logistic regression always can."""
    return [method for method in methods if all(method.suits(numbers[inside], has_bias) for inside, _ in folds)]


def fit_temperature(logits: Floats, numbers: Numbers) -> float:
    """Return what logits, of shape (rows, labels), are to be divided by for the least loss on these labels.

    Each label counts as a little unsure (Platt 1999), or rows without an error would make it ever smaller.
    """

    rows = np.arange(len(numbers))
    unsure = 1 / (len(numbers) + 2)

    def loss(log_temperature: float) -> float:
        logs = log_softmax(logits / np.exp(log_temperature), axis=1).clip(LEAST_LOG_SHARE)
        return -float(((1 - unsure) * logs[rows, numbers] + unsure * logs.mean(axis=1)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=LOG_TEMPERATURES, method="bounded").x))
