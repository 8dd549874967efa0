"""What a student has to beat: classifiers of several labels a text that are trained in seconds on the same labels.

The first says the set that most texts have; `tfidf` is a logistic regression a label over words, pairs of words and
pieces of words, `embeddings` the same over the sentence vectors of an encoder that is not fine-tuned. Thresholds are
chosen by cross-validation among the training texts.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from distil.kinds.multi_label.labelling.canonical.label import decide, soften
from distil.kinds.multi_label.learning.thresholds import HALF, choose_thresholds
from distil.linear.baselines import INVERSE_REGULARISATION
from distil.linear.features import Features, FrozenEncoder, make_tfidf
from distil.linear.trained_files import Arrays, read_trained
from distil.linear.trained_files import write_trained as write_baselines

__all__ = [
    "MostFrequentSet",
    "OneVersusRest",
    "load_baselines",
    "make_baselines",
    "train_baselines",
    "write_baselines",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FOLDS = 5
ALWAYS = 1e3  # logit of a label that all training texts have; of one that none has, it is minus that


class MostFrequentSet:
    """Answers every text with the set of labels that most training texts have, of equals the first in the alphabet."""

    def __init__(self, labels: Sequence[str]) -> None:
        """Set up, untrained; `labels` gives the order of the outputs."""
        self.labels = list(labels)
        self.label = "[]"
        self.thresholds: Floats = np.full(len(labels), HALF)

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> "MostFrequentSet":
        """Count the sets, which are given in their canonical form."""
        counts = Counter(labels)
        self.label = min(counts, key=lambda label: (-counts[label], label))
        return self

    def predict_proba(self, texts: Sequence[str]) -> Floats:
        """Return 1 for each label in the set, else 0, of shape (texts, labels)."""
        return np.tile(soften(self.label, self.labels), (len(texts), 1))

    def predict(self, texts: Sequence[str]) -> list[str]:
        """Return the set for each text."""
        return [self.label] * len(texts)


class OneVersusRest:
    """A logistic regression for each label over features of the texts, each with its threshold."""

    LEARNED: tuple[str, ...] = ("weights", "bias", "thresholds")

    def __init__(self, features: Features, labels: Sequence[str], seed: int = 0) -> None:
        """Set up, untrained; `labels` gives the order of the outputs, `seed` the draw of folds."""
        self.labels = list(labels)
        self.features = features
        self.seed = seed
        self.weights: Floats = np.zeros((len(labels), 0))
        self.bias: Floats = np.zeros(len(labels))
        self.thresholds: Floats = np.full(len(labels), HALF)

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> "OneVersusRest":
        """Train on texts and their labels in their canonical form, and choose thresholds on texts held out."""
        known = np.array([soften(label, self.labels) for label in labels]) > 0
        features = self.features.fit_transform(list(texts))
        self.thresholds = choose_thresholds(known, self._hold_out(features, known), FOLDS, self.seed).values
        self.weights, self.bias = fit_labels(features, known)
        return self

    def predict_proba(self, texts: Sequence[str]) -> Floats:
        """Return the probability of each label, of shape (texts, labels)."""
        if not texts:
            return np.zeros((0, len(self.labels)))
        return predict_labels(self.features.transform(list(texts)), self.weights, self.bias)

    def predict(self, texts: Sequence[str]) -> list[str]:
        """Return the labels of each text in their canonical form."""
        return decide(self.predict_proba(texts), self.thresholds, self.labels)

    def list_learned(self) -> Arrays:
        """A row of weights, a bias and a threshold for each label."""
        return {part: getattr(self, part) for part in self.LEARNED}

    def take_learned(self, arrays: Arrays, width: int | None) -> None:
        """Take the same from a file; raises `ValueError` where they do not go together."""
        weights, bias, thresholds = (arrays[part] for part in self.LEARNED)
        count = len(self.labels)
        if weights.shape != (count, width or weights.shape[-1]) or {bias.shape, thresholds.shape} != {(count,)}:
            raise ValueError(f"the weights have the shapes {weights.shape}, {bias.shape} and {thresholds.shape}")
        self.weights, self.bias, self.thresholds = weights, bias, thresholds

    def _hold_out(self, features: Any, known: Bools) -> Floats:
        """Probabilities of texts by regressions that did not see them."""
        shares = np.zeros(known.shape)
        groups = np.random.default_rng(self.seed).permutation(len(known)) % min(FOLDS, max(len(known), 1))
        for fold in set(groups.tolist()):
            inside, outside = np.flatnonzero(groups != fold), np.flatnonzero(groups == fold)
            shares[outside] = predict_labels(features[outside], *fit_labels(features[inside], known[inside]))
        return shares


def make_baselines(labels: Sequence[str], reference: str, pins: Path, device: str) -> dict[str, OneVersusRest]:
    """Return the untrained baselines by name; `reference` is that of the encoder."""
    encoder = FrozenEncoder(reference, pins, device)
    return {"tfidf": OneVersusRest(make_tfidf(), labels), "embeddings": OneVersusRest(encoder, labels)}


def train_baselines(
    timed: Mapping[str, OneVersusRest], lessons: pd.DataFrame, few: pd.DataFrame, labels: Sequence[str]
) -> dict[str, Any]:
    """Train the baselines on the student's training rows, and `most_frequent_set`, and return all by name.

    Nothing is learnt from the `few` rows that people labelled.
    """
    baselines: dict[str, Any] = {"most_frequent_set": MostFrequentSet(labels), **timed}
    for baseline in baselines.values():
        baseline.fit(lessons["text"].to_list(), lessons["label"].to_list())
    return baselines


def load_baselines(path: Path, device: str) -> dict[str, OneVersusRest]:
    """Read trained baselines, as `distil.linear.trained_files.read_trained` has it."""
    return read_trained(path, device, OneVersusRest)


def fit_labels(features: Any, known: Bools) -> tuple[Floats, Floats]:
    """Weights of shape (labels, features) and a bias a label; one that all texts have, or none, is told by its bias."""
    weights = np.zeros((known.shape[1], features.shape[1]))
    bias = np.where(known.any(axis=0), ALWAYS, -ALWAYS)
    for label in np.flatnonzero(known.any(axis=0) & ~known.all(axis=0)):
        regression = LogisticRegression(C=INVERSE_REGULARISATION, solver="liblinear").fit(features, known[:, label])
        weights[label], bias[label] = regression.coef_[0], regression.intercept_[0]
    return weights, bias


def predict_labels(features: Any, weights: Floats, bias: Floats) -> Floats:
    """Return the probability of each label, of shape (texts, labels)."""
    shares: Floats = expit(features @ weights.T + bias)
    return shares
