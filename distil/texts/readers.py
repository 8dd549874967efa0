"""Read texts from the user's files by their suffix, strictly: a text comes out as it stands, or not at all.

Each reader returns the columns it is asked for as `text`, `gold` and `split` (null where there is none), with the row's
place in the file as index, so that later checks can name it.
"""

from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd

from distil.core.errors import InputError
from distil.texts.arrow_tables import read_parquet
from distil.texts.cells import Columns, gather_gold
from distil.texts.conll_files import read_conll
from distil.texts.csv_files import SEPARATORS, Dialect, find_dialect, read_csv
from distil.texts.json_files import read_json, read_jsonl
from distil.texts.opening import explain_bytes, kind_of, open_text
from distil.texts.workbooks import read_xlsx

FORMATS = (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".xlsx", ".txt", ".conll")
WITHOUT_COLUMNS = (".txt", ".conll")
Format = Literal["csv", "tsv", "jsonl", "json", "parquet", "xlsx", "txt", "conll"]


class Layout(NamedTuple):
    """What a file does not say of itself: its format where the suffix is another, how a csv is written, a sheet."""

    format: Format | None = None
    header: bool = True
    quotes: bool = True
    sheet: str | None = None

    def kind_of(self, path: Path) -> str:
        """How a file is read, as a suffix."""
        return f".{self.format}" if self.format else kind_of(path)


class FileRows(NamedTuple):
    """The rows of a file, and what is worth telling of how it was read: a sentence each."""

    rows: pd.DataFrame
    notes: list[str]


def read_file(path: Path, name: str, columns: Columns, layout: Layout = Layout()) -> FileRows:  # noqa: B008 (immutable)
    """Read a file by its suffix, which `.gz` may follow, or as `layout` says; `name` is what messages call it.

    A .txt file has a text a line, a .conll file a token a line; of a workbook the first sheet is read unless one is
    named.

    Raises `InputError` if the file is missing, has no rows or no such column, is neither UTF-8 nor marked as UTF-16, or
    is malformed.
    """
    kind = layout.kind_of(path)
    if kind not in FORMATS:
        raise InputError(f"{name}: {_explain_kind(kind)}")
    if not path.is_file():
        raise InputError(f"{name} is missing")
    if not path.stat().st_size:
        raise InputError(f"{name} is empty")
    with explain_bytes(path, name):
        read = _read_kind(path, name, kind, columns.named(), layout)
    if read.rows.empty:
        raise InputError(f"{name} has no rows")
    if columns.gold_columns and kind in WITHOUT_COLUMNS:
        raise InputError(
            f"{name} has no columns, so none for each label; set fetch.columns.gold to one name, or to null"
        )
    return FileRows(gather_gold(read.rows, columns), read.notes)


def _explain_kind(kind: str) -> str:
    known = ", ".join(FORMATS)
    if not kind:
        return f"the name does not tell what kind of file it is; end it with one of {known}, or set fetch.format"
    return f"files of the kind '{kind}' are not read; {known} are, packed as .gz too, or what fetch.format names"


def _read_kind(path: Path, name: str, kind: str, wanted: dict[str, str], layout: Layout) -> FileRows:
    match kind:
        case ".csv":
            dialect = find_dialect(path, name, list(wanted.values()), layout.header, layout.quotes)
            return FileRows(read_csv(path, name, wanted, dialect), _tell_separator(name, dialect))
        case ".tsv":
            return FileRows(read_csv(path, name, wanted, Dialect("\t", 0, layout.header, layout.quotes)), [])
        case ".jsonl":
            return FileRows(read_jsonl(path, name, wanted), [])
        case ".json":
            return FileRows(read_json(path, name, wanted), [])
        case ".parquet":
            return FileRows(read_parquet(path, name, wanted), [])
        case ".conll":
            return _read_conll(path, name, "gold" in wanted)
        case ".xlsx":
            return FileRows(read_xlsx(path, name, wanted, layout.sheet), [])
        case _:
            return _read_lines(path, name)


def _tell_separator(name: str, dialect: Dialect) -> list[str]:
    if dialect.separator == ",":
        return []
    return [f"{name}: cells are separated by {SEPARATORS.get(dialect.separator, repr(dialect.separator))}"]


def _read_lines(path: Path, name: str) -> FileRows:
    """A text a line; a blank line is no row."""
    with open_text(path, name, newline=None) as stream:
        numbered = [(number, line.removesuffix("\n")) for number, line in enumerate(stream, start=1) if line.strip()]
    texts = [text for _, text in numbered]
    notes = []
    if texts and all("\t" in text for text in texts):
        notes = [f"{name}: each line has a tab and is read as one text; if it is a table, name it .tsv"]
    index = pd.Index([number for number, _ in numbered], name="line")
    return FileRows(pd.DataFrame({"text": texts}, index=index, dtype=str), notes)


def _read_conll(path: Path, name: str, wanted: bool) -> FileRows:
    """A text a sentence; its gold, if it is wanted, is spans."""
    with open_text(path, name, newline=None) as stream:
        read = read_conll(stream.read(), name)
    index = pd.Index(read.lines, name="line")
    found = {"text": read.texts} | ({"gold": read.gold} if wanted else {})
    return FileRows(pd.DataFrame(found, index=index, dtype=str), read.notes)


def read_whole(path: Path, name: str) -> str:
    """Return a .txt file as one text, without the line break at its end; raises `InputError` if it is no text."""
    if not path.is_file():
        raise InputError(f"{name} is missing")
    with explain_bytes(path, name), open_text(path, name, newline="") as stream:
        return stream.read().removesuffix("\n").removesuffix("\r")
