"""A span: a stretch of a text with a label; and which spans stay where several lie over one another."""

from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import NamedTuple


class Span(NamedTuple):
    """Offsets in code points, the end exclusive, and a label of the task."""

    start: int
    end: int
    label: str


def keep_longest(spans: Iterable[Span]) -> tuple[list[Span], int]:
    """Spans of which no two overlap, sorted, and how many were left out.

    Of spans that overlap or lie within one another the longest stays, of equally long ones that which starts first,
    then that which was named first. A span that is named twice counts once.
    """
    named = list(dict.fromkeys(spans))
    kept: list[Span] = []
    for span in sorted(named, key=lambda span: (span.start - span.end, span.start)):
        after = bisect_left(kept, (span.start, span.end, ""))
        fits_left = after == 0 or kept[after - 1].end <= span.start
        if fits_left and (after == len(kept) or span.end <= kept[after].start):
            insort(kept, span)
    return kept, len(named) - len(kept)
