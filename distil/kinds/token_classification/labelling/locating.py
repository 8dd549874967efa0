"""Say where the spans stand that people's labels name: by their offsets, or by their words as a teacher's are.

What people wrote has to be right: words that do not stand in the text, and offsets at which other words stand, raise a
ValueError that says so.
"""

from collections.abc import Sequence

from distil.kinds.token_classification.labelling.canonical.spans import Span
from distil.kinds.token_classification.labelling.finding import find_places
from distil.kinds.token_classification.labelling.folding import fold
from distil.kinds.token_classification.labelling.items import Item

LONGEST_SHOWN = 40  # characters of a surface in a message


def locate_items(items: Sequence[Item], text: str) -> list[Span]:
    """The span of each item, in the order given; offsets in code points."""
    wordy = [item.surface or "" for item in items if item.start is None]
    places = iter(find_places(text, wordy))
    return [_locate(item, next(places) if item.start is None else None, text) for item in items]


def is_at(item: Item, text: str, start: int, end: int) -> bool:
    """Whether what an item says stands there, under folding; one that says nothing is not asked."""
    return (
        item.surface is None or text[start:end] == item.surface or fold(text[start:end]).text == fold(item.surface).text
    )


def _locate(item: Item, found: tuple[int, int] | None, text: str) -> Span:
    shown = (item.surface or "")[:LONGEST_SHOWN]
    if item.start is None or item.end is None:
        if found is None:
            raise ValueError(f"has {shown!r}, which does not stand in the text, or not so often")
        return Span(*found, item.label)
    if item.end > len(text):
        raise ValueError(f"has a span that ends at {item.end}, past the text, which has {len(text)} characters")
    if item.start < item.end and not is_at(item, text, max(0, item.start), item.end):
        stands = text[max(0, item.start) : item.end][:LONGEST_SHOWN]
        raise ValueError(f"has {shown!r} at {item.start}-{item.end}, where {stands!r} stands")
    return Span(item.start, item.end, item.label)
