"""What is common to all files: which columns are read, and what a cell may hold."""

import json
from typing import Any

from distil.core.errors import InputError
from distil.core.params import Params

LONGEST_SHOWN = 40  # characters of a value in a message


class Columns(Params):
    """The names of the columns, or of the keys in json; `data.body` is the key `body` of the object at `data`."""

    text: str = "text"
    gold: str | None = None  # the right label, where people gave one
    split: str | None = None  # train, validation or test

    def named(self) -> dict[str, str]:
        """Return role -> column for the columns that are to be read."""
        return {role: column for role, column in self if column is not None}


def find_column(name: str, role: str, column: str, there: list[str]) -> int:
    """Return where a column stands among those that are there; raises `InputError` unless it stands there once."""
    if column not in there:
        raise InputError(f"{name} has no column {column!r}; set fetch.columns.{role} to one of: {', '.join(there)}")
    if there.count(column) > 1:
        raise InputError(f"{name} has {there.count(column)} columns {column!r}; rename all but one")
    return there.index(column)


def read_value(value: Any, role: str, place: str, remedy: str) -> str | None:
    """A text as it stands; a label may be a number or a truth value too, and is read as JSON writes it.

    `remedy` says how the file may hold a string where it holds none.
    """
    if isinstance(value, bool | int | float) and role != "text":
        return json.dumps(value)
    if not isinstance(value, str | None):
        shown = json.dumps(value, default=str)[:LONGEST_SHOWN]
        raise InputError(f"{place}: the {role} is {shown}, not a string; {remedy}")
    try:
        (value or "").encode()
    except UnicodeEncodeError:
        raise InputError(f"{place}: the {role} holds half of a surrogate pair, which is no character") from None
    return value
