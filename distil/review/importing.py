"""Answers out of a file that people or their tools wrote: csv, tsv, a workbook, JSON of Label Studio, of Argilla.

Which of them it is, the file itself tells. Answers are joined on a text's id and hash with the rows of the sheets,
never on their place, so a file may be sorted, filtered or have other columns besides. Whatever is no answer is left out
with its place: an empty cell, a task that was cancelled, a draft. What looks like an answer and cannot be one is
refused: a row that is on no sheet, one whose text has changed, one that is answered twice, a label that the task has
not.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from distil.core.errors import InputError
from distil.forms.exchange import ExchangeForm
from distil.predict.reading import open_table
from distil.review.answers import Answer, keep_current, name_reader, tell_time
from distil.review.exporting import FORMULA, is_shown_as
from distil.review.sheets import ADJUDICATION, SheetName
from distil.texts.json_files import list_objects
from distil.texts.opening import explain_bytes, kind_of

TABLES = (".csv", ".tsv", ".xlsx", ".jsonl", ".parquet")
KEY, SHA = "text_id", "text_sha"
YES = {"x", "1", "1.0", "true", "yes", "y", "unsure"}  # in the column unsure
UNSURE = "unsure"
SURROGATE = re.compile("[\\ud800-\\udfff]")
LONGEST_SHOWN = 60  # characters of a label in a message
SUBMITTED, DRAFT, DISCARDED, COMPLETED = "submitted", "draft", "discarded", "completed"


class Found(NamedTuple):
    """What a file says of a row: where, of which text, by whom, and a cell with a label, or why it is no answer."""

    place: str
    text_id: str
    text_sha: str
    sheet: str
    cell: str
    reader: str | None = None
    unsure: bool = False
    note: str = ""
    at: str | None = None
    seconds: float | None = None
    left_out: str | None = None
    refused: str | None = None
    text: str | None = None  # as it stands in the file


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


def read_file(path: Path, form: ExchangeForm) -> Iterator[Found]:
    """What a file says, row by row; raises `InputError` where it is none of those that are known."""
    kind = kind_of(path)
    if not path.is_file():
        raise InputError(f"{path} is missing, or is no file")
    if kind in TABLES:
        return _read_table(path, kind, form)
    if kind != ".json":
        raise InputError(f"{path.name} is none of {', '.join(TABLES)}, .json; export what you read as one of these")
    objects = [(place, record or {}) for place, record in list_objects(path, path.name)]
    first = objects[0][1] if objects else {}
    if "annotations" in first or "completions" in first:
        return _read_each(_read_label_studio, objects, form)
    if "responses" in first:
        return _read_each(_read_argilla, objects, form)
    if "label.responses" in first or ("_server_id" in first and "fields" not in first):
        return _read_each(_read_argilla_flat, objects, form)
    return (_read_cells(place, record, form) for place, record in objects)


def _read_each(
    read: Callable[[Iterable[tuple[str, dict[str, Any]]], ExchangeForm], Iterator[Found]],
    objects: Iterable[tuple[str, dict[str, Any]]],
    form: ExchangeForm,
) -> Iterator[Found]:
    """What a reader of records says of each; a record that is not as the tool writes them is refused with its place."""
    for place, record in objects:
        try:
            found = list(read([(place, record)], form))
        except (AttributeError, TypeError, ValueError):
            found = [Found(place, "", "", "", "", refused="it is not as the tool writes it; export it anew")]
        yield from found


def _read_table(path: Path, kind: str, form: ExchangeForm) -> Iterator[Found]:
    try:
        table = open_table(path, path.name, kind, KEY)
    except InputError as error:
        if f"no column {KEY!r}" in str(error) or f"no key {KEY!r}" in str(error):
            raise InputError(
                f"{path.name} has no column {KEY!r}, so nobody knows which texts it is about; export the rows with "
                "'distil review export', and keep its columns"
            ) from None
        raise
    for row in table.rows:
        if row.fault and row.fault.startswith(KEY):
            yield Found(row.place, "", "", "", "", left_out="the row has no text_id")
        elif row.fault:
            remedy = "; save the file as UTF-8, in Excel as CSV UTF-8" if "UTF-8" in row.fault else ""
            yield Found(row.place, "", "", "", "", refused=f"{row.fault}{remedy}")
        else:
            yield _read_cells(row.place, row.cells, form)


def _read_cells(place: str, cells: Mapping[str, Any], form: ExchangeForm) -> Found:
    """A row of a table, also as Label Studio writes it as csv or JSON-MIN, where no label may be an answer too."""
    label = _write_cell(cells.get("label"))
    if not label and _write_cell(cells.get("annotation_id")):
        label = form.read_result([])
    note = cells.get("note")
    found = Found(
        place,
        _write_cell(cells.get(KEY)),
        _write_cell(cells.get(SHA)),
        _write_cell(cells.get("sheet")),
        label,
        reader=_write_cell(cells.get("reader")) or _name_annotator(cells.get("annotator")),
        unsure=_write_cell(cells.get("unsure")).casefold() in YES,
        note=" ".join(str(note).split()) if note is not None else "",
        seconds=_read_seconds(cells.get("lead_time")),
        text=_write_text(cells.get("text")),
    )
    return found if found.unsure or found.cell else found._replace(left_out="label is empty")


def _write_text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _write_cell(value: Any) -> str:
    """A cell as text; of Label Studio's choices the list of them."""
    if isinstance(value, str) and value.startswith('{"choices":'):  # in its csv
        with suppress(ValueError):
            value = json.loads(value)
    if isinstance(value, dict) and "choices" in value:
        value = value["choices"]
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else str(value).strip()


