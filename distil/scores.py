"""Score predicted labels against known ones: accuracy, precision, recall, F1, their intervals, and paired differences.

A prediction may be missing (the system abstained). It then counts as wrong: it lowers accuracy and the recall of its
class, never a precision.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

ABSTAINED = ""  # no label is empty
Bools = NDArray[np.bool_]


def score_labels(actual: Sequence[str], predicted: Sequence[str | None], labels: Sequence[str]) -> dict[str, Any]:
    """Return accuracy, balanced_accuracy, macro precision, recall and macro_f1, micro_f1, and the same per_class.

    Macro figures are means over the labels that occur, known or predicted; balanced accuracy is the mean recall over
    those that are known.
    """
    answers = _answers(predicted)
    occurring = [label for label in labels if label in actual or label in answers]
    precision, recall, f1, support = precision_recall_fscore_support(
        actual, answers, labels=occurring, average=None, zero_division=0.0
    )
    *_, micro_f1, _ = precision_recall_fscore_support(
        actual, answers, labels=occurring, average="micro", zero_division=0.0
    )
    return {
        "accuracy": float(is_right(actual, predicted).mean()),
        "balanced_accuracy": float(recall[support > 0].mean()),
        "precision": float(precision.mean()),
        "recall": float(recall.mean()),
        "macro_f1": float(f1.mean()),
        "micro_f1": float(micro_f1),
        "per_class": {
            label: {
                "precision": float(precision[number]),
                "recall": float(recall[number]),
                "f1": float(f1[number]),
                "support": int(support[number]),
            }
            for number, label in enumerate(occurring)
        },
    }


def bootstrap_intervals(
    actual: Sequence[str],
    predicted: Sequence[str | None],
    labels: Sequence[str],
    samples: int,
    confidence: float,
    seed: int,
) -> dict[str, tuple[float, float]]:
    """Return (low, high) for accuracy and macro_f1: percentiles over resampled rows.

    Both scores depend on a sample of rows only through how many of them fall in each cell of the confusion table, and
    these counts are multinomial. Source: Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
    """
    cells = confusion_matrix(actual, _answers(predicted), labels=[*labels, ABSTAINED])[:-1]
    rows = int(cells.sum())
    drawn = np.random.default_rng(seed).multinomial(rows, cells.ravel() / rows, size=samples)
    tables = drawn.reshape(samples, *cells.shape)
    right = np.diagonal(tables, axis1=1, axis2=2)
    involved = tables.sum(axis=2) + tables.sum(axis=1)[:, :-1]  # of each label: known plus predicted
    f1 = np.divide(2 * right, involved, out=np.zeros(right.shape), where=involved > 0)
    macro_f1 = f1.sum(axis=1) / np.maximum((involved > 0).sum(axis=1), 1)
    ends = [(1 - confidence) / 2, (1 + confidence) / 2]
    return {
        "accuracy": tuple(np.quantile(right.sum(axis=1) / rows, ends).tolist()),
        "macro_f1": tuple(np.quantile(macro_f1, ends).tolist()),
    }


def compare_paired(right: Bools, other_right: Bools) -> tuple[int, int, float]:
    """Return the rows that only the one got right, those that only the other did, and the p-value of the difference.

    Exact test of McNemar (1947): if both were equally good, the rows on which one alone is right would be split as by
    a fair coin.
    """
    only_one, only_other = int((right & ~other_right).sum()), int((other_right & ~right).sum())
    split = only_one + only_other
    return only_one, only_other, float(binomtest(only_one, split).pvalue) if split else 1.0


def is_right(actual: Sequence[str], predicted: Sequence[str | None]) -> Bools:
    """Return for each row whether the prediction is the known label; a missing prediction is not."""
    return np.array([known == answer for known, answer in zip(actual, predicted, strict=True)], dtype=bool)


def _answers(predicted: Sequence[str | None]) -> list[str]:
    return [ABSTAINED if label is None else label for label in predicted]
