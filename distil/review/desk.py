"""What readers do with sheets on the page: take a seat, be given a text, answer it, take an answer back.

Files are the truth, memory only a copy of them: each answer is on disk when the call that gives it returns, and where
a file was changed by somebody else, all is read anew before anything is done. Several readers work side by side, each
with answers of their own; one reader has one seat, and who sits down later has it.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from distil.core.errors import DistilError
from distil.core.params import TaskParams
from distil.forms.exchange import load_exchange
from distil.review.answers import ANSWERS, Answer, Status, answers_path, append_answers, tell_time
from distil.review.opening import Places, Task, open_sheet
from distil.review.pace import LEAST_ANSWERS, Pace, find_pace
from distil.review.settling import settle
from distil.review.sheets import ADJUDICATION, AUDIT, QUEUE, SheetName, sheet_path

RECENT = 50  # answers by which the pace is told, or texts as long as nobody has answered any
SEAT_BYTES = 8
Stamp = tuple[int, int, int] | None


class SeatTakenError(DistilError):
    """The reader has sat down elsewhere since."""


class RowGoneError(DistilError):
    """The row is no more as it was shown."""


class Turn(NamedTuple):
    """What a reader has before them; `task` is null where all is read, `last` is the row that undo takes back."""

    task: Task | None
    answered: int
    rows: int
    pace: Pace
    last: str | None


@dataclass
class Book:
    """What a reader said of each row of a sheet, the last answer last."""

    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)

    def enter(self, answer: Answer) -> None:
        """Let an answer count."""
        self.answers.pop((answer.sheet, answer.id), None)
        if answer.status != "withdrawn":
            self.answers[answer.sheet, answer.id] = answer

    def find_last(self, sheet: str, ids: Iterable[str]) -> Answer | None:
        """The answer to a row of these that was given last."""
        known = set(ids)
        return next((it for it in reversed(self.answers.values()) if it.sheet == sheet and it.id in known), None)


class Desk:
    """The sheets of a study, and all that was ever answered; not to be used by several threads at once."""

    def __init__(self, places: Places, task: TaskParams) -> None:
        self.places, self.task, self.form = places, task, load_exchange(task.kind)
        self._seats: dict[str, str] = {}
        self._sheets: dict[SheetName, dict[str, Task]] = {}
        self._books: dict[str, Book] = {}
        self._stamps: dict[Path, Stamp] = {}

    def count_rows(self, reader: str | None) -> dict[SheetName, tuple[int, int]]:
        """How many rows each sheet has, and how many are left to a reader; raises `InputError`."""
        self._refresh()
        book = self._books.get(reader or "", Book())
        counts = {}
        for sheet in get_args(SheetName):
            rows = self._open(sheet) if sheet == ADJUDICATION else self._rows(sheet)
            counts[sheet] = len(rows), sum((sheet, text_id) not in book.answers for text_id in rows)
        return counts

    def sit_down(self, reader: str, sheet: SheetName) -> str:
        """A seat for a reader at a sheet, who loses the one before; raises `InputError`."""
        if sheet == ADJUDICATION:
            self._open(sheet)  # readers may differ on more rows by now
        self._seats[reader] = secrets.token_hex(SEAT_BYTES)
        return self._seats[reader]

    def turn(self, reader: str, seat: str, sheet: SheetName, first: str | None = None) -> Turn:
        """The next text of a sheet that a reader has not answered, or the one with the id `first`.

        Raises `SeatTakenError`, and `InputError` where a file is not as it should be.
        """
        self._check(reader, seat)
        rows, book = self._rows(sheet), self._books.get(reader, Book())
        left = [task for task in rows.values() if (sheet, task.id) not in book.answers]
        task = next((task for task in left if task.id == first), left[0] if left else None)
        last = book.find_last(sheet, rows)
        return Turn(task, len(rows) - len(left), len(rows), self._pace(reader, rows), last.id if last else None)

    def answer(
        self,
        reader: str,
        seat: str,
        sheet: SheetName,
        row: tuple[str, str],
        status: Literal["labelled", "unsure", "skipped"],
        value: Any,
        seconds: float,
        note: str,
    ) -> None:
        """Put an answer on disk.

        `row` is its id and the hash of its text, `value` the label as the kind's tools have it. The same answer again
        is one. Raises `SeatTakenError`, `RowGoneError` where the text is another by now, `ValueError` with what is
        wrong with the label, `InputError` and `OSError` where files are not as they should be.
        """
        self._check(reader, seat)
        text_id, sha = row
        task = self._rows(sheet).get(text_id)
        if task is None or task.text_sha != sha:
            raise RowGoneError(f"the row is not on the sheet {sheet} any more, or its text is another")
        label = self._read(value, task.text) if status == "labelled" else None
        before = self._books.get(reader, Book()).answers.get((sheet, text_id))
        if before is None or (before.status, before.label, before.note) != (status, label, note):
            self._append(_write(task, reader, status, label, seconds, note))

    def undo(self, reader: str, seat: str, sheet: SheetName, text_id: str) -> Answer | None:
        """Take the reader's answer to a row back; returns it, or null if there is none. Raises as `answer` does."""
        self._check(reader, seat)
        before = self._books.get(reader, Book()).answers.get((sheet, text_id))
        task = self._rows(sheet).get(text_id)
        if before is not None and task is not None:
            self._append(_write(task, reader, "withdrawn", None, None, ""))
        return before

    def settle(self) -> None:
        """Write what the answers come to; raises `InputError`."""
        settle(self.places.folder, self.places.knows)

    def _append(self, answer: Answer) -> None:
        append_answers(self.places.folder, [answer])
        self._books.setdefault(answer.reader, Book()).enter(answer)
        path = answers_path(self.places.folder, answer.reader)
        self._stamps[path] = _stamp(path)

    def _read(self, value: Any, text: str) -> str:
        return self.form.read_tool_cell(self.form.read_value(value), text, self.task.labels)

    def _check(self, reader: str, seat: str) -> None:
        if self._seats.get(reader) != seat:
            raise SeatTakenError(f"{reader} reads elsewhere since")
        self._refresh()

    def _refresh(self) -> None:
        """Read all anew if a file is not as this desk left it."""
        if (seen := self._look()) == self._stamps:
            return
        books: dict[str, Book] = {}
        for answer in self.places.read_answers():
            books.setdefault(answer.reader, Book()).enter(answer)
        self._books, self._sheets, self._stamps = books, {}, seen

    def _rows(self, sheet: SheetName) -> dict[str, Task]:
        return self._sheets.get(sheet) or self._open(sheet)

    def _open(self, sheet: SheetName) -> dict[str, Task]:
        """Read a sheet; rows of the adjudication stay when they are settled, so that this can be undone."""
        before = self._sheets.get(sheet, {}) if sheet == ADJUDICATION else {}
        self._sheets[sheet] = before | {task.id: task for task in open_sheet(self.places, sheet)}
        return self._sheets[sheet]

    def _look(self) -> dict[Path, Stamp]:
        folder = self.places.folder
        sheets = [sheet_path(folder, sheet) for sheet in (AUDIT, QUEUE)]
        paths = [*sheets, self.places.texts, self.places.labels, *(folder / ANSWERS).glob("*.jsonl")]
        return {path: _stamp(path) for path in paths}

    def _pace(self, reader: str, rows: dict[str, Task]) -> Pace:
        known = list(self._books.get(reader, Book()).answers.values())[-RECENT:]
        if len(known) < LEAST_ANSWERS:
            known = [answer for book in self._books.values() for answer in book.answers.values()]
        return find_pace(known, reader, [task.text for task in list(rows.values())[:RECENT]] or [""])


def _write(task: Task, reader: str, status: Status, label: str | None, seconds: float | None, note: str) -> Answer:
    return Answer(
        sheet=task.sheet,
        id=task.id,
        text_sha=task.text_sha,
        status=status,
        label=label,
        reader=reader,
        at=tell_time(),
        seconds=None if seconds is None else round(seconds, 1),
        note=note,
    )


def _stamp(path: Path) -> Stamp:
    """By which it is seen that a file is another; null where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
