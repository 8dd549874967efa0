"""Read people's labels, of which a text may have several or none.

A cell is what `distil.kinds.multi_label.labelling.form` says of a cell, by the names of the data. Nothing in it means
that nobody said which labels apply; `none` or an empty list, that somebody said none does.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from distil.forms.gold import Fault, GoldRead
from distil.kinds.multi_label.labelling.canonical.label import order_names
from distil.kinds.multi_label.labelling.form import parse_cell

REMEDY = "correct it, or name its label in fetch.gold_names"
WHOLE_NUMBER = r"(-?\d+)\.0+"
PLACED = False


class Cell(NamedTuple):
    """What a cell says: labels in their canonical form, or what is wrong with it."""

    label: str | None
    complaint: str | None


def read_gold(cells: pd.Series, texts: pd.Series, labels: Sequence[str], names: Mapping[str, str]) -> GoldRead:
    """Read gold labels, one cell a text.

    Args:
        cells: strings or missing; lists and objects as their JSON text.
        texts: not looked at; labels of this kind belong to a text as a whole.
        labels: those of the task.
        names: what stands in the data -> label of the task.

    Returns:
        Canonical strings, or missing where the cell is; all the rows that cannot be read, with what is wrong with the
        first of them.
    """
    vocabulary = {label: label for label in labels} | dict(names)
    filled = cells.astype("str").str.strip()
    filled = filled.mask(filled == "")
    filled, notes = _read_whole_numbers(filled, vocabulary)
    read = {cell: _read(cell, vocabulary, labels) for cell in filled.dropna().unique()}
    complaints = filled.map({cell: found.complaint for cell, found in read.items()}).astype("str")
    gold = filled.map({cell: found.label for cell, found in read.items()}).astype("str")
    wrong = complaints.notna().to_numpy(dtype=bool)
    fault = Fault(wrong, str(complaints[wrong].iloc[0])) if wrong.any() else None
    return GoldRead(gold, notes, fault)


def _read(cell: str, vocabulary: Mapping[str, str], labels: Sequence[str]) -> Cell:
    try:
        return Cell(order_names(parse_cell(cell, vocabulary, labels), labels), None)
    except ValueError as error:
        return Cell(None, f"{error}; {REMEDY}" if "task.labels" in str(error) else str(error))


def _read_whole_numbers(cells: pd.Series, vocabulary: Mapping[str, str]) -> tuple[pd.Series, list[str]]:
    """Where a column of whole numbers has gaps, pandas writes 1 as 1.0: if only the former is known, that is meant."""
    whole = cells.str.extract(f"^{WHOLE_NUMBER}$", expand=False)
    meant = ~cells.isin(vocabulary) & whole.isin(vocabulary)
    if not meant.any():
        return cells, []
    first = cells[meant].iloc[0]
    told = f"gold labels such as {first!r} are read as {whole[meant].iloc[0]!r}, which is known"
    return cells.mask(meant, whole), [f"{told} (rows: {meant.sum():,})"]
