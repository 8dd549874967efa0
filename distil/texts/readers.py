"""Read texts from the user's csv, tsv, jsonl and parquet files, strictly: a text comes out as it stands, or not at all.

Each reader returns the columns it is asked for as `text`, `gold` and `split` (null where there is none), with the row's
place in the file as index, so that later checks can name it. Python's csv module reads csv and tsv, since in strict
mode it refuses a stray quotation mark, which pandas would drop from the text.
"""

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from distil.core.errors import InputError
from distil.core.params import Params

FORMATS = (".csv", ".tsv", ".jsonl", ".parquet")
LONGEST_CELL = 2**31 - 1  # characters; the csv module's own limit is 131,072


class Columns(Params):
    """The names of the columns, or of the keys in jsonl."""

    text: str = "text"
    gold: str | None = None  # the right label, where people gave one
    split: str | None = None  # train, validation or test

    def named(self) -> dict[str, str]:
        """Return role -> column for the columns that are to be read."""
        return {role: column for role, column in self if column is not None}


def read_file(path: Path, name: str, columns: Columns) -> pd.DataFrame:
    """Read a file by its suffix; `name` is what messages call it.

    Raises `InputError` if the file is missing, has no rows, no such column, is not UTF-8 or is malformed.
    """
    if path.suffix not in FORMATS:
        raise InputError(f"{name}: files of the kind '{path.suffix}' are not read; {', '.join(FORMATS)} are")
    if not path.is_file():
        raise InputError(f"{name} is missing")
    if not path.stat().st_size:
        raise InputError(f"{name} is empty")
    wanted = columns.named()
    with _explain_encoding(path, name):
        if path.suffix == ".jsonl":
            rows = _read_jsonl(path, name, wanted)
        elif path.suffix == ".parquet":
            rows = _read_parquet(path, name, wanted)
        else:
            rows = _read_csv(path, name, wanted)
    if rows.empty:
        raise InputError(f"{name} has no rows")
    return rows


def read_arrow(columns: dict[str, pa.ChunkedArray], name: str) -> pd.DataFrame:
    """Return Arrow columns, by role, as rows of strings numbered from 1; labels may be numbers or truth values."""
    strings = {role: _as_strings(column, role, name) for role, column in columns.items()}
    rows: pd.DataFrame = pa.table(strings).to_pandas()
    rows.index = pd.RangeIndex(1, len(rows) + 1, name="row")
    return rows


def find_column(name: str, role: str, column: str, there: list[str]) -> int:
    """Return where a column stands among those that are there; raises `InputError` unless it stands there once."""
    if column not in there:
        raise InputError(f"{name} has no column {column!r}; set fetch.columns.{role} to one of: {', '.join(there)}")
    if there.count(column) > 1:
        raise InputError(f"{name} has {there.count(column)} columns {column!r}; rename all but one")
    return there.index(column)


@contextmanager
def _explain_encoding(path: Path, name: str) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError:
        try:
            path.read_bytes().decode()
        except UnicodeDecodeError as error:
            place = f"byte {error.start:,} is 0x{error.object[error.start]:02x}"
            remedy = "save it as UTF-8, or convert it: iconv -f CP1252 -t UTF-8"
            raise InputError(f"{name} is not UTF-8 ({place}); {remedy}") from None


def _read_csv(path: Path, name: str, wanted: dict[str, str]) -> pd.DataFrame:
    csv.field_size_limit(LONGEST_CELL)
    cells, lines = [], []
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, delimiter="\t" if path.suffix == ".tsv" else ",", strict=True)
        try:
            header = next(reader, [])
            places = [find_column(name, role, column, header) for role, column in wanted.items()]
            line = reader.line_num + 1
            for row in reader:
                if len(row) == len(header):
                    cells.append([row[place] for place in places])
                    lines.append(line)
                elif row:  # a blank line is no row
                    raise InputError(f"{name}, line {line}: {len(row)} cells, but the header has {len(header)}")
                line = reader.line_num + 1
        except csv.Error as error:
            remedy = 'put a cell that holds a quotation mark in quotes and double the mark: "say ""hi"""'
            raise InputError(f"{name}, line {reader.line_num}: {error}; {remedy}") from None
    return pd.DataFrame(cells, columns=list(wanted), index=pd.Index(lines, name="line"), dtype=str)


def _read_jsonl(path: Path, name: str, wanted: dict[str, str]) -> pd.DataFrame:
    cells, lines = [], []
    keys: dict[str, None] = {}
    with path.open(encoding="utf-8-sig", newline="\n") as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():  # a blank line is no row
                place = f"{name}, line {number}"
                record = _parse_record(line, place)
                keys |= dict.fromkeys(record)
                cells.append([_read_value(record.get(column), role, place) for role, column in wanted.items()])
                lines.append(number)
    for role, column in wanted.items() if lines else ():
        find_column(name, role, column, list(keys))
    return pd.DataFrame(cells, columns=list(wanted), index=pd.Index(lines, name="line"), dtype=str)


def _parse_record(line: str, place: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise InputError(f"{place} is not JSON ({error}); each line must be one object") from None
    if not isinstance(record, dict):
        raise InputError(f"{place} is {json.dumps(record)[:40]}; each line must be one object")
    return record


def _read_value(value: Any, role: str, place: str) -> str | None:
    """A text as it stands; a label may be a number or a truth value too, and is read as JSON writes it."""
    if isinstance(value, bool | int | float) and role != "text":
        return json.dumps(value)
    if not isinstance(value, str | None):
        raise InputError(f"{place}: the {role} is {json.dumps(value)[:40]}, not a string")
    try:
        (value or "").encode()
    except UnicodeEncodeError:
        raise InputError(f"{place}: the {role} holds half of a surrogate pair, which is no character") from None
    return value


def _read_parquet(path: Path, name: str, wanted: dict[str, str]) -> pd.DataFrame:
    try:
        file = pq.ParquetFile(path)
        for role, column in wanted.items():
            find_column(name, role, column, file.schema_arrow.names)
        table = file.read(columns=list(wanted.values()))
    except pa.ArrowInvalid as error:
        raise InputError(f"{name} is not a sound parquet file: {str(error).splitlines()[0]}") from None
    return read_arrow({role: table[column] for role, column in wanted.items()}, name)


def _as_strings(column: pa.ChunkedArray, role: str, name: str) -> pa.ChunkedArray:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    if not is_text and (role == "text" or pa.types.is_nested(kind)):
        raise InputError(f"{name}: the {role} column holds {kind}, not strings")
    strings = column.cast(pa.large_string())  # pa.string() ends at 2 GB
    try:
        strings.validate(full=True)  # Arrow itself reads whatever bytes are there
    except pa.ArrowInvalid as error:
        raise InputError(f"{name}: the {role} column is not UTF-8 ({str(error).splitlines()[0]})") from None
    return strings
