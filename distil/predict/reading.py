"""The rows of a file, one after the other, so that memory does not grow with it.

A row that cannot be labelled comes with what is wrong with it, in place of an error: a million texts are not to wait
for one. What is wrong with the file as a whole is an error.
"""

import csv
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from distil.core.errors import InputError
from distil.texts.csv_files import Dialect, find_dialect
from distil.texts.json_files import iter_objects, list_objects, look_up
from distil.texts.opening import open_text, open_to_seek
from distil.texts.workbooks import iter_cells

BAD_BYTES = "surrogateescape"  # keeps bytes that are no UTF-8 as signs that no text has, so that one row is left out
UNREADABLE = "the row is not UTF-8, or holds a time that Python has not"
UNCLOSED = "unexpected end of data"  # what the csv module says of a quoted cell that does not end
AHEAD = 1000  # objects in which the text's key is looked for
BATCH_ROWS = 1024
Cells = dict[str, Any]


class Row(NamedTuple):
    """A row's place in its file, and its cells and text, or what is wrong with it."""

    place: str
    cells: Cells
    text: str
    fault: str | None = None


class Table(NamedTuple):
    """The columns of a file (null where each object has its own), their types if it has any, and its rows.

    `separator` is what stands between the cells where the rows are written as csv.
    """

    columns: list[str] | None
    schema: pa.Schema | None
    separator: str
    rows: Iterator[Row]


def open_table(path: Path, name: str, kind: str, column: str) -> Table:
    """Open a file whose texts stand in a column; `kind` is its format as a suffix, `name` what messages call it.

    Raises `InputError` if it is missing, damaged or empty, or has no such column.
    """
    match kind:
        case ".csv":
            return _open_csv(path, name, column, find_dialect(path, name, [column], errors=BAD_BYTES))
        case ".tsv":
            return _open_csv(path, name, column, Dialect("\t"))._replace(separator=",")
        case ".parquet":
            return _open_parquet(path, name, column)
        case ".xlsx":
            return _open_workbook(path, name, column)
        case ".txt":
            return Table([column], None, ",", _read_lines(path, name, column))
        case _:
            objects = list_objects(path, name) if kind == ".json" else iter_objects(path, name, BAD_BYTES)
            return _open_objects(objects, name, column)


def _row(place: str, cells: Cells, column: str) -> Row:
    """A row whose text is looked at."""
    text = look_up(cells, column)
    if text is None:
        return _leave_out(place, f"{column} is null or missing")
    if not isinstance(text, str):
        return _leave_out(place, f"{column} is {type(text).__name__}, not a string")
    if not text.strip():
        return _leave_out(place, f"{column} is empty")
    try:
        "".join(cell for cell in (text, *cells.values()) if isinstance(cell, str)).encode()
    except UnicodeEncodeError:
        return _leave_out(place, "the row is not UTF-8")
    return Row(place, cells, text)


def _leave_out(place: str, fault: str) -> Row:
    return Row(place, {}, "", fault)


def _name_columns(name: str, header: Sequence[Any], column: str) -> list[str]:
    """The columns by their header, one without a name by its number; raises `InputError` if the text's is not there."""
    columns = [str(number) if cell in (None, "") else str(cell) for number, cell in enumerate(header, start=1)]
    for one in columns:
        if columns.count(one) > 1:
            raise InputError(f"{name} has {columns.count(one)} columns {one!r}; rename all but one")
    if column not in columns and not any(column.startswith(f"{one}.") for one in columns):
        raise InputError(f"{name} has no column {column!r}; name one with --text-column: {', '.join(columns)}")
    return columns


