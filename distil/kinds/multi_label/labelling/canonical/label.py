"""The canonical form of a set of labels: a JSON list of names, in the order of task.labels, each once.

`[]` is a text to which no label applies, which is an answer, not a gap.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def write_label(value: Iterable[str]) -> str:
    """Return the canonical form of names, which come in the order of task.labels and each once."""
    return json.dumps(list(value), ensure_ascii=False)


def order_names(names: Iterable[str], labels: Sequence[str]) -> str:
    """Return the canonical form of names in any order; all of them are labels."""
    chosen = frozenset(names)
    return write_label(label for label in labels if label in chosen)


def read_label(label: str) -> list[str]:
    """Return the names in a canonical string."""
    names: list[str] = json.loads(label)
    return names


def name_labels(label: str) -> list[str]:
    """Return the names in a canonical string, to be counted."""
    return read_label(label)


def soften(label: str, labels: Sequence[str]) -> NDArray[np.float64]:
    """Return a share for each label, of shape (labels,): 1 where the canonical string names it, else 0."""
    names = frozenset(read_label(label))
    return np.array([label in names for label in labels], dtype=np.float64)


def tabulate(sets: Iterable[str | None], labels: Sequence[str]) -> NDArray[np.float64]:
    """Return canonical strings as rows of 0 and 1, of shape (sets, labels); None, for no answer, names none."""
    sets = list(sets)
    rows = {label: np.zeros(len(labels)) if label is None else soften(label, labels) for label in set(sets)}
    return np.array([rows[label] for label in sets]).reshape(len(sets), len(labels))


def decide(shares: NDArray[Any], thresholds: NDArray[Any], labels: Sequence[str]) -> list[str]:
    """Return the canonical form of the labels of each text whose probability reaches their threshold.

    `shares` is of shape (texts, labels), `thresholds` of shape (labels,).
    """
    return [
        write_label(label for label, is_given in zip(labels, row, strict=True) if is_given)
        for row in shares >= thresholds
    ]
