"""What people decided about single texts: review/corrections.csv, a git-tracked file that later lines of amend."""

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from distil.core.errors import InputError

COLUMNS = ["id", "text_sha", "label", "reviewer", "reviewed_at", "note"]
SHA256 = re.compile(r"[0-9a-f]{64}")


def read_corrections(path: Path, read_cell: Callable[[str], str]) -> pd.Series:
    """The corrected label by id, as `read_cell` reads it; of several lines about one text the last one counts.

    `text_sha` is the sha256 of the text as its id is made, so it begins with the id: a line that was put beside the
    wrong text is found out. Raises `InputError` with the line's number for a file, a label or a hash that is not right.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except FileNotFoundError:
        raise InputError(
            f"{path} is missing; a file with only the header {','.join(COLUMNS)} means no corrections"
        ) from None
    except (OSError, ValueError) as error:  # the second: not UTF-8, no csv, empty
        raise InputError(f"{path} cannot be read as csv: {error}; its header is {','.join(COLUMNS)}") from None
    if list(table.columns) != COLUMNS:
        raise InputError(f"{path} has the columns {', '.join(table.columns)}; they should be {', '.join(COLUMNS)}")
    labels: list[str] = []
    for number, row in enumerate(table.itertuples(index=False), start=2):
        try:
            labels.append(read_cell(row.label))
        except ValueError as error:
            raise InputError(f"{path}, line {number}: label {row.label!r} {error}") from None
        if not SHA256.fullmatch(row.text_sha) or not row.text_sha.startswith(row.id):
            raise InputError(f"{path}, line {number}: text_sha is not the hash of the text with id {row.id!r}")
    table["label"] = pd.Series(labels, dtype="str")
    return table.drop_duplicates("id", keep="last").set_index("id")["label"]
