"""Score the probabilities of labels, whatever the thresholds: mean average precision, and its bounds.

Average precision is the mean, over the texts that have a label, of the precision down to each in the order of their
probabilities, texts of equal probability taken together (Manning, Raghavan & Schuetze 2008, Introduction to Information
Retrieval, chapter 8; it is scikit-learn's average_precision_score). The mean is over the labels that a text has.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distil.kinds.multi_label.labelling.canonical.label import tabulate
from distil.quality.bootstrap import Bootstrap, Bounds

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

NAME = "mean_average_precision"


def score_probabilities(actual: Sequence[str], shares: Floats, labels: Sequence[str]) -> dict[str, Any]:
    """Return mean_average_precision, None if no text has a label, and per_class that of each label that one has.

    `shares` is of shape (texts, labels), the probability that each label applies.
    """
    known = tabulate(actual, labels)
    precisions = measure_precisions(known, shares, np.ones((1, len(actual)), dtype=np.int64))[0]
    by_label = {label: float(value) for label, value in zip(labels, precisions, strict=True) if np.isfinite(value)}
    return {NAME: float(np.mean(list(by_label.values()))) if by_label else None, "per_class": by_label}


def bound_probabilities(
    actual: Sequence[str], shares: Floats, labels: Sequence[str], bootstrap: Bootstrap
) -> dict[str, Bounds]:
    """Return the bounds of mean_average_precision, by resampling texts; some text has to have a label."""
    known = tabulate(actual, labels)

    def score(drawn: Counts) -> dict[str, Floats]:
        precisions = measure_precisions(known, shares, drawn)
        found = np.isfinite(precisions)
        return {NAME: np.where(found, precisions, 0).sum(axis=1) / np.maximum(found.sum(axis=1), 1)}

    return bootstrap.bound(np.ones(len(actual), dtype=np.int64), score)


def measure_precisions(known: Floats, shares: Floats, counts: Counts) -> Floats:
    """Return average precisions of shape (samples, labels), NaN where no text of a sample has the label.

    Args:
        known: shape (texts, labels), 1 where a text has the label, else 0.
        shares: shape (texts, labels), probabilities.
        counts: shape (samples, texts), how often a sample has each text.
    """
    precisions = np.full((len(counts), known.shape[1]), np.nan)
    for label in np.flatnonzero(known.any(axis=0)):
        order = np.argsort(-shares[:, label], kind="stable")
        ends = np.append(np.flatnonzero(np.diff(shares[order, label])), len(order) - 1)  # of texts that are as probable
        drawn = counts[:, order].astype(np.float64)
        texts = drawn.cumsum(axis=1)[:, ends]
        right = (drawn * known[order, label]).cumsum(axis=1)[:, ends]
        precision = np.divide(right, texts, out=np.zeros_like(right), where=texts > 0)
        total = right[:, -1]
        found = (precision * np.diff(right, axis=1, prepend=0)).sum(axis=1)
        precisions[:, label] = np.divide(found, total, out=np.full_like(total, np.nan), where=total > 0)
    return precisions
