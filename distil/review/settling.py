"""What the answers come to: people's labels in `review/corrections.csv`, and the audit in `review/audit.csv`.

Both are reckoned anew from the sheets and all answers each time, so an answer that was amended, or that another reader
contradicts, leaves no trace in them. Lines of corrections.csv that came from elsewhere stay as they are. All its lines
stand in the order of their time, since the last one about a text counts.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pandas as pd

from distil.audit.rows import COLUMNS as AUDIT_COLUMNS
from distil.core.whole_files import written_whole
from distil.labels.corrections import COLUMNS, SOURCE, SOURCES, read_table
from distil.review.answers import Answer, forget_unknown, keep_current, read_answers
from distil.review.sheets import ADJUDICATION, AUDIT, QUEUE, AuditRow, SheetRow, read_audit, read_queue

CORRECTIONS, AUDITED = "corrections.csv", "audit.csv"  # files in the folder review/
Outcome = Literal["labelled", "adjudicated", "disputed", "unsure", "skipped"]


@dataclass(frozen=True)
class Decision:
    """What readers' answers to a row come to; `readings` are those answers that count, in the order of their time."""

    row: SheetRow
    sheet: str
    outcome: Outcome
    label: str | None
    readings: Sequence[Answer]

    @property
    def decisive(self) -> Answer:
        """The answer that was given last, or that settled it."""
        return self.readings[-1]


@dataclass(frozen=True)
class Settled:
    """How many rows came to what."""

    corrections: int
    audited: int
    disputed: int
    unanswered: int  # of the rows that somebody looked at
    forgotten: int  # answers with a label that the task has no more


def settle(folder: Path, knows: Callable[[str], bool] | None = None) -> Settled:
    """Write corrections.csv and audit.csv of the folder `review/` from its answers; returns what they came to.

    `knows` says whether the task still has all that a label names: an answer of which it has not is none. Raises
    `InputError` where a file is not as it should be; then neither is written.
    """
    given = read_answers(folder)
    answers = forget_unknown(given, knows)
    decisions = decide_all(folder, answers)
    kept = _drop_own(read_table(folder / CORRECTIONS), given)
    queue = [decision for decision in decisions if decision.sheet != AUDIT]
    audit = [decision for decision in decisions if decision.sheet == AUDIT]
    lines = [_tell(decision) | {SOURCE: _source(decision)} for decision in queue if decision.label is not None]
    write_corrections(folder / CORRECTIONS, sorted([*lines, *kept], key=_tell_when))
    write_audit(folder / AUDITED, audit)
    outcomes = [decision.outcome for decision in decisions]
    return Settled(
        len(lines),
        sum(decision.label is not None for decision in audit),
        outcomes.count("disputed"),
        outcomes.count("unsure") + outcomes.count("skipped"),
        len(keep_current(given)) - len(keep_current(answers)),
    )


def decide_all(folder: Path, answers: Iterable[Answer]) -> list[Decision]:
    """What the answers to each row come to, for the rows of both sheets that have any; sheet after sheet, in order."""
    by_row = group_readings(answers)
    sheets: dict[str, Sequence[SheetRow]] = {AUDIT: read_audit(folder), QUEUE: read_queue(folder)}
    return [
        decide(row, sheet, by_row[sheet, row.id], by_row[ADJUDICATION, row.id])
        for sheet, rows in sheets.items()
        for row in rows
        if by_row[sheet, row.id]
    ]


def group_readings(answers: Iterable[Answer]) -> Mapping[tuple[str, str], list[Answer]]:
    """The answers that count to each row of each sheet, in the order of their time; none for a row without any."""
    by_row: dict[tuple[str, str], list[Answer]] = defaultdict(list)
    for answer in sorted(keep_current(answers), key=lambda answer: (datetime.fromisoformat(answer.at), answer.reader)):
        by_row[answer.sheet, answer.id].append(answer)
    return by_row


def decide(row: SheetRow, sheet: str, readings: Sequence[Answer], rulings: Sequence[Answer]) -> Decision:
    """What readings of a row come to, of which there is one at least, and rulings on what readers differed about.

    Who was unsure or skipped the row is outvoted by anyone who gave it a label.
    """
    labels = {answer.label for answer in readings if answer.label is not None}
    settled = [answer for answer in rulings if answer.label is not None]
    if len(labels) > 1 and settled:
        return Decision(row, sheet, "adjudicated", settled[-1].label, [*readings, settled[-1]])
    if len(labels) > 1:
        return Decision(row, sheet, "disputed", None, readings)
    if labels:
        agreeing = [answer for answer in readings if answer.label is not None]
        return Decision(row, sheet, "labelled", agreeing[0].label, agreeing)
    outcome: Outcome = "unsure" if any(answer.status == "unsure" for answer in readings) else "skipped"
    return Decision(row, sheet, outcome, None, readings)


def write_corrections(path: Path, lines: Sequence[Mapping[str, str]]) -> None:
    """Replace corrections.csv, with the column `source` only where a line needs it."""
    columns = [*COLUMNS, SOURCE] if any(line[SOURCE] != SOURCES[0] for line in lines) else COLUMNS
    _write_csv(path, columns, lines)


def write_audit(path: Path, decisions: Iterable[Decision]) -> None:
    """Replace audit.csv by what was read of the audit, sorted by id."""
    lines = []
    for decision in decisions:
        row = decision.row
        assert isinstance(row, AuditRow)  # noqa: S101
        lines.append(
            _tell(decision)
            | {
                "status": decision.outcome,
                "stratum": row.stratum,
                "stratum_texts": str(row.stratum_texts),
                "inclusion": f"{row.inclusion:.6g}",
            }
        )
    _write_csv(path, AUDIT_COLUMNS, sorted(lines, key=lambda line: line["id"]))


def _tell(decision: Decision) -> dict[str, str]:
    last = decision.decisive
    readers = dict.fromkeys(answer.reader for answer in decision.readings)
    notes = dict.fromkeys(answer.note for answer in decision.readings if answer.note)
    return {
        "id": decision.row.id,
        "text_sha": decision.row.text_sha,
        "label": decision.label or "",
        "reviewer": " ".join(readers),
        "reviewed_at": last.at,
        "note": " / ".join(" ".join(note.split()) for note in notes),
    }


def _source(decision: Decision) -> str:
    return "adjudicated" if decision.outcome == "adjudicated" else SOURCES[0]


def _drop_own(table: pd.DataFrame, answers: Iterable[Answer]) -> list[dict[str, str]]:
    """The lines that are not made of answers: no answer is about this text, of this time, with this label."""
    given = {(answer.id, answer.at, answer.label) for answer in answers}
    lines: list[dict[str, str]] = table.to_dict("records")
    return [line for line in lines if (line["id"], line["reviewed_at"], line["label"]) not in given]


def _tell_when(line: Mapping[str, str]) -> datetime:
    """The time of a line; a day is over at its end, and a line without a time is the newest."""
    try:
        time = datetime.fromisoformat(line["reviewed_at"].strip())
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)
    day = timedelta(days=1) if len(line["reviewed_at"].strip()) <= len("2026-01-31") else timedelta()
    return time.replace(tzinfo=time.tzinfo or UTC) + day


def _write_csv(path: Path, columns: Sequence[str], lines: Iterable[Mapping[str, str]]) -> None:
    """Replace a csv file, if it is not the same already."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    content = text.getvalue().encode()
    if not path.is_file() or path.read_bytes() != content:
        with written_whole(path) as half:
            half.write_bytes(content)
