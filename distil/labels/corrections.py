"""What people decided about single texts: review/corrections.csv, a git-tracked file that later lines of amend."""

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from distil.core.errors import InputError

COLUMNS = ["id", "text_sha", "label", "reviewer", "reviewed_at", "note"]
SOURCE = "source"  # a column that may be left out
SOURCES = ("human", "adjudicated")  # the second: readers differed, and one settled it; an empty cell is the first
SHA256 = re.compile(r"[0-9a-f]{64}")


def read_corrections(path: Path, read_cell: Callable[[str], str]) -> pd.DataFrame:
    """The corrected `label` by id, as `read_cell` reads it, and its `source`; of several lines about a text the last.

    `text_sha` is the sha256 of the text as its id is made, so it begins with the id: a line that was put beside the
    wrong text is found out. Raises `InputError` with the line's number for a file, a label, a hash or a source that is
    not right.
    """
    table = read_table(path)
    labels: list[str] = []
    for number, row in enumerate(table.itertuples(index=False), start=2):
        try:
            labels.append(read_cell(row.label))
        except ValueError as error:
            raise InputError(f"{path}, line {number}: label {row.label!r} {error}") from None
        if not SHA256.fullmatch(row.text_sha) or not row.text_sha.startswith(row.id):
            raise InputError(f"{path}, line {number}: text_sha is not the hash of the text with id {row.id!r}")
        if row.source not in SOURCES:
            raise InputError(f"{path}, line {number}: source {row.source!r} is none of {', '.join(SOURCES)}")
    table["label"] = pd.Series(labels, dtype="str")
    return table.drop_duplicates("id", keep="last").set_index("id")[["label", SOURCE]]


def read_table(path: Path) -> pd.DataFrame:
    """All lines of the file as they stand, in COLUMNS and SOURCE; raises `InputError` if it is no such file."""
    header = ",".join(COLUMNS)
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path} is missing; a file with only the header {header} means no corrections") from None
    except (OSError, ValueError) as error:  # the second: not UTF-8, no csv, empty
        raise InputError(f"{path} cannot be read as csv: {error}; its header is {header}") from None
    if list(table.columns) not in (COLUMNS, [*COLUMNS, SOURCE]):
        raise InputError(f"{path} has the columns {', '.join(table.columns)}; they should be {', '.join(COLUMNS)}")
    if SOURCE not in table:
        table[SOURCE] = ""
    table[SOURCE] = table[SOURCE].replace("", SOURCES[0])
    return table
