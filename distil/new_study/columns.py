"""Read every column of a file of the user's, when nobody has said yet which of them is what.

The columns are read as the stage fetch will read them, by the same readers: one that is no text there is none here.
"""

import json
from itertools import islice
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from distil.core.errors import InputError
from distil.texts.cells import Columns
from distil.texts.csv_files import Dialect, find_dialect
from distil.texts.opening import explain_bytes, open_text, open_to_seek
from distil.texts.readers import WITHOUT_COLUMNS, FileRows, Layout, read_file
from distil.texts.workbooks import iter_rows

LINES_LOOKED_AT = 1000  # of a file of objects, for their keys


def list_columns(path: Path, name: str, layout: Layout) -> list[str]:
    """The names of a file's columns, or the keys of its objects; none for a file that has no columns.

    Raises `InputError` if the file is empty or malformed where they stand.
    """
    kind = layout.kind_of(path)
    with explain_bytes(path, name):
        if kind in (".csv", ".tsv"):
            dialect = find_dialect(path, name, [], layout.header, layout.quotes)
            return _read_header(path, name, dialect if kind == ".csv" else dialect._replace(separator="\t"))
        if kind in (".jsonl", ".json"):
            return _list_keys(path, name, kind)
        if kind == ".parquet":
            return _list_fields(path, name)
        if kind == ".xlsx":
            with open_to_seek(path) as stream:
                _, header = next(iter_rows(stream, name, layout.sheet), (0, ()))
                return ["" if cell is None else str(cell) for cell in header]
    return []


def read_texts(path: Path, name: str, column: str | None, layout: Layout) -> FileRows:
    """A file's column as texts; raises `InputError` if it holds anything else."""
    return read_file(path, name, Columns(text=column or "text"), layout)


def read_gold(path: Path, name: str, text: str | None, column: str | list[str], layout: Layout) -> pd.Series:
    """A column as gold beside the text: lists and objects as JSON; raises `InputError` if it can be none."""
    return read_file(path, name, Columns(text=text or "text", gold=column), layout).rows["gold"]


def has_columns(path: Path, layout: Layout) -> bool:
    """Whether a file of this kind has columns to choose from."""
    return layout.kind_of(path) not in WITHOUT_COLUMNS


def _read_header(path: Path, name: str, dialect: Dialect) -> list[str]:
    with open_text(path, name, newline="") as stream:
        return dialect.name_columns(next(dialect.open_reader(stream), []))


def _list_keys(path: Path, name: str, kind: str) -> list[str]:
    """The keys of the first objects, those within another with a dot; what is no JSON the reader will tell."""
    with open_text(path, name, newline="\n") as stream:
        try:
            if kind == ".json":
                records = json.load(stream)[:LINES_LOOKED_AT]
            else:
                records = [json.loads(line) for line in islice(stream, LINES_LOOKED_AT) if line.strip()]
            keys: dict[str, None] = {}
            for record in records:
                for key, value in record.items():
                    inner = [f"{key}.{below}" for below in value] if isinstance(value, dict) else []
                    keys |= dict.fromkeys([key, *inner])
        except (ValueError, TypeError, AttributeError, RecursionError):
            return []
    return list(keys)


def _list_fields(path: Path, name: str) -> list[str]:
    with open_to_seek(path) as stream:
        try:
            return list(pq.read_schema(stream).names)
        except (pa.ArrowInvalid, OSError) as error:
            raise InputError(f"{name} is not a sound parquet file ({str(error).splitlines()[0]})") from None
