"""What is common to all files: which columns are read, and what a cell may hold."""

import json
from typing import Any

import pandas as pd

from distil.core.errors import InputError
from distil.core.params import Params

LONGEST_SHOWN = 40  # characters of a value in a message
OF_GOLD = "gold of "  # and the column: the role of one of several columns


class Columns(Params):
    """The names of the columns, or of the keys in json; `data.body` is the key `body` of the object at `data`."""

    text: str = "text"
    gold: str | list[str] | None = None  # the right label, where people gave one; a list: a column of 0 and 1 a label
    split: str | None = None  # train, validation or test

    def named(self) -> dict[str, str]:
        """Return role -> column for the columns that are to be read; of several columns for gold each is a role."""
        roles = {role: column for role, column in self if isinstance(column, str)}
        return roles | {f"{OF_GOLD}{column}": column for column in self.gold_columns}

    @property
    def gold_columns(self) -> list[str]:
        """The columns that say of a label each whether a text has it."""
        return self.gold if isinstance(self.gold, list) else []


def gather_gold(rows: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """Put the columns that say 0 or 1 of a label each into one, `gold`, as JSON: an object of what each says."""
    if not columns.gold_columns:
        return rows
    cells = rows[[f"{OF_GOLD}{column}" for column in columns.gold_columns]].fillna("")
    said = [dict(zip(columns.gold_columns, row, strict=True)) for row in cells.itertuples(index=False)]
    gold = [write_json(row) if any(row.values()) else None for row in said]
    return rows.drop(columns=cells.columns).assign(gold=pd.Series(gold, index=rows.index, dtype="str"))


def write_json(value: Any) -> str:
    """A list or an object as one cell."""
    return json.dumps(value, ensure_ascii=False, default=str)


def find_column(name: str, role: str, column: str, there: list[str]) -> int:
    """Return where a column stands among those that are there; raises `InputError` unless it stands there once."""
    if column not in there:
        raise InputError(
            f"{name} has no column {column!r}; set fetch.columns.{role.partition(' ')[0]} to one of: {', '.join(there)}"
        )
    if there.count(column) > 1:
        raise InputError(f"{name} has {there.count(column)} columns {column!r}; rename all but one")
    return there.index(column)


def read_value(value: Any, role: str, place: str, remedy: str) -> str | None:
    """A text as it stands; a label may be anything else that JSON can say, and is read as JSON writes it.

    `remedy` says how the file may hold a string where it holds none.
    """
    if isinstance(value, bool | int | float) and role != "text":
        return json.dumps(value)
    if isinstance(value, list | dict) and role == "gold":
        value = write_json(value)
    if not isinstance(value, str | None):
        shown = json.dumps(value, default=str)[:LONGEST_SHOWN]
        raise InputError(f"{place}: the {role} is {shown}, not a string; {remedy}")
    try:
        (value or "").encode()
    except UnicodeEncodeError:
        raise InputError(f"{place}: the {role} holds half of a surrogate pair, which is no character") from None
    return value
