"""The rows that people read blind to learn how good the labels are: review/audit.csv, which `distil review` writes.

No such row is ever trained on. A file with the header alone, or none, means that nothing was audited.
"""

from pathlib import Path

import pandas as pd

from distil.core.errors import InputError

COLUMNS = [
    *("id", "text_sha", "label", "reviewer", "reviewed_at", "note"),  # as review/corrections.csv has them
    *("status", "stratum", "stratum_texts", "inclusion"),
]
KNOWN = ("labelled", "adjudicated")  # of these there is a label
OPEN = ("unsure", "skipped", "disputed")  # of these there is none
HEADER = ",".join(COLUMNS)


def read_audit_rows(path: Path) -> pd.DataFrame:
    """The audited rows, one a text, in COLUMNS: `label` in its canonical form, missing where `status` is one of OPEN.

    Raises `InputError` with the line's number for what is not right.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except FileNotFoundError:
        table = pd.DataFrame(columns=COLUMNS, dtype=str)
    except (OSError, ValueError) as error:  # the second: not UTF-8, no csv, empty
        raise InputError(f"{path} cannot be read as csv: {error}; its header is {HEADER}") from None
    if list(table.columns) != COLUMNS:
        raise InputError(f"{path} has the columns {', '.join(table.columns)}; they should be {', '.join(COLUMNS)}")
    rows = [_read_row(path, number, row) for number, row in enumerate(table.to_dict("records"), start=2)]
    audited = pd.DataFrame(rows, columns=COLUMNS)
    if audited["id"].duplicated().any():
        twice = audited.loc[audited["id"].duplicated(), "id"].iloc[0]
        raise InputError(f"{path} has text {twice} twice; 'distil review settle' writes the file anew")
    return audited


def _read_row(path: Path, number: int, row: dict[str, str]) -> dict[str, object]:
    place = f"{path}, line {number}"
    if row["status"] not in (*KNOWN, *OPEN):
        raise InputError(f"{place}: status {row['status']!r} is none of {', '.join((*KNOWN, *OPEN))}")
    if len(row["text_sha"]) != 64 or not row["text_sha"].startswith(row["id"]) or len(row["id"]) != 16:
        raise InputError(f"{place}: text_sha is not the hash of the text with id {row['id']!r}")
    try:
        texts, inclusion = int(row["stratum_texts"]), float(row["inclusion"])
    except ValueError:
        raise InputError(f"{place}: stratum_texts and inclusion are numbers") from None
    if texts < 1 or not 0 < inclusion <= 1:
        raise InputError(f"{place}: stratum_texts is a number of texts, and inclusion a probability above 0")
    label = row["label"] if row["status"] in KNOWN else None
    return {**row, "label": label, "stratum_texts": texts, "inclusion": inclusion}
