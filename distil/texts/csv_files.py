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
    """What separates the cells, how many lines stand before the header, if there is one, and if quotes enclose cells.

    Without a header the columns are called 1, 2, 3.
    """

    separator: str
    skipped: int = 0
    header: bool = True
    quotes: bool = True

    def open_reader(self, stream: IO[str]) -> "Reader":
        """Read from the stream's beginning on, strictly."""
        csv.field_size_limit(LONGEST_CELL)
        stream.seek(0)
        for _ in range(self.skipped):
            stream.readline()
        if self.quotes:
            return csv.reader(stream, delimiter=self.separator, strict=True)
        return csv.reader(stream, delimiter=self.separator, strict=True, quoting=csv.QUOTE_NONE)

    def name_columns(self, first: list[str]) -> list[str]:
        """The names of the columns, by the file's first row."""
        return first if self.header else [str(number) for number in range(1, len(first) + 1)]


def find_dialect(
    path: Path, name: str, wanted: list[str], header: bool = True, quotes: bool = True, errors: str = "strict"
) -> Dialect:
    """Look for what separates the cells of a csv file that has the columns `wanted`; `errors` as `open` takes it.

    Where nothing fits all rows, what fits the header is taken, or else what finds the most columns: the reader's
    complaint is then about the right thing.
    """
    with open_text(path, name, "", errors) as stream:
        first = stream.readline().strip()
    if first.lower().startswith(SETTING) and len(first) == len(SETTING) + 1:
        return Dialect(first[-1], 1, header, quotes)
    if first.lower() == SETTING:  # the tab was stripped
        return Dialect("\t", 1, header, quotes)
    dialects = [Dialect(separator, 0, header, quotes) for separator in SEPARATORS]
    return max(dialects, key=lambda dialect: _judge(path, name, dialect, wanted, errors))  # of equals the first


def _judge(path: Path, name: str, dialect: Dialect, wanted: list[str], errors: str) -> tuple[bool, bool, int]:
    """Whether all columns are there, whether the first rows have as many cells as the very first, and how many."""
    with open_text(path, name, "", errors) as stream:
        reader, first, even = dialect.open_reader(stream), [], False
        with suppress(csv.Error):
            first = next(reader, [])
            even = all(len(row) in (0, len(first)) for row in islice(reader, SAMPLE_ROWS))
    return set(wanted) <= set(dialect.name_columns(first)), even, len(first)


def read_csv(path: Path, name: str, wanted: dict[str, str], dialect: Dialect) -> pd.DataFrame:
    """Return the columns `wanted` (role -> column), by role; the index is the line on which a row begins."""
    with open_text(path, name, newline="") as stream:
        reader = dialect.open_reader(stream)
        try:
            first = next(reader, [])
            if not first:
                raise InputError(f"{name} has no {'header' if dialect.header else 'first'} line")
            columns = dialect.name_columns(first)
            if not dialect.header:
                reader = dialect.open_reader(stream)
            places = [find_column(name, role, column, columns) for role, column in wanted.items()]
            rows = list(_rows(reader, name, len(columns), places, dialect))
        except csv.Error as error:
            remedy = 'put a cell that holds a quotation mark in quotes and double the mark: "say ""hi"""'
            place = f"{name}, line {reader.line_num + dialect.skipped}"
            raise InputError(
                f"{place}: {error}; {remedy}, or set fetch.quotes: false if quotes enclose no cells"
            ) from None
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
            told = "header" if dialect.header else "first row"
            raise InputError(
                f"{name}, line {line}: {len(row)} cells, but the {told} has {length}; a cell that holds "
                f"{dialect.separator!r} stands in quotes"
            )
        line = reader.line_num + 1 + dialect.skipped
