"""Labelled rows as csv, jsonl or parquet, in parts that are joined in the end."""

import base64
import csv
import datetime
import io
import json
import math
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from distil.core.errors import InputError
from distil.core.whole_files import written_whole
from distil.texts.csv_files import LONGEST_CELL

WRITTEN = (".csv", ".tsv", ".jsonl", ".parquet")
Rows = Sequence[dict[str, Any]]


class Layout(NamedTuple):
    """How rows are written: the format as a suffix, and their columns with types.

    `columns` is null where each row has its own, as in jsonl. `schema` is for parquet alone.
    """

    kind: str
    separator: str
    columns: list[str] | None
    schema: pa.Schema | None


def choose_layout(
    kind: str, name: str, columns: list[str] | None, schema: pa.Schema | None, separator: str, added: Sequence[pa.Field]
) -> Layout:
    """Return how rows of these columns are written with those that are added.

    Raises `InputError` if a column that is added is there already, or the format cannot hold the rows.
    """
    there = columns or []
    if taken := next((field.name for field in added if field.name in there), None):
        raise InputError(
            f"{name} has a column {taken!r} already; have --prefix put something before those that are added"
        )
    if columns is None:
        if kind != ".jsonl":
            raise InputError(f"{name} has objects, each with keys of its own; write them to a file that ends in .jsonl")
        return Layout(kind, "", None, None)
    known = schema or pa.schema([(column, pa.string()) for column in columns])
    whole = pa.schema([*known, *added])
    return Layout(kind, "\t" if kind == ".tsv" else separator, whole.names, whole if kind == ".parquet" else None)


def write_part(path: Path, layout: Layout, rows: Rows) -> None:
    """Write some rows; a part of a csv file has no header."""
    if layout.schema is not None:
        pq.write_table(pa.Table.from_pylist(list(_as_typed(rows, layout.schema)), schema=layout.schema), path)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        if layout.columns is None or layout.kind == ".jsonl":
            file.writelines(write_line(row) for row in rows)
        else:
            _write_cells(file, layout, ([row[column] for column in layout.columns] for row in rows))


def change_part(
    path: Path, changed: Path, layout: Layout, change: Callable[[int, dict[str, Any]], dict[str, Any]]
) -> None:
    """Write a part's rows once more, to another file, as `change` makes each of its number and its cells.

    What is not changed is written as it was.
    """
    rows = [change(number, row) for number, row in enumerate(_read_part(path, layout))]
    with written_whole(changed) as half:
        write_part(half, layout, rows)


def _read_part(path: Path, layout: Layout) -> Rows:
    """The rows of a part; of csv the cells as they are written."""
    if layout.schema is not None:
        rows: Rows = pq.read_table(path).to_pylist()
        return rows
    csv.field_size_limit(LONGEST_CELL)
    with path.open(encoding="utf-8", newline="" if layout.kind != ".jsonl" else "\n") as file:
        if layout.columns is None or layout.kind == ".jsonl":
            return [json.loads(line) for line in file]
        cells = csv.reader(file, delimiter=layout.separator)
        return [dict(zip(layout.columns, row, strict=True)) for row in cells]


def join_parts(path: Path, layout: Layout, parts: Iterable[Path]) -> None:
    """Write the parts one after the other into one file."""
    if layout.schema is not None:
        with pq.ParquetWriter(path, layout.schema) as writer:
            for part in parts:
                writer.write_table(pq.read_table(part))
        return
    with path.open("wb") as file:
        if layout.columns is not None and layout.kind != ".jsonl":
            header = io.StringIO(newline="")
            _write_cells(header, layout, [layout.columns])
            file.write(header.getvalue().encode())
        for part in parts:
            with part.open("rb") as stream:
                shutil.copyfileobj(stream, file)


def write_line(row: dict[str, Any]) -> str:
    """A row as a line of jsonl; with a sign in it that is no character, as ASCII."""
    line = json.dumps(_finite(row), ensure_ascii=False, default=_as_text)
    try:
        line.encode()
    except UnicodeEncodeError:
        line = json.dumps(_finite(row), default=_as_text)
    return f"{line}\n"


def _write_cells(file: IO[str], layout: Layout, rows: Iterable[Sequence[Any]]) -> None:
    plain = csv.writer(file, delimiter=layout.separator, lineterminator="\n")
    quoted = csv.writer(file, delimiter=layout.separator, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:
        cells = [_write_cell(value) for value in row]
        writer = quoted if any("\r" in cell for cell in cells) else plain  # which the module quotes with "\r\n" alone
        writer.writerow(cells)


def _write_cell(value: Any) -> str:
    """A cell: JSON of what has parts, of numbers and of truth values."""
    if value is None:
        return ""
    plain = value if isinstance(value, str | bool | int | float | list | dict) else _as_text(value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False, default=_as_text)


def _as_text(value: Any) -> str:
    """What JSON has no form of: times as ISO 8601 has them, bytes in base64."""
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _finite(value: Any) -> Any:
    """The same without numbers that JSON has not, NaN and infinity, which become null."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _as_typed(rows: Rows, schema: pa.Schema) -> Iterator[dict[str, Any]]:
    """Rows whose cells have the types of the schema: of a workbook all that is no string becomes one."""
    strings = {field.name for field in schema if pa.types.is_string(field.type)}
    for row in rows:
        yield {
            name: _write_cell(value) if name in strings and value is not None and not isinstance(value, str) else value
            for name, value in row.items()
        }
