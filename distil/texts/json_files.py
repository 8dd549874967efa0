"""Read objects from json files: one a line (jsonl), or an array of them."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from distil.core.errors import InputError
from distil.texts.cells import LONGEST_SHOWN, find_column, read_value
from distil.texts.opening import open_text

QUOTES = "write it in quotes"


def read_jsonl(path: Path, name: str, wanted: dict[str, str]) -> pd.DataFrame:
    """Return the keys `wanted` (role -> key) of one object a line, by role; the index is the line."""
    with open_text(path, name, newline="\n") as stream:
        numbered = ((number, line) for number, line in enumerate(stream, start=1) if line.strip())  # blank: no row
        records = ((number, _parse_line(line, f"{name}, line {number}")) for number, line in numbered)
        return _collect(records, name, wanted, "line")


def read_json(path: Path, name: str, wanted: dict[str, str]) -> pd.DataFrame:
    """Return the keys `wanted` of an array of objects, by role; the index is an object's number, from 1."""
    checked = (
        (number, _check(record, f"{name}, object {number}"))
        for number, record in enumerate(_load_array(path, name), start=1)
    )
    return _collect(checked, name, wanted, "object")


def iter_objects(path: Path, name: str, errors: str = "strict") -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Yield place and object of each line of a jsonl file that is not blank; null where it holds none.

    `errors` says what becomes of bytes that are no UTF-8, as `open` takes it.
    """
    with open_text(path, name, "\n", errors) as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                try:
                    record = json.loads(line)
                except (ValueError, RecursionError):
                    record = None
                yield f"line {number}", record if isinstance(record, dict) else None


def list_objects(path: Path, name: str) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Yield those of an array of objects, as `iter_objects` does."""
    for number, record in enumerate(_load_array(path, name), start=1):
        yield f"object {number}", record if isinstance(record, dict) else None


def _load_array(path: Path, name: str) -> list[Any]:
    with open_text(path, name, newline="") as stream:
        content = stream.read()
    try:
        with _refuse_depth(name):
            records = json.loads(content)
    except ValueError as error:
        remedy = "if it has an object a line, name it .jsonl"
        raise InputError(f"{name} is not JSON ({error}); it must be one array of objects; {remedy}") from None
    if not isinstance(records, list):
        raise InputError(f"{name} holds {_show(records)}; it must be one array of objects: [{{...}}, {{...}}]")
    return records


def _parse_line(line: str, place: str) -> dict[str, Any]:
    try:
        with _refuse_depth(place):
            record = json.loads(line)
    except ValueError as error:
        raise InputError(f"{place} is not JSON ({error}); each line must be one object") from None
    return _check(record, place)


@contextmanager
def _refuse_depth(place: str) -> Iterator[None]:
    """Turn the end of Python's stack into one line."""
    try:
        yield
    except RecursionError:
        remedy = "take out what lies so deep"
        raise InputError(f"{place} has lists or objects within each other too deep to be read; {remedy}") from None


def _check(record: Any, place: str) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise InputError(f"{place} is {_show(record)}; each {place.rpartition(', ')[2].split()[0]} must be one object")
    return record


def _show(value: Any) -> str:
    return json.dumps(value)[:LONGEST_SHOWN]


def _collect(
    records: Iterable[tuple[int, dict[str, Any]]], name: str, wanted: dict[str, str], unit: str
) -> pd.DataFrame:
    cells, numbers = [], []
    keys: dict[str, None] = {}
    for number, record in records:
        place = f"{name}, {unit} {number}"
        with _refuse_depth(place):
            keys |= dict.fromkeys(_keys(record))
            cells.append([read_value(look_up(record, key), role, place, QUOTES) for role, key in wanted.items()])
        numbers.append(number)
    for role, column in wanted.items() if numbers else ():
        find_column(name, role, column, list(keys))
    return pd.DataFrame(cells, columns=list(wanted), index=pd.Index(numbers, name=unit), dtype=str)


def _keys(record: dict[str, Any], above: str = "") -> Iterator[str]:
    """The keys of an object, those of the objects in it with a dot: data, data.body."""
    for key, value in record.items():
        yield f"{above}{key}"
        if isinstance(value, dict):
            yield from _keys(value, f"{above}{key}.")


def look_up(record: Any, column: str) -> Any:
    """The value of a key of an object; of one with dots that does not stand there as it is, the value within."""
    if not isinstance(record, dict) or column in record:
        return record.get(column) if isinstance(record, dict) else None
    for place, sign in enumerate(column):
        if sign == "." and column[:place] in record:
            return look_up(record[column[:place]], column[place + 1 :])
    return None


def replace_value(record: dict[str, Any], column: str, value: Any) -> dict[str, Any]:
    """Return the object with another value in the place where `look_up` finds one."""
    if column not in record:
        for place, sign in enumerate(column):
            if sign == "." and column[:place] in record:
                inner = replace_value(record[column[:place]], column[place + 1 :], value)
                return record | {column[:place]: inner}
    return record | {column: value}
