"""A file of the user's, of which nobody has said yet which column is what.

It is read as the stage fetch will read it, by the same readers: a column that is no text there is none here.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from distil.core.errors import InputError
from distil.texts.cells import Columns, read_value
from distil.texts.csv_files import Dialect, find_dialect, read_csv
from distil.texts.json_files import iter_objects, list_objects, look_up
from distil.texts.opening import explain_bytes, open_text, open_to_seek
from distil.texts.readers import WITHOUT_COLUMNS, FileRows, Layout, read_file
from distil.texts.workbooks import iter_cells, iter_rows

LINES_LOOKED_AT = 1000  # of a file of objects, for their keys
THE_TEXT = "text"  # what a file without columns calls its only one


@dataclass(frozen=True)
class UserFile:
    """A file, what messages call it, and what it does not say of itself.

    However many columns are asked for, they are read in one pass; parquet files hold each by itself and are read so.
    """

    path: Path
    name: str
    layout: Layout

    @property
    def has_columns(self) -> bool:
        """Whether a file of this kind has columns to choose from."""
        return self.layout.kind_of(self.path) not in WITHOUT_COLUMNS

    @cached_property
    def columns(self) -> list[str]:
        """The names of its columns, or the keys of its objects; none where it has no columns, or no such objects.

        Raises `InputError` if it is malformed where they stand.
        """
        with explain_bytes(self.path, self.name):
            match self.layout.kind_of(self.path):
                case ".csv" | ".tsv":
                    return self._read_header(self._dialect)
                case ".jsonl" | ".json" as kind:
                    return self._list_keys(kind)
                case ".parquet":
                    return self._list_fields()
                case ".xlsx":
                    return self._read_first_row()
        return []

    def read_texts(self, column: str | None) -> FileRows:
        """A column as texts; raises `InputError` if it holds anything else."""
        return read_file(self.path, self.name, Columns(text=column or THE_TEXT), self.layout)

    def read_column(self, column: str) -> pd.Series | None:
        """A column as texts; null if it holds anything else. Raises `InputError` if the file is malformed."""
        if self._cells is None:
            try:
                return self.read_texts(column).rows["text"]
            except InputError:
                return None
        return _read_cells(self._cells.get(column), "text")

    def read_gold(self, text: str | None, column: str) -> pd.Series | None:
        """A column as gold beside the text, lists and objects as JSON; null if it can be none."""
        if self._cells is not None:
            return _read_cells(self._cells.get(column), "gold")
        columns = Columns(text=text or THE_TEXT, gold=column)
        try:
            rows = read_file(self.path, self.name, columns, self.layout).rows
        except InputError:
            return None
        return rows["gold"].astype("str") if "gold" in rows else None

    @cached_property
    def _dialect(self) -> Dialect:
        if self.layout.kind_of(self.path) == ".tsv":
            return Dialect("\t", 0, self.layout.header, self.layout.quotes)
        wanted: list[str] = []
        return find_dialect(self.path, self.name, wanted, self.layout.header, self.layout.quotes)

    @cached_property
    def _cells(self) -> dict[str, Sequence[Any]] | None:
        """What stands in each column of which there is one of its name; null where each can be read by itself."""
        once = [column for column, count in Counter(self.columns).items() if count == 1]
        with explain_bytes(self.path, self.name):
            match self.layout.kind_of(self.path):
                case ".csv" | ".tsv":
                    rows = read_csv(self.path, self.name, {column: column for column in once}, self._dialect)
                    return {column: rows[column].tolist() for column in once}
                case ".jsonl":
                    return self._read_objects(once, iter_objects(self.path, self.name))
                case ".json":
                    return self._read_objects(once, list_objects(self.path, self.name))
                case ".xlsx":
                    return self._read_sheet(once)
        return None

    def _read_objects(
        self, keys: list[str], objects: Iterable[tuple[str, dict[str, Any] | None]]
    ) -> dict[str, Sequence[Any]]:
        cells: dict[str, list[Any]] = {key: [] for key in keys}
        for place, record in objects:
            if record is None:
                raise InputError(f"{self.name}, {place} holds no JSON object; each has to be one")
            for key, values in cells.items():
                values.append(look_up(record, key))
        return dict(cells)

    def _read_sheet(self, once: list[str]) -> dict[str, Sequence[Any]]:
        rows = [cells for _, cells in iter_cells(self.path, self.name)][1:]
        places = {column: self.columns.index(column) for column in once}
        return {column: [row[place] if place < len(row) else None for row in rows] for column, place in places.items()}

    def _read_header(self, dialect: Dialect) -> list[str]:
        with open_text(self.path, self.name, newline="") as stream:
            return dialect.name_columns(next(dialect.open_reader(stream), []))

    def _read_first_row(self) -> list[str]:
        with open_to_seek(self.path) as stream:
            _, header = next(iter_rows(stream, self.name, self.layout.sheet), (0, ()))
        return ["" if cell is None else str(cell) for cell in header]

    def _list_keys(self, kind: str) -> list[str]:
        """The keys of the first objects, those within another with a dot; what is no JSON the reader will tell."""
        keys: dict[str, None] = {}
        with open_text(self.path, self.name, newline="\n") as stream:
            try:
                if kind == ".json":
                    records = json.load(stream)[:LINES_LOOKED_AT]
                else:
                    records = [json.loads(line) for line in islice(stream, LINES_LOOKED_AT) if line.strip()]
                for record in records:
                    for key, value in record.items():
                        inner = [f"{key}.{below}" for below in value] if isinstance(value, dict) else []
                        keys |= dict.fromkeys([key, *inner])
            except (ValueError, TypeError, AttributeError, RecursionError):
                return []
        return list(keys)

    def _list_fields(self) -> list[str]:
        with open_to_seek(self.path) as stream:
            try:
                return list(pq.read_schema(stream).names)
            except (pa.ArrowInvalid, OSError) as error:
                said = str(error).splitlines()[0]
                raise InputError(f"{self.name} is not a sound parquet file ({said}); write it anew") from None


def _read_cells(cells: Sequence[Any] | None, role: str) -> pd.Series | None:
    """Cells as the reader takes them in that role; null if it does not, or there are none."""
    try:
        return pd.Series([read_value(cell, role, "", "") for cell in cells], dtype="str") if cells else None
    except (InputError, RecursionError):
        return None
