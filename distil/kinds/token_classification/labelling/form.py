"""Whether spans have the canonical form, and how a person writes them into a cell."""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from distil.kinds.token_classification.labelling.canonical.label import name_labels, read_label, soften, write_label
from distil.kinds.token_classification.labelling.canonical.spans import Span
from distil.kinds.token_classification.labelling.items import Item, read_items

__all__ = ["check_label", "name_labels", "read_cell", "soften"]

SHORT = re.compile(r"(\d+)\s*[-\u2013:]\s*(\d+)\s*[\s:,]\s*(\S.*?)\s*", re.DOTALL)
NOTHING = {"none", "[]"}
HOW = 'write it as [{"start": 0, "end": 4, "label": "NAME"}] or 0-4 NAME; 9-12 NAME, none for no span'


def check_label(label: str, labels: Sequence[str], text: str | None = None) -> str | None:
    """What is wrong with a string that should be canonical, and of the text if there is one; None if nothing is."""
    try:
        spans = read_label(label)
        canonical = write_label(spans) == label
    except (ValueError, TypeError, KeyError, RecursionError):
        return "is not a list of spans, each with start, end and label"
    wrong = next(filter(None, (describe_wrong(span, labels) for span in spans)), None) or describe_overlap(spans)
    if text is not None and not wrong and (past := [span.end for span in spans if span.end > len(text)]):
        wrong = f"has a span that ends at {past[0]}, past the end of its text at {len(text)}"
    return wrong or (
        None if canonical else "is a list of spans, but not as it is written here: sorted, in this spelling"
    )


def describe_wrong(span: Span, labels: Sequence[str]) -> str | None:
    """What is wrong with a span by itself; None if nothing is."""
    if span.label not in labels:
        return f"has the label {span.label!r}, which is not in task.labels ({', '.join(labels)})"
    if span.start < 0:
        return f"has a span that starts at {span.start}; offsets count from 0"
    if span.end < span.start:
        return f"has a span that ends at {span.end}, before its start at {span.start}"
    return f"has an empty span, from {span.start} to {span.end}" if span.end == span.start else None


def describe_overlap(spans: Iterable[Span]) -> str | None:
    """Which two spans overlap; None if no two do."""
    ordered = sorted(spans)
    for one, other in pairwise(ordered):
        if other.start < one.end:
            return f"has spans that overlap: {one.start}-{one.end} and {other.start}-{other.end}"
    return None


def read_cell(cell: str, labels: Sequence[str]) -> str:
    """The canonical form of what a person wrote into a cell of a spreadsheet, where the text is not at hand.

    Taken are the short form `0-4 person; 9-12 place` (offsets in code points, the end exclusive; separated by
    semicolons or new lines), `none` or `[]` for no span, and the JSON of offsets that `items` knows. Spans in any
    order; none may overlap another, since a person can say which is meant. A label with a semicolon in it needs JSON.

    Raises ValueError with what is wrong.
    """
    text = cell.strip()
    if text.casefold() in NOTHING:
        return write_label([])
    spans = [_locate(item) for item in (_read_short(text) if text[:1].isdigit() else _read_json(text))]
    wrong = next(filter(None, (describe_wrong(span, labels) for span in spans)), None)
    wrong = wrong or describe_overlap(set(spans))
    if wrong:
        raise ValueError(wrong)
    return write_label(set(spans))


def _read_short(text: str) -> list[Item]:
    pieces = [piece.strip() for piece in re.split(r"[;\n]", text)]
    found = [SHORT.fullmatch(piece) for piece in pieces if piece]
    if None in found:
        raise ValueError(f"is no list of spans; {HOW}")
    return [Item(match[3], None, int(match[1]), int(match[2])) for match in found if match]


def _read_json(text: str) -> list[Item]:
    items = read_items(text)
    if items is None:
        raise ValueError(f"is no list of spans; {HOW}")
    return items


def _locate(item: Item) -> Span:
    if item.start is None or item.end is None:
        raise ValueError(f"has a span {item.surface!r} without start and end, and the text is not at hand here")
    return Span(item.start, item.end, item.label)
