"""Take answers out of a file that people or their tools wrote, and hold them against the sheets.

Answers are joined on a text's id and hash with the rows of the sheets, never on their place, so a file may be sorted,
filtered or have other columns besides. Whatever is no answer is left out with its place: an empty cell, a task that was
cancelled, a draft. What looks like an answer and cannot be one is refused: a row that is on no sheet, one whose text
has changed, one that is answered twice, a label that the task has not.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from distil.core.errors import InputError
from distil.forms.exchange import ExchangeForm
from distil.review.answer_files import read_file
from distil.review.answers import Answer, keep_current, name_reader, tell_time
from distil.review.exporting import FORMULA, is_shown_as
from distil.review.found import Found
from distil.review.sheets import ADJUDICATION, SheetName
from distil.texts.opening import explain_bytes

SURROGATE = re.compile("[\\ud800-\\udfff]")
LONGEST_SHOWN = 60  # characters of a label in a message


@dataclass
class Taken:
    """The answers that a file has, how many of them were known already, and what was left out or refused, with why."""

    answers: list[Answer] = field(default_factory=list)
    known: int = 0
    left_out: list[tuple[str, str]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)

    def add(self, answer: Answer, before: Answer | None) -> None:
        """Take an answer, unless it is what the reader said before."""
        if before and (before.status, before.label, before.note) == (answer.status, answer.label, answer.note):
            self.known += 1
        else:
            self.answers.append(answer)


class Row(NamedTuple):
    """A row of a sheet that may be answered, and its text."""

    text_sha: str
    text: str


def take_answers(
    path: Path,
    rows: Mapping[tuple[str, str], Row],
    known: Iterable[Answer],
    reader: str | None,
    form: ExchangeForm,
    labels: Sequence[str],
) -> Taken:
    """Read a file, and hold what it says against the sheets.

    Args:
        path: the file.
        rows: those of all sheets, by sheet and id.
        known: all answers so far.
        reader: whose answers they are, if the file tells no readers or one alone.
        form: of the task's kind.
        labels: of the task.

    Raises:
        InputError: it is no such file, or it tells no reader and none was given.
    """
    with explain_bytes(path, path.name):
        found = _name_readers(list(read_file(path, form)), reader, path.name)
    taken, seen = Taken(), set()
    told = {(answer.sheet, answer.id, answer.reader): answer for answer in keep_current(known)}
    judge = _Judge(rows, form, labels, make_folder(labels), tell_time())
    for each in found:
        answer, fault = (None, None) if each.left_out else judge.decide(each)
        if each.left_out:
            taken.left_out.append((each.place, each.left_out))
        elif answer is None:
            taken.refused.append((each.place, str(fault)))
        elif (key := (answer.sheet, answer.id, answer.reader)) in seen:
            taken.refused.append((each.place, f"text {each.text_id} is answered before by {answer.reader}"))
        else:
            seen.add(key)
            taken.add(answer, told.get(key))
    return taken


def find_sheet(found: Found, rows: Mapping[tuple[str, str], Row]) -> SheetName | None:
    """The sheet that a row is on: the one that the file names, or that which has its text."""
    sheets: tuple[SheetName, ...] = ("audit", "queue", "adjudication")
    named = next((sheet for sheet in sheets if sheet == found.sheet), None)
    if named is not None:
        return named if (named, found.text_id) in rows else None
    return next((sheet for sheet in sheets if sheet != ADJUDICATION and (sheet, found.text_id) in rows), None)


class _Judge(NamedTuple):
    """What an answer has to agree with."""

    rows: Mapping[tuple[str, str], Row]
    form: ExchangeForm
    labels: Sequence[str]
    fold: Callable[[str], str]
    now: str

    def decide(self, found: Found) -> tuple[Answer | None, str | None]:
        """The answer that was found, or what is wrong with it."""
        sheet = find_sheet(found, self.rows)
        if found.refused:
            return None, found.refused
        if SURROGATE.search(found.note):
            return None, "its note has half a sign, which is no text"
        if sheet is None:
            return None, f"text {found.text_id or '(no id)'} is on no sheet of this study, or gone from its data"
        row = self.rows[sheet, found.text_id]
        if found.text_sha != row.text_sha or (found.text is not None and not is_shown_as(row.text, found.text)):
            return None, f"text {found.text_id} is another one now, or was changed in the file"
        try:
            label = None if found.unsure else _read_label(found.cell, row.text, self.form, self.labels, self.fold)
        except ValueError as error:
            return None, f"label {found.cell[:LONGEST_SHOWN]!r} {error}"
        answer = Answer(
            sheet=sheet,
            id=found.text_id,
            text_sha=row.text_sha,
            status="unsure" if label is None else "labelled",
            label=label,
            reader=str(found.reader),
            at=found.at or self.now,
            seconds=found.seconds,
            note=found.note,
        )
        return answer, None


def _read_label(cell: str, text: str, form: ExchangeForm, labels: Sequence[str], fold: Callable[[str], str]) -> str:
    """The label of a cell, as it stands, without an apostrophe before it, or with its labels in another case."""
    ways = [cell, *([cell[1:]] if cell.startswith("'") and cell[1:].startswith(FORMULA) else [])]
    ways += [fold(way) for way in ways]
    faults = []
    for way in dict.fromkeys(ways):
        try:
            return form.read_tool_cell(way, text, labels)
        except ValueError as error:
            faults.append(error)
    raise faults[0]


def make_folder(labels: Sequence[str]) -> Callable[[str], str]:
    """What writes the labels of a cell as the task does, whatever their case; one that two labels would be stays."""
    counts = Counter(map(_fold, labels))
    known = {_fold(label): label for label in labels if counts[_fold(label)] == 1} | {"none": "none"}
    named = "|".join(map(re.escape, sorted(known, key=len, reverse=True)))
    pattern = re.compile(rf"(?<!\w)(?:{named})(?!\w)", re.IGNORECASE)
    return lambda cell: pattern.sub(
        lambda found: known.get(_fold(found[0]), found[0]), unicodedata.normalize("NFC", cell)
    )


def _fold(label: str) -> str:
    return unicodedata.normalize("NFC", label).casefold()


def _name_readers(found: list[Found], reader: str | None, name: str) -> list[Found]:
    """The same with every row's reader; raises `InputError` where that is not known, or the given one is not all."""
    told = sorted({each.reader for each in found if each.reader})
    if reader and len(told) > 1:
        raise InputError(
            f"{name} has answers of {len(told)} readers ({', '.join(told[:5])}), so --reader cannot be all of them; "
            "leave it out"
        )
    if not reader and any(not each.reader and not each.left_out for each in found):
        raise InputError(f"{name} does not say who read it; add --reader NAME")
    try:
        return [each._replace(reader=name_reader(reader or each.reader or "nobody")) for each in found]
    except ValueError as error:
        raise InputError(f"{name}: {error}") from None
