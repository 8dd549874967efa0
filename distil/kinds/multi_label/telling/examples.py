"""What examples show of several labels a text: the beginning of the text, and its labels beside one another."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distil.forms.telling import Piece
from distil.kinds.multi_label.labelling.canonical.label import read_label, soften


def find_confidence(label: str | None, shares: NDArray[Any] | None, labels: Sequence[str]) -> float:
    """The probability of the label that is least sure, given or not; 0 without probabilities or an answer."""
    if label is None or shares is None or not len(shares):
        return 0.0
    given = soften(label, labels)
    return float(np.where(given > 0, shares, 1 - np.asarray(shares)).min())


def choose_excerpt(text: str, given: Sequence[str | None], most: int) -> tuple[int, int]:
    """The beginning of the text."""
    return 0, most


def cut_pieces(text: str, label: str | None, reference: str | None, excerpt: tuple[int, int]) -> list[Piece]:
    """A piece for each label that is given, "none" if there was an answer and it names none."""
    if label is None:
        return []
    known = None if reference is None else frozenset(read_label(reference))
    pieces = [Piece(name, name, known is not None and name not in known) for name in read_label(label)]
    return pieces or [Piece("none")]
