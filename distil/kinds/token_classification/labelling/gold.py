"""Read gold spans out of a file's cells, in the JSON of any tool that `items.py` knows.

What is wrong with a span is a fault: a label that the task has not, an end past the text or before the start, no
character in it, words that do not stand where the offsets say. Spans that overlap or lie within one another are not
wrong, but one label a character is all that is learnt: the longest stays, and how many were left out is told.

Offsets may count code points (Python), UTF-16 units (JavaScript, Java, Label Studio's pages) or bytes; nothing in a
file says which, and up to the first emoji or accent it is all the same. Where the words are given too, they prove it:
if those of all rows stand where one of the three says, that one is taken, and told unless it is code points. So the
words of one row speak for spans of others that have none. Without any words, offsets are code points.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import pandas as pd

from distil.forms.gold import Fault, GoldRead
from distil.kinds.token_classification.labelling.canonical.label import write_label
from distil.kinds.token_classification.labelling.canonical.spans import keep_longest
from distil.kinds.token_classification.labelling.form import describe_wrong
from distil.kinds.token_classification.labelling.items import Item, read_items
from distil.kinds.token_classification.labelling.locating import is_at, locate_items

UNITS: dict[str, Callable[[str], int]] = {  # how many units a character has
    "UTF-16 units": lambda sign: 1 + (ord(sign) > 0xFFFF),
    "bytes of UTF-8": lambda sign: len(sign.encode("utf-8", "surrogatepass")),
}
AS_IT_SHOULD_BE = '[{"start": 0, "end": 4, "label": "NAME"}] or [[0, 4, "NAME"]]'
PLACED = True


class _Row(NamedTuple):
    """A row's text and what its gold names, or what is wrong with it."""

    text: str
    items: list[Item]
    wrong: str | None = None


def read_gold(cells: pd.Series, texts: pd.Series, labels: Sequence[str], names: Mapping[str, str]) -> GoldRead:
    """The canonical form of each cell; `names` are those of the data that the task calls otherwise."""
    is_known = (cells.notna() & texts.notna()).to_numpy()
    pairs = zip(cells[is_known], texts[is_known], strict=True)
    rows = [_read_row(cell, text, names) for cell, text in pairs]
    rows, notes = _count_code_points(rows)
    found, dropped = [], []
    for row in rows:
        label, left_out, wrong = _read_spans(row, labels)
        found.append((label, wrong))
        dropped.append(left_out)
    gold = pd.Series(pd.NA, index=cells.index, dtype="str")
    gold[is_known] = [label for label, _ in found]
    if any(dropped):
        rows_of_them = sum(map(bool, dropped))
        notes.append(f"spans that overlap a longer one are left out: {sum(dropped):,} (rows: {rows_of_them:,})")
    return GoldRead(gold, notes, _choose_fault(is_known, [wrong for _, wrong in found]))


def _read_row(cell: str, text: str, names: Mapping[str, str]) -> _Row:
    items = read_items(cell)
    if items is None:
        return _Row(text, [], f"is no list of spans, such as {AS_IT_SHOULD_BE}")
    return _Row(text, [item._replace(label=names.get(item.label, item.label)) for item in items])


def _count_code_points(rows: list[_Row]) -> tuple[list[_Row], list[str]]:
    """The rows with offsets in code points, and what to tell if they had others."""
    if all(_stand(row.items, row.text) for row in rows):
        return rows, []
    for unit, count in UNITS.items():
        counted = [row._replace(items=_convert(row, count)) for row in rows]
        if all(_stand(row.items, row.text) for row in counted):
            return counted, [f"offsets count {unit}, as the words given with them show; they are read as such"]
    return rows, []


def _stand(items: Iterable[Item], text: str) -> bool:
    """Whether all words stand where the offsets say."""
    return all(
        item.start is None or item.end is None or is_at(item, text, max(0, item.start), item.end) for item in items
    )


def _convert(row: _Row, count: Callable[[str], int]) -> list[Item]:
    """The items with offsets in code points; one within a character, or past the text, is put past the text."""
    if row.text.isascii():
        return row.items
    past = len(row.text) + 1
    at = {offset: place for place, offset in enumerate(accumulate(map(count, row.text), initial=0))}
    return [
        item
        if item.start is None or item.end is None
        else item._replace(start=at.get(item.start, past), end=at.get(item.end, past))
        for item in row.items
    ]


def _read_spans(row: _Row, labels: Sequence[str]) -> tuple[str | None, int, str | None]:
    """The canonical form of a row's gold, how many spans were left out for it, and what is wrong with it."""
    if row.wrong:
        return None, 0, row.wrong
    try:
        spans = locate_items(row.items, row.text)
    except ValueError as error:
        units = [unit for unit, count in UNITS.items() if _stand(_convert(row, count), row.text)]
        hint = f" (these offsets count {units[0]}, not all of the file's do; count code points)" if units else ""
        return None, 0, f"{error}{hint}"
    wrong = next(filter(None, (describe_wrong(span, labels) for span in spans)), None)
    if wrong:
        return None, 0, wrong
    kept, dropped = keep_longest(spans)
    return write_label(kept), dropped, None


def _choose_fault(known: np.ndarray, wrong: Sequence[str | None]) -> Fault | None:
    """The rows that are not sound, and what is wrong with the first."""
    first = next(filter(None, wrong), None)
    if first is None:
        return None
    rows = np.zeros(len(known), dtype=bool)
    rows[known] = [each is not None for each in wrong]
    remedy = "name its label in fetch.gold_names" if "task.labels" in first else "leave the cell empty"
    return Fault(rows, f"{first}; correct it, or {remedy}")
