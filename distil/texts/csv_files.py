"""Read csv and tsv strictly, whatever separates the cells.

Python's csv module reads them, since in strict mode it refuses a stray quotation mark, which pandas would drop from the
text. Where the comma is the decimal sign, Excel writes semicolons; which it is shows in the first rows: the header has
the columns that are asked for, and each row as many cells as the header. A line `sep=;` before the header, which Excel
reads too, settles it.
"""

import csv
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

import pandas as pd

from distil.core.errors import InputError
from distil.texts.cells import find_column
from distil.texts.opening import open_text

if TYPE_CHECKING:
    from _csv import Reader

LONGEST_CELL = 2**31 - 1  # characters; the csv module's own limit is 131,072
SAMPLE_ROWS = 1000  # that are looked at for the separator
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}  # the first that fits is taken
SETTING = "sep="


class Dialect(NamedTuple):
    """What separates the cells, and how many lines stand before the header."""

    separator: str
    skipped: int


def find_dialect(path: Path, name: str, wanted: list[str]) -> Dialect:
    """Look for what separates the cells of a csv file whose header has the columns `wanted`.

    Where nothing fits all rows, what fits the header is taken, or else what finds the most columns: the reader's
    complaint is then about the right thing.
    """
    with open_text(path, name, newline="") as stream:
        first = stream.readline().strip()
    if first.lower().startswith(SETTING) and len(first) == len(SETTING) + 1:
        return Dialect(first[-1], 1)
    if first.lower() == SETTING:  # the tab was stripped
        return Dialect("\t", 1)
    looks = {separator: _judge(path, name, separator, wanted) for separator in SEPARATORS}
    return Dialect(max(looks, key=looks.__getitem__), 0)  # of equals the first


def _judge(path: Path, name: str, separator: str, wanted: list[str]) -> tuple[bool, bool, int]:
    """Whether all columns are in the header, whether the first rows have its length, and how long it is."""
    with open_text(path, name, newline="") as stream:
        reader, header, even = _open_reader(stream, separator), [], False
        with suppress(csv.Error):
            header = next(reader, [])
            even = all(len(row) in (0, len(header)) for row in islice(reader, SAMPLE_ROWS))
    return set(wanted) <= set(header), even, len(header)


def _open_reader(stream: IO[str], separator: str) -> "Reader":
    csv.field_size_limit(LONGEST_CELL)
    return csv.reader(stream, delimiter=separator, strict=True)


def read_csv(path: Path, name: str, wanted: dict[str, str], dialect: Dialect) -> pd.DataFrame:
    """Return the columns `wanted` (role -> column), by role; the index is the line on which a row begins."""
    with open_text(path, name, newline="") as stream:
        for _ in range(dialect.skipped):
            stream.readline()
        reader = _open_reader(stream, dialect.separator)
        try:
            header = next(reader, [])
            if not header:
                raise InputError(f"{name} has no header line")
            places = [find_column(name, role, column, header) for role, column in wanted.items()]
            rows = list(_rows(reader, name, len(header), places, dialect))
        except csv.Error as error:
            remedy = 'put a cell that holds a quotation mark in quotes and double the mark: "say ""hi"""'
            place = f"{name}, line {reader.line_num + dialect.skipped}"
            raise InputError(f"{place}: {error}; {remedy}") from None
    lines = pd.Index([line for line, _ in rows], name="line")
    return pd.DataFrame([cells for _, cells in rows], columns=list(wanted), index=lines, dtype=str)


def _rows(
    reader: "Reader", name: str, length: int, places: list[int], dialect: Dialect
) -> Iterator[tuple[int, list[str]]]:
    line = reader.line_num + 1 + dialect.skipped
    for row in reader:
        if len(row) == length:
            yield line, [row[place] for place in places]
        elif row:  # a blank line is no row
            raise InputError(
                f"{name}, line {line}: {len(row)} cells, but the header has {length}; a cell that holds "
                f"{dialect.separator!r} stands in quotes"
            )
        line = reader.line_num + 1 + dialect.skipped
