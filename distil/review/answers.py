"""What each reader said of each row, in `review/answers/READER.jsonl`: a line an answer, and no line is ever changed.

A later line of the same reader about the same row of the same sheet amends the earlier one; `withdrawn` takes it back.
So nothing that was answered is lost, files of several readers never conflict in git, and undo is an answer too.
"""

import json
import os
import re
import unicodedata
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from distil.core.errors import InputError
from distil.core.params import Number, Params
from distil.review.sheets import Id, Sha, SheetName, check_hash, read_lines, write_line

ANSWERS = "answers"  # the folder
READER = re.compile(r"[\w@+-][\w@.+-]{0,63}")
Status = Literal["labelled", "unsure", "skipped", "withdrawn"]


def name_reader(name: str) -> str:
    """A reader's name as it stands in answers and names of files; raises `ValueError` if it cannot stand there."""
    plain = re.sub("['\N{RIGHT SINGLE QUOTATION MARK}]", "-", unicodedata.normalize("NFC", name))
    folded = "-".join(plain.casefold().split())
    if not READER.fullmatch(folded):
        raise ValueError(f"{name!r} is no name for a reader; take letters, digits and . _ - @ +, at most 64")
    return folded


def _check_time(value: str) -> str:
    if datetime.fromisoformat(value).utcoffset() is None:
        raise ValueError("a time without its zone; write it as 2026-01-31T12:00:00+00:00")
    return value


class Answer(Params):
    """What a reader said of a row; `label` is in the canonical form of the task's kind, and only `labelled` has one."""

    sheet: SheetName
    id: Id
    text_sha: Sha
    status: Status
    label: str | None = None
    reader: Annotated[str, AfterValidator(name_reader)]
    at: Annotated[str, AfterValidator(_check_time)]
    seconds: Number | None = Field(default=None, ge=0)  # from when the text was shown to the answer
    note: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_hash(self.id, self.text_sha)
        if (self.label is None) == (self.status == "labelled"):
            raise ValueError(f"status {self.status} {'without' if self.label is None else 'with'} a label")
        return self


def tell_time() -> str:
    """The time of an answer that is given now."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def append_answers(folder: Path, answers: Iterable[Answer]) -> None:
    """Put answers of one reader on disk; when this returns they are there. Raises `OSError`.

    Half a line that an earlier run left at the end of the file is cut off.
    """
    lines: dict[str, list[str]] = {}
    for answer in answers:
        lines.setdefault(answer.reader, []).append(f"{write_line(answer)}\n")
    for reader, written in lines.items():
        path = answers_path(folder, reader)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            _end_line(file)
            file.write("".join(written).encode())
            file.flush()
            os.fsync(file.fileno())


def answers_path(folder: Path, reader: str) -> Path:
    """Where a reader's answers lie in the folder `review/`."""
    return folder / ANSWERS / f"{reader}.jsonl"


def read_answers(folder: Path) -> list[Answer]:
    """All that was ever answered, reader by reader, in order; raises `InputError` with the line that is no answer."""
    paths = sorted((folder / ANSWERS).glob("*.jsonl"))
    return [answer for path in paths for answer in _read_of_one(path)]


def forget_unknown(answers: Iterable[Answer], knows: Callable[[str], bool] | None) -> list[Answer]:
    """The same, with those withdrawn whose label names what the task has no more; null takes all as they are."""
    taken_back: dict[str, Any] = {"status": "withdrawn", "label": None}
    return [
        answer if knows is None or answer.label is None or knows(answer.label) else answer.model_copy(update=taken_back)
        for answer in answers
    ]


def keep_current(answers: Iterable[Answer]) -> list[Answer]:
    """The last answer of each reader to each row of each sheet, without those that were withdrawn."""
    last = {(answer.sheet, answer.id, answer.reader): answer for answer in answers}
    return [answer for answer in last.values() if answer.status != "withdrawn"]


def _read_of_one(path: Path) -> list[Answer]:
    answers = read_lines(path, Answer)
    for number, answer in enumerate(answers, start=1):
        if answer.reader != path.stem:
            raise InputError(
                f"{path}, answer {number}: it is of reader {answer.reader!r}; each has a file of their own"
            )
    return answers


def _end_line(file: IO[bytes]) -> None:
    """Leave the file at its end, behind a line's end: a whole line without one gets it, half a line is cut off."""
    if not (size := file.seek(0, os.SEEK_END)):
        return
    file.seek(size - 1)
    if file.read(1) == b"\n":
        return
    file.seek(0)
    last = file.read().rpartition(b"\n")[2]
    try:
        json.loads(last)
    except (ValueError, RecursionError):
        file.truncate(size - len(last))
    else:
        file.write(b"\n")
