"""Tell from a column what people's labels in it would be: spans, several labels a text, or one; and which labels.

A guess: it is told, and the user may say otherwise. Columns of 0 and 1, one a label, are several labels a text.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import pandas as pd

from distil.core.errors import InputError
from distil.core.params import Kind
from distil.kinds.multi_label.labelling.form import CHOSEN, NONE, SEPARATORS
from distil.kinds.token_classification.labelling.items import parse_value, read_items

LIKELY_NAMES = (
    "gold",
    "label",
    "labels",
    "class",
    "category",
    "target",
    "tag",
    "tags",
    "ner_tags",
    "entities",
    "spans",
)
MOST_LABELS = 200
LONGEST_LABEL = 60  # characters
DIGITS = 20  # of the longest number that is ordered by its size
ROWS_A_LABEL = 2  # on average; a column of as many values as rows holds no labels
Counts = Counter[str]


class Gold(NamedTuple):
    """Where people's labels stand, of what kind of task they are, how often each is given, and in how many rows any."""

    column: str | list[str]
    kind: Kind
    labels: Counts
    rows: int


def count_spans(cells: pd.Series) -> Counts | None:
    """The labels of cells that list spans; None if a cell does not."""
    counts: Counts = Counter()
    for cell in cells:
        items = read_items(cell)
        if items is None:
            return None
        counts.update(item.label for item in items)
    return counts


def count_sets(cells: pd.Series) -> Counts | None:
    """The labels of cells that list some, as JSON or with a sign between them; None if that is not what they do."""
    if cells.str.match(r"\s*\[").all():
        lists = [_read_list(cell) for cell in cells]
        return None if None in lists else Counter(chain.from_iterable(each or [] for each in lists))
    return next(filter(None, (_count_pieces(cells, sign) for sign in SEPARATORS)), None)


def count_single(cells: pd.Series) -> Counts | None:
    """The labels of cells that are one each."""
    return Counter(cells.str.strip())


COUNTERS: dict[Kind, Callable[[pd.Series], Counts | None]] = {  # what fits few columns first
    "token_classification": count_spans,
    "multi_label": count_sets,
    "classification": count_single,
}


def read_kind(column: str, cells: pd.Series, kind: Kind | None = None) -> Gold | None:
    """What a column would be as gold, or as gold of a kind; None if it looks like no labels."""
    filled = cells.dropna()
    filled = filled[filled.str.strip() != ""]
    for each in COUNTERS if kind is None else [kind]:
        labels = COUNTERS[each](filled) if len(filled) else None
        if labels and (kind or _are_labels(labels, len(filled))):
            return Gold(column, each, labels, len(filled))
    return None


def choose_gold(columns: Mapping[str, pd.Series], kind: Kind | None) -> Gold | None:
    """The column of people's labels; None if none looks like it.

    Raises `InputError` if several do, and neither name nor form tells which one it is.
    """
    said = {name: gold for name, cells in columns.items() if (gold := read_kind(name, cells)) is not None}
    found = {name: gold for name, gold in said.items() if kind in (None, gold.kind)}
    flags = [name for name, cells in columns.items() if _are_flags(cells)]
    if len(flags) > 1 and kind in (None, "multi_label"):
        found = {name: gold for name, gold in found.items() if name not in flags}
        found["\0"] = _read_flags({name: columns[name] for name in flags})
    likely = [gold for name, gold in found.items() if name.casefold() in LIKELY_NAMES]
    listed = [gold for gold in found.values() if gold.kind != "classification"]
    for choice in (likely, listed, list(found.values())):
        if len(choice) == 1:
            return choice[0]
        if choice:
            names = ", ".join(str(gold.column) for gold in choice)
            raise InputError(f"each of {names} could be people's labels; say which: --gold-column NAME, or none")
    return None


def order_labels(labels: Sequence[str]) -> list[str]:
    """Labels in the order of the alphabet, numbers in them by their size."""
    return sorted(labels, key=lambda label: [part.zfill(DIGITS) if part.isdigit() else part for part in _cut(label)])


def _are_labels(labels: Counts, rows: int) -> bool:
    """Whether they are as few, as short and as often given as labels are."""
    return (
        1 < len(labels) <= MOST_LABELS
        and max(map(len, labels)) <= LONGEST_LABEL
        and labels.total() >= ROWS_A_LABEL * len(labels)
        and rows >= ROWS_A_LABEL
    )


def _cut(label: str) -> list[str]:
    return re.split(r"(\d+)", label)


def _read_list(cell: str) -> list[str] | None:
    try:
        values = parse_value(cell)
    except ValueError:
        return None
    return values if isinstance(values, list) and all(isinstance(value, str) for value in values) else None


def _count_pieces(cells: pd.Series, sign: re.Pattern[str]) -> Counts | None:
    """The names that stand between such signs, if they come in other company too, and so are labels by themselves."""
    if not cells.str.contains(sign).any():
        return None
    pieces = Counter(piece for cell in cells if cell != NONE for piece in sign.split(cell.strip()) if piece)
    return pieces if len(pieces) < cells.nunique() and _are_labels(pieces, len(cells)) else None


def _are_flags(cells: pd.Series) -> bool:
    values = set(cells.dropna().str.strip()) - {""}
    return bool(values) and values <= set(map(str, CHOSEN))


def _read_flags(columns: Mapping[str, pd.Series]) -> Gold:
    cells = pd.DataFrame({name: column.str.strip() for name, column in columns.items()})
    chosen = {name: int(cells[name].map(CHOSEN).fillna(False).sum()) for name in cells}
    rows = int((cells.fillna("") != "").any(axis=1).sum())
    return Gold(list(columns), "multi_label", Counter(chosen), rows)