def _read_label_studio(objects: Iterable[tuple[str, dict[str, Any]]], form: ExchangeForm) -> Iterator[Found]:
    for place, task in objects:
        data = task.get("data") or {}
        key, sha, sheet = (_write_cell(data.get(name)) for name in (KEY, SHA, "sheet"))
        found = Found(place, key, sha, sheet, "", text=_write_text(data.get("text")))
        annotations = task.get("annotations") or task.get("completions") or []
        if not annotations:
            drafts = bool(task.get("drafts"))
            yield found._replace(left_out="a draft that was not submitted" if drafts else "not annotated")
        for number, annotation in enumerate(annotations, start=1):
            where = place if len(annotations) == 1 else f"{place}, annotation {number}"
            yield _read_annotation(found._replace(place=where), annotation, form)


def _read_annotation(found: Found, annotation: Mapping[str, Any], form: ExchangeForm) -> Found:
    results = [result for result in annotation.get("result") or [] if isinstance(result.get("value"), dict)]
    of = {name: [result for result in results if result.get("from_name") == name] for name in ("label", UNSURE, "note")}
    found = found._replace(
        reader=_name_annotator(annotation.get("completed_by")),
        at=_read_time(annotation.get("updated_at") or annotation.get("created_at")),
        seconds=_read_seconds(annotation.get("lead_time")),
        note=" ".join(
            word for result in of["note"] for text in result["value"].get("text", []) for word in text.split()
        ),
        unsure=bool(of[UNSURE]),
    )
    if annotation.get("was_cancelled"):
        return found._replace(left_out="cancelled (skipped)")
    try:
        cell = form.read_result(of["label"])
    except ValueError as error:
        return found._replace(refused=f"it {error}")
    return found._replace(cell=cell, left_out=None if cell or found.unsure else "submitted without a label")


def _name_annotator(completed_by: Any) -> str | None:
    if isinstance(completed_by, dict):
        return str(completed_by.get("email") or completed_by.get("username") or f"user-{completed_by.get('id')}")
    if completed_by is not None and not isinstance(completed_by, str | int):
        raise TypeError("an annotator is a name, a number or an object")
    return f"user-{completed_by}" if str(completed_by or "").isdecimal() else str(completed_by or "") or None


def _read_argilla(objects: Iterable[tuple[str, dict[str, Any]]], form: ExchangeForm) -> Iterator[Found]:
    """Records as `records.to_json` writes them, which leaves out whether a response was submitted."""
    for place, record in objects:
        responses = record.get("responses") or {}
        given = [response for response in responses.get("label", []) if isinstance(response, dict)]
        notes = {response.get("user_id"): response.get("value") for response in responses.get("note", [])}
        found = _start_argilla(place, record, record.get("metadata") or {})
        if not given:
            yield found._replace(left_out="no response")
        for response in given:
            done = record.get("status") == COMPLETED and len(given) == 1
            status = response.get("status") or (SUBMITTED if done else None)
            yield _read_response(found, response.get("value"), response.get("user_id"), status, notes, form)


def _read_argilla_flat(objects: Iterable[tuple[str, dict[str, Any]]], form: ExchangeForm) -> Iterator[Found]:
    """Records as `records.to_list(flatten=True)` and `records.to_datasets` have them."""
    for place, record in objects:
        found = _start_argilla(place, record, record)
        values, users, statuses = (record.get(f"label.responses{end}") or [] for end in ("", ".users", ".status"))
        notes = dict(zip(record.get("note.responses.users") or [], record.get("note.responses") or [], strict=False))
        if not values:
            yield found._replace(left_out="no response")
        for value, user, status in zip(values, users, statuses, strict=True):
            yield _read_response(found, value, user, status, notes, form)


def _start_argilla(place: str, record: Mapping[str, Any], metadata: Mapping[str, Any]) -> Found:
    key = metadata.get(KEY) or record.get("id")
    sha, sheet = (_write_cell(metadata.get(name)) for name in (SHA, "sheet"))
    text = (record.get("fields") or record).get("text")
    return Found(place, _write_cell(key), sha, sheet, "", text=_write_text(text))


def _read_response(
    found: Found, value: Any, user: Any, status: str | None, notes: Mapping[Any, Any], form: ExchangeForm
) -> Found:
    found = found._replace(reader=f"user-{user}" if user else None, note=" ".join(str(notes.get(user) or "").split()))
    if status is None:
        return found._replace(
            left_out="it may be a draft: this format does not say which of several responses were submitted; write "
            "records.to_list(flatten=True) as JSON"
        )
    if status != SUBMITTED:
        return found._replace(
            left_out={DRAFT: "a draft", DISCARDED: "discarded"}.get(status, f"its status is {status}")
        )
    cell = form.read_value(value)
    return found._replace(cell=cell, left_out=None if cell else "submitted without a label")


def _read_time(value: Any) -> str | None:
    try:
        time = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC).isoformat(timespec="seconds")


def _read_seconds(value: Any) -> float | None:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return None
    return seconds if seconds >= 0 and seconds != float("inf") else None