def _open_csv(path: Path, name: str, column: str, dialect: Dialect) -> Table:
    stream = open_text(path, name, "", BAD_BYTES)
    reader = dialect.open_reader(stream)
    try:
        columns = _name_columns(name, next(reader, []), column)
    except csv.Error as error:
        raise InputError(f"{name}, line 1: {error}; quote the names of columns") from None

    def read() -> Iterator[Row]:
        with closing(stream):
            while True:
                first = reader.line_num + 1 + dialect.skipped
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    if str(error) == UNCLOSED:
                        raise InputError(
                            f"{name}, line {first}: a quotation mark is opened there or later and never closed, so no "
                            "row after it can be read; double a mark that stands within a cell, and quote the cell"
                        ) from None
                    yield _leave_out(_place(first, reader, dialect), f"no row of a csv file ({error})")
                    continue
                if len(cells) == len(columns):
                    yield _row(_place(first, reader, dialect), dict(zip(columns, cells, strict=True)), column)
                elif cells:  # a blank line is no row
                    fault = f"{len(cells)} cells, but the header has {len(columns)}"
                    yield _leave_out(_place(first, reader, dialect), fault)

    return Table(columns, None, dialect.separator, read())


def _place(first: int, reader: Any, dialect: Dialect) -> str:
    """The line of a row of csv, or the lines."""
    last = reader.line_num + dialect.skipped
    return f"line {first}" if last <= first else f"lines {first}-{last}"


def _open_parquet(path: Path, name: str, column: str) -> Table:
    stream = open_to_seek(path)
    try:
        file = pq.ParquetFile(stream)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{name} is not a sound parquet file ({str(error).splitlines()[0]}); write it anew") from None
    schema = file.schema_arrow.remove_metadata()
    _name_columns(name, schema.names, column)

    def read() -> Iterator[Row]:
        number = 0
        with closing(stream):
            try:
                for batch in file.iter_batches(BATCH_ROWS):
                    for cells in _list_rows(batch):
                        number += 1
                        place = f"row {number}"
                        yield _leave_out(place, UNREADABLE) if cells is None else _row(place, cells, column)
            except (pa.ArrowException, OSError) as error:
                fault = str(error).splitlines()[0]
                raise InputError(f"{name} is damaged after row {number} ({fault}); write it anew") from None

    return Table(schema.names, schema, ",", read())


def _list_rows(batch: pa.RecordBatch) -> Iterator[Cells | None]:
    """The rows of a batch; null one that holds bytes which are no UTF-8, or a time that Python has not."""
    try:
        rows: list[Cells | None] = batch.to_pylist()
    except (UnicodeDecodeError, OverflowError, ValueError):
        rows = []
        for number in range(batch.num_rows):
            try:
                rows += batch.slice(number, 1).to_pylist()
            except (UnicodeDecodeError, OverflowError, ValueError):
                rows.append(None)
    return iter(rows)


def _open_workbook(path: Path, name: str, column: str) -> Table:
    rows = iter_cells(path, name)
    _, header = next(rows, (0, ()))
    columns = _name_columns(name, _without_end(header), column)

    def read() -> Iterator[Row]:
        for number, row in rows:
            cells = _without_end(row)
            if len(cells) > len(columns):
                yield _leave_out(f"row {number}", f"{len(cells)} cells, but the header has {len(columns)}")
                continue
            padded = [*cells, *[None] * (len(columns) - len(cells))]
            yield _row(f"row {number}", dict(zip(columns, padded, strict=True)), column)

    return Table(columns, None, ",", read())


def _without_end(cells: Sequence[Any]) -> list[Any]:
    """The cells up to the last that is not empty: a workbook remembers those that were only formatted."""
    last = max((number for number, cell in enumerate(cells, start=1) if cell not in (None, "")), default=0)
    return list(cells[:last])


def _read_lines(path: Path, name: str, column: str) -> Iterator[Row]:
    """A text a line; a blank line is no row."""
    with open_text(path, name, None, BAD_BYTES) as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                yield _row(f"line {number}", {column: line.removesuffix("\n")}, column)


def _open_objects(objects: Iterator[tuple[str, Cells | None]], name: str, column: str) -> Table:
    first = list(islice(objects, AHEAD))
    keys = dict.fromkeys(key for _, record in first for key in record or ())
    if keys and all(look_up(record, column) is None for _, record in first):
        raise InputError(f"{name} has no key {column!r}; name one with --text-column: {', '.join(keys)}")

    def read() -> Iterator[Row]:
        for place, record in chain(first, objects):
            yield _leave_out(place, "no JSON object") if record is None else _row(place, record, column)

    return Table(None, None, ",", read())
