"""What examples show of one label a text: the beginning of the text, and the label."""

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from distil.forms.telling import Piece


def find_confidence(label: str | None, shares: NDArray[Any] | None, labels: Sequence[str]) -> float:
    """The highest of the probabilities, which is that of the label; 0 without any."""
    return float(shares.max()) if shares is not None and len(shares) else 0.0


def choose_excerpt(text: str, given: Sequence[str | None], most: int) -> tuple[int, int]:
    """The beginning of the text."""
    return 0, most


def cut_pieces(text: str, label: str | None, reference: str | None, excerpt: tuple[int, int]) -> list[Piece]:
    """The label; none where a system gave none."""
    return [Piece(label, label, reference is not None and label != reference)] if label is not None else []
