"""A label of a task that knows one a text: its name."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def name_labels(label: str) -> list[str]:
    """The label's name."""
    return [label]


def check_label(label: str, labels: Sequence[str], text: str = "") -> str | None:
    """What is wrong with a label, or null."""
    return None if label in labels else f"is not in task.labels ({', '.join(labels)})"


def soften(label: str, labels: Sequence[str]) -> NDArray[np.float64]:
    """One share for each of the labels: all of it for this one."""
    shares: NDArray[np.float64] = np.eye(len(labels))[labels.index(label)]
    return shares


def read_cell(cell: str, labels: Sequence[str]) -> str:
    """The label that a person wrote into a cell; raises `ValueError` if it is none of the labels."""
    if wrong := check_label(cell, labels):
        raise ValueError(wrong)
    return cell
