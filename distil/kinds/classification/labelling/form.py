"""A label of a task that knows one a text: its name."""

from collections.abc import Sequence

from distil.kinds.classification.labelling.canonical.label import name_labels, soften

__all__ = ["check_label", "name_labels", "read_cell", "soften"]


def check_label(label: str, labels: Sequence[str], text: str = "") -> str | None:
    """What is wrong with a label, or null."""
    return None if label in labels else f"is not in task.labels ({', '.join(labels)})"


def read_cell(cell: str, labels: Sequence[str]) -> str:
    """The label that a person wrote into a cell; raises `ValueError` if it is none of the labels."""
    if wrong := check_label(cell, labels):
        raise ValueError(wrong)
    return cell
