"""What examples show of spans: the text itself, in which they are marked."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distil.forms.telling import Piece
from distil.kinds.token_classification.labelling.canonical.label import read_label
from distil.kinds.token_classification.labelling.canonical.spans import Span

NUMBERS_OF_A_SPAN = 4  # of `soft`: start, end, number of the label, share
BEFORE = 100  # characters of a long text that are shown before the first span on which not all agree


def find_confidence(label: str | None, shares: NDArray[Any] | None, labels: Sequence[str]) -> float:
    """The mean probability of the spans that were found; 0 where none was, of which nothing is known."""
    if shares is None or not len(shares):
        return 0.0
    return float(np.reshape(shares, (-1, NUMBERS_OF_A_SPAN))[:, -1].mean())


def choose_excerpt(text: str, given: Sequence[str | None], most: int) -> tuple[int, int]:
    """A part of a long text that has the first span on which not all agree, whole if it is not longer than the part."""
    if len(text) <= most:
        return 0, len(text)
    sets = [frozenset(read_label(label)) for label in given if label is not None]
    disputed = frozenset[Span]().union(*sets) - frozenset.intersection(*sets) if sets else frozenset()
    first = min(disputed, default=Span(0, 0, ""))
    start = 0 if first.end <= most else min(max(0, first.start - BEFORE), len(text) - most)
    return start, start + most


def cut_pieces(text: str, label: str | None, reference: str | None, excerpt: tuple[int, int]) -> list[Piece]:
    """The excerpt in pieces, of which those with a label are spans, cut off where the excerpt ends.

    Nothing where there was no answer.
    """
    if label is None:
        return []
    known = None if reference is None else frozenset(read_label(reference))
    return list(_cut(text, read_label(label), known, excerpt))


def _cut(text: str, spans: Iterable[Span], known: frozenset[Span] | None, excerpt: tuple[int, int]) -> Iterable[Piece]:
    place, end = excerpt
    for span in spans:
        start, stop = max(span.start, place), min(span.end, end)
        if start < stop:
            yield from _plain(text[place:start])
            yield Piece(text[start:stop], span.label, known is not None and span not in known)
            place = stop
    yield from _plain(text[place:end])


def _plain(text: str) -> Iterable[Piece]:
    return [Piece(text)] if text else []
