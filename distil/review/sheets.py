"""The two sheets of rows for people to read: a blind audit, which estimates, and a repair queue, which mends.

Each is a file of one JSON object a line under `review/`, in the order in which it is to be read, and holds no text and
no label: these are looked up by id when the sheet is opened. A row is never on both. docs/review.md has the format.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final, Literal, Self, TypeVar

from pydantic import Field, StringConstraints, ValidationError, model_validator

from distil.core.errors import InputError
from distil.core.params import Number, Params
from distil.core.whole_files import written_whole

AUDIT: Final = "audit"
QUEUE: Final = "queue"
ADJUDICATION: Final = "adjudication"
SheetName = Literal["audit", "queue", "adjudication"]
"""`adjudication` is no file: it has the rows of the other two on which readers differ."""

Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
Sha = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def check_hash(text_id: str, text_sha: str) -> None:
    """Raises `ValueError` where a hash is not that of the text with the id."""
    if not text_sha.startswith(text_id):
        raise ValueError(f"text_sha is not the hash of the text with id {text_id!r}")


class SheetRow(Params):
    """A row of a sheet: a text, by which draw it came there (1, 2, ...), and with which seed."""

    id: Id
    text_sha: Sha
    draw: int = Field(ge=1)
    seed: int

    @model_validator(mode="after")
    def _check_hash(self) -> Self:
        check_hash(self.id, self.text_sha)
        return self


class AuditRow(SheetRow):
    """A row of the audit; its stratum is a name that tells nothing of a label."""

    stratum: str
    stratum_texts: int = Field(ge=1)  # of the stratum, drawn or not
    inclusion: Number = Field(gt=0, le=1)  # the probability with which the row was drawn


class QueueRow(SheetRow):
    """A row of the repair queue, and why it is there: a sentence each, the strongest reason first."""

    why: list[str]


Row = TypeVar("Row", bound=Params)


def sheet_path(folder: Path, sheet: str) -> Path:
    """Where a sheet lies in the folder `review/`."""
    return folder / f"{sheet}_sheet.jsonl"


def read_audit(folder: Path) -> list[AuditRow]:
    """The rows of the audit, none where nothing was drawn; raises `InputError` with the line that is not one."""
    return read_lines(sheet_path(folder, AUDIT), AuditRow)


def read_queue(folder: Path) -> list[QueueRow]:
    """The rows of the repair queue, as `read_audit` has them."""
    return read_lines(sheet_path(folder, QUEUE), QueueRow)


def write_sheet(folder: Path, sheet: str, rows: Iterable[SheetRow]) -> None:
    """Replace a sheet in one step."""
    with written_whole(sheet_path(folder, sheet)) as half:
        half.write_text("".join(f"{write_line(row)}\n" for row in rows), encoding="utf-8", newline="\n")


def write_line(row: Params) -> str:
    """A row as one line."""
    return json.dumps(row.model_dump(), ensure_ascii=False)


def read_lines(path: Path, model: type[Row]) -> list[Row]:
    """The objects of a file with one a line, none if there is no file.

    A last line that is not ended and no JSON was being written when the power went, and counts for nothing. Raises
    `InputError` with the number of any other line that is not right.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from None
    rows = []
    for number, line in enumerate(lines := content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            rows.append(model.model_validate(json.loads(line)))
        except (ValueError, RecursionError) as error:
            if number == len(lines) and not isinstance(error, ValidationError):
                break
            raise InputError(f"{path}, line {number}: {_explain(error)}; mend the line, or take it out") from None
    return rows


def _explain(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc'])) or 'the row'}: {first['msg']}"
    return f"it is not JSON ({error})"
