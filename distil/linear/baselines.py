"""What a student has to beat: classifiers that are trained in seconds on the same labels.

`majority` says the commonest label, `tfidf` is logistic regression over words, pairs of words and pieces of words,
`embeddings` the same over the sentence vectors of an encoder that is not fine-tuned.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from distil.linear.features import Features, FrozenEncoder, make_tfidf
from distil.linear.trained_files import Arrays, read_trained

INVERSE_REGULARISATION = 10.0
MOST_ITERATIONS = 1000


class Baseline:
    """A logistic regression over features of the texts; a label without training rows has probability 0."""

    LEARNED: tuple[str, ...] = ("coef_", "intercept_", "classes_")

    def __init__(self, features: Features, labels: Sequence[str]) -> None:
        """Set up, untrained; `labels` gives the order of the outputs."""
        self.labels = list(labels)
        self.features = features
        self.regression = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=MOST_ITERATIONS)

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> "Baseline":
        """Train on texts and their labels."""
        numbers = [self.labels.index(label) for label in labels]
        self.regression.fit(self.features.fit_transform(list(texts)), numbers)
        return self

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return probabilities of shape (texts, labels)."""
        shares = np.zeros((len(texts), len(self.labels)))
        if len(texts):
            shares[:, self.regression.classes_] = self.regression.predict_proba(self.features.transform(list(texts)))
        return shares

    def list_learned(self) -> Arrays:
        """The regression's coefficients, intercepts and classes."""
        return {part: getattr(self.regression, part) for part in self.LEARNED}

    def take_learned(self, arrays: Arrays, width: int | None) -> None:
        """Take the same from a file; raises `ValueError` where they do not go together."""
        coefficients, intercepts, classes = (arrays[part] for part in self.LEARNED)
        rows = 1 if len(classes) == 2 else len(classes)
        if coefficients.shape != (rows, width or coefficients.shape[-1]) or intercepts.shape != (rows,):
            raise ValueError(f"the weights have the shapes {coefficients.shape} and {intercepts.shape}")
        if not set(classes.tolist()) <= set(range(len(self.labels))):
            raise ValueError("the weights are for other labels than are named")
        for part, values in arrays.items():
            setattr(self.regression, part, values)


class MajorityClass:
    """Answers every text alike: the shares of the labels in the training rows, of which the highest is the label."""

    def __init__(self, labels: Sequence[str]) -> None:
        """Set up, untrained; `labels` gives the order of the outputs."""
        self.labels = list(labels)
        self._shares = np.zeros(len(labels))

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> "MajorityClass":
        """Count the labels."""
        counts = np.array([list(labels).count(label) for label in self.labels])
        self._shares = counts / len(texts)
        return self

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return probabilities of shape (texts, labels)."""
        return np.tile(self._shares, (len(texts), 1))


def make_baselines(labels: Sequence[str], reference: str, pins: Path, device: str) -> dict[str, Baseline]:
    """Return the untrained baselines by name; `reference` is that of the encoder."""
    words = make_tfidf()
    encoder = FrozenEncoder(reference, pins, device)
    return {"tfidf": Baseline(words, labels), "embeddings": Baseline(encoder, labels)}


def load_baselines(path: Path, device: str) -> dict[str, Baseline]:
    """Read trained baselines, as `distil.linear.trained_files.read_trained` has it."""
    return read_trained(path, device, Baseline)
