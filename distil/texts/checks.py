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

Split = Literal["train", "validation", "test"]
Blank = Literal["leave_out", "error"]

# Of characters of these categories nothing is seen: blanks, controls, zero width.
UNSEEN = {"Zs", "Zl", "Zp", "Cc", "Cf"}
UNSEEN_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {chr(n) for n in range(0xFE00, 0xFE10)}
WHOLE_NUMBER = r"(-?\d+)\.0+"


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
    rows["gold"], notes = _name_gold(table, rows["gold"], rules)
    outside = rows["split"].notna() & ~rows["split"].isin(get_args(Split))
    _refuse(table, "split", outside.to_numpy(), f"is none of {', '.join(get_args(Split))}")
    if table.split:
        rows["split"] = table.split
    return Checked(rows[~empty], [_place(table, row) for row in np.flatnonzero(empty).tolist()], [*table.notes, *notes])


def has_content(text: str) -> bool:
    """Whether something of a text is seen when it is printed: not blanks, controls and zero-width characters alone."""
    return any(unicodedata.category(sign) not in UNSEEN and sign not in UNSEEN_LETTERS for sign in text)


def _find_nul(texts: pd.Series) -> NDArray[np.bool_]:
    return np.array([isinstance(text, str) and "\0" in text for text in texts], dtype=bool)


def _name_gold(table: Table, gold: pd.Series, rules: Rules) -> tuple[pd.Series, list[str]]:
    """The labels by the task's names, and what is to be told of how they were read.

    Where a column of whole numbers has gaps, pandas writes 1 as 1.0: if only the former is known, that is meant.
    """
    known = [*rules.gold_names, *rules.labels]
    whole = gold.str.extract(f"^{WHOLE_NUMBER}$", expand=False)
    meant = ~gold.isin(known) & whole.isin(known)
    notes = []
    if meant.any():
        first = meant.idxmax()
        told = (
            f"gold labels such as {gold[first]!r} are read as {whole[first]!r}, which is known (rows: {meant.sum():,})"
        )
        notes = [f"{table.name}: {told}"]
        gold = gold.mask(meant, whole)
    if rules.gold_names:
        gold = gold.map(rules.gold_names).fillna(gold)
    remedy = "correct it, or name its label in fetch.gold_names"
    outside = gold.notna() & ~gold.isin(rules.labels)
    _refuse(table, "gold", outside.to_numpy(), f"is not in task.labels ({', '.join(rules.labels)}); {remedy}")
    return gold, notes


def _refuse(table: Table, role: str, wrong: NDArray[np.bool_], complaint: str) -> None:
    """Raise an error that names the first of the wrong rows, its value unless it is a text, and how many there are."""
    if wrong.any():
        first = int(wrong.argmax())
        value = "" if role == "text" else f" {table.rows[role].iloc[first][:40]!r}"
        raise InputError(f"{_place(table, first)}: the {role}{value} {complaint} (such rows: {wrong.sum():,})")


def _place(table: Table, row: int) -> str:
    index = table.rows.index
    return f"{table.name}, {index.name} {index[row]}" if index.name else str(index[row])
