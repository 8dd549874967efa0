"""A sheet with all that a reader is shown of its rows, whether on the page or in a file for another tool."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from distil.core.tables import LABELS, TEXTS, read_rows
from distil.review.answers import Answer, forget_unknown, read_answers
from distil.review.settling import decide_all
from distil.review.sheets import AUDIT, QUEUE, SheetName, SheetRow, read_audit, read_queue


class Places(NamedTuple):
    """The folder `review/`, and the tables that rows are looked up in."""

    folder: Path
    texts: Path
    labels: Path
    knows: Callable[[str], bool] | None = None  # whether the task has all that a label names; null: it has

    def read_answers(self) -> list[Answer]:
        """All answers, those withdrawn whose label the task has no more; raises `InputError`."""
        return forget_unknown(read_answers(self.folder), self.knows)


@dataclass(frozen=True)
class Task:
    """A row as a reader sees it; what the teacher said is null in the audit, which is read blind."""

    sheet: SheetName
    id: str
    text_sha: str
    text: str
    teacher_label: str | None = None  # in the canonical form; null too where the teacher abstained
    reason: str | None = None  # the teacher's
    why: Sequence[str] = ()  # the row is in the queue
    said: Mapping[str, str] = field(default_factory=dict)  # adjudication: each reader's label


def open_sheet(places: Places, sheet: SheetName) -> list[Task]:
    """The rows of a sheet in the order in which they are to be read; a row whose text is gone is left out.

    `adjudication` has the rows of both on which readers differ and nobody settled it yet. Raises `InputError` where a
    file is missing or not as it should be.
    """
    texts: dict[str, str] = read_rows(places.texts, TEXTS).set_index("id")["text"].to_dict()
    if sheet == AUDIT:
        return [_show(row, AUDIT, texts) for row in read_audit(places.folder) if row.id in texts]
    if sheet == QUEUE:
        labels = read_rows(places.labels, LABELS)
        told = dict(zip(labels["id"], zip(labels["teacher_label"], labels["reason"], strict=True), strict=True))
        rows = [row for row in read_queue(places.folder) if row.id in texts]
        return [_show(row, QUEUE, texts, told.get(row.id, (None, None)), why=row.why) for row in rows]
    return [
        _show(decision.row, "adjudication", texts, said={it.reader: it.label for it in decision.readings if it.label})
        for decision in decide_all(places.folder, places.read_answers())
        if decision.outcome == "disputed" and decision.row.id in texts
    ]


def _show(
    row: SheetRow,
    sheet: SheetName,
    texts: Mapping[str, str],
    told: tuple[object, object] = (None, None),
    why: Sequence[str] = (),
    said: Mapping[str, str] | None = None,
) -> Task:
    label, reason = (value if isinstance(value, str) else None for value in told)
    return Task(sheet, row.id, row.text_sha, texts[row.id], label, reason, why, said or {})
