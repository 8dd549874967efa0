"""Cut a text that is longer than a model reads into windows that overlap, each of which decides on tokens of its own.

A token is decided by the window in which it has most around it: the seam lies in the middle of the overlap. What
windows say of their tokens makes one row of tags for the whole text, of which spans are read, so that none is lost or
cut at a seam.
"""

from typing import NamedTuple


class Window(NamedTuple):
    """A window reads the tokens from `start` to `end`, and decides those from `first` to `last`; all ends exclusive."""

    start: int
    end: int
    first: int
    last: int


def cut_windows(tokens: int, size: int, overlap: int) -> list[Window]:
    """Windows of at most `size` tokens, of which neighbours share `overlap` at least; what they decide is all, once.

    Raises ValueError unless 0 <= overlap < size. The last window reaches back to be as long as the others.
    """
    if not 0 <= overlap < size:
        raise ValueError(f"windows of {size} tokens cannot share {overlap}")
    starts = list(range(0, max(1, tokens - overlap), size - overlap))
    starts = [min(start, max(0, tokens - size)) for start in starts]
    ends = [min(start + size, tokens) for start in starts]
    seams = [0, *((start + end) // 2 for start, end in zip(starts[1:], ends[:-1], strict=True)), tokens]
    return [Window(*ends_of) for ends_of in zip(starts, ends, seams[:-1], seams[1:], strict=True)]


def choose_overlap(size: int) -> int:
    """How many tokens neighbours share: a quarter, so that an eighth stands around each that is decided."""
    return size // 4
