"""Check the rows of one file or one split of a dataset: texts that hold something, labels of the task, known splits.

A row without a text is left out and named, or refused; any other row that is not sound is refused.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distil.core.errors import InputError
from distil.forms.gold import GoldForm

Split = Literal["train", "validation", "test"]
Blank = Literal["leave_out", "error"]

# Of characters of these categories nothing is seen: blanks, controls, zero width.
UNSEEN = {"Zs", "Zl", "Zp", "Cc", "Cf"}
UNSEEN_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {chr(n) for n in range(0xFE00, 0xFE10)}


class Table(NamedTuple):
    """One file, or one split of a dataset: its name in messages, its rows as read, and the split they all belong to.

    The index of the rows says where each stands in it, its name is the unit; one without a name holds whole places.
    """

    name: str
    rows: pd.DataFrame
    split: Split | None
    notes: list[str]


class Rules(NamedTuple):
    """What the user says of all tables."""

    gold_names: Mapping[str, str]  # what stands in the gold column -> label of the task
    labels: Sequence[str]
    blank: Blank
    form: GoldForm


class Checked(NamedTuple):
    """Sound rows of text, gold (by the task's names) and split; the places of those without a text; what to tell."""

    rows: pd.DataFrame
    blank: list[str]
    notes: list[str]


def check_rows(table: Table, rules: Rules) -> Checked:
    """Return a table's sound rows; raises `InputError` for the first row that is not sound."""
    if table.split and "split" in table.rows:
        raise InputError(f"{table.name} has its split twice: beside its name and in fetch.columns.split; take one out")
    rows = table.rows.reindex(columns=["text", "gold", "split"]).astype("str")
    empty = np.array([not (isinstance(text, str) and has_content(text)) for text in rows["text"]], dtype=bool)
    if rules.blank == "error":
        remedy = "fill it in or take the row out, or set fetch.blank: leave_out"
        _refuse(table, "text", empty, f"is blank; {remedy}")
    _refuse(table, "text", _find_nul(rows["text"]), "holds a NUL character, which no text does; take it out")
    for role in ("gold", "split"):
        rows[role] = rows[role].mask((rows[role] == "") | empty)  # an empty cell says nothing, nor one beside no text
    gold = rules.form.read_gold(rows["gold"], rows["text"], rules.labels, rules.gold_names)
    if gold.fault:
        _refuse(table, "gold", gold.fault.rows, gold.fault.complaint)
    rows["gold"] = gold.gold
    outside = rows["split"].notna() & ~rows["split"].isin(get_args(Split))
    _refuse(table, "split", outside.to_numpy(), f"is none of {', '.join(get_args(Split))}")
    if table.split:
        rows["split"] = table.split
    return Checked(
        rows[~empty],
        [_place(table, row) for row in np.flatnonzero(empty).tolist()],
        [*table.notes, *(f"{table.name}: {note}" for note in gold.notes)],
    )


def has_content(text: str) -> bool:
    """Whether something of a text is seen when it is printed: not blanks, controls and zero-width characters alone."""
    return any(unicodedata.category(sign) not in UNSEEN and sign not in UNSEEN_LETTERS for sign in text)


def _find_nul(texts: pd.Series) -> NDArray[np.bool_]:
    return np.array([isinstance(text, str) and "\0" in text for text in texts], dtype=bool)


def _refuse(table: Table, role: str, wrong: NDArray[np.bool_], complaint: str) -> None:
    """Raise an error that names the first of the wrong rows, its value unless it is a text, and how many there are."""
    if wrong.any():
        first = int(wrong.argmax())
        value = "" if role == "text" else f" {table.rows[role].iloc[first][:40]!r}"
        raise InputError(f"{_place(table, first)}: the {role}{value} {complaint} (such rows: {wrong.sum():,})")


def _place(table: Table, row: int) -> str:
    index = table.rows.index
    return f"{table.name}, {index.name} {index[row]}" if index.name else str(index[row])
