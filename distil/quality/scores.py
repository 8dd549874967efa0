"""Score predicted labels against known ones: accuracy, precision, recall, F1, and whether two systems differ.

A prediction may be missing (the system abstained). It then counts as wrong: it lowers accuracy and the recall of its
class, never a precision. All scores depend on the rows through their confusion table alone.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from distil.quality.counted import divide, mean_of, score_counts

Bools = NDArray[np.bool_]
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


def tabulate(actual: Sequence[str], predicted: Sequence[str | None], labels: Sequence[str]) -> Counts:
    """Count the rows by known and predicted label: shape (labels, labels + 1), abstentions in the last column."""
    numbers: dict[str | None, int] = {label: number for number, label in enumerate(labels)}
    table = np.zeros((len(labels), len(labels) + 1), dtype=np.int64)
    numbers[None] = len(labels)
    np.add.at(table, ([numbers[label] for label in actual], [numbers[label] for label in predicted]), 1)
    return table


def score_tables(tables: Counts) -> dict[str, Floats]:
    """Return the scores of confusion tables of shape (..., labels, labels + 1): of shape (...) each.

    Macro figures are means over the labels that occur in a table, known or predicted; balanced accuracy is the mean
    recall over those that are known. What would be divided by zero is zero.
    """
    right, known, said = _count_by_label(tables)
    rows = known.sum(axis=-1)
    occurring = (known + said) > 0
    precision, recall, f1 = score_counts(right, known, said)
    return {
        "accuracy": divide(right.sum(axis=-1), rows),
        "balanced_accuracy": mean_of(recall, known > 0),
        "precision": mean_of(precision, occurring),
        "recall": mean_of(recall, occurring),
        "macro_f1": mean_of(f1, occurring),
        "micro_f1": divide(2 * right.sum(axis=-1), rows + said.sum(axis=-1)),
    }


def score_labels(actual: Sequence[str], predicted: Sequence[str | None], labels: Sequence[str]) -> dict[str, Any]:
    """Return the scores of `score_tables` as numbers, and in per_class those of each label that occurs."""
    table = tabulate(actual, predicted, labels)
    right, known, said = _count_by_label(table)
    by_label = zip(labels, *score_counts(right, known, said), known, said, strict=True)
    scores: dict[str, Any] = {name: float(value) for name, value in score_tables(table).items()}
    scores["per_class"] = {
        label: {"precision": float(precision), "recall": float(recall), "f1": float(f1), "support": int(support)}
        for label, precision, recall, f1, support, predictions in by_label
        if support or predictions
    }
    return scores


def compare_paired(right: Bools, other_right: Bools) -> tuple[int, int, float]:
    """Return the rows that only the one got right, those that only the other did, and the p-value of the difference.

    Exact test of McNemar (1947): if both were equally good, the rows on which one alone is right would be split as by
    a fair coin.
    """
    only_one, only_other = int((right & ~other_right).sum()), int((other_right & ~right).sum())
    split = only_one + only_other
    return only_one, only_other, float(binomtest(only_one, split).pvalue) if split else 1.0


def bound_share(right: Bools, confidence: float) -> list[float]:
    """Return the exact binomial bounds (Clopper & Pearson 1934) of the share of rows, one at least, that are right."""
    bounds = binomtest(int(right.sum()), len(right)).proportion_ci(confidence)
    return [float(bounds.low), float(bounds.high)]


def is_right(actual: Sequence[str | None], predicted: Sequence[str | None]) -> Bools:
    """Return for each row whether the prediction is the known label; where either is missing it is not."""
    pairs = zip(actual, predicted, strict=True)
    return np.array([known == answer and answer is not None for known, answer in pairs], dtype=bool)


def _count_by_label(tables: Counts) -> tuple[Counts, Counts, Counts]:
    """Of each label the rows that are right, that have it, and that were given it."""
    return np.diagonal(tables, axis1=-2, axis2=-1), tables.sum(axis=-1), tables.sum(axis=-2)[..., :-1]
