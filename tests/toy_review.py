"""A toy folder review/ with rows on both sheets, beside tables of texts and labels."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from distil.audit.rows import HEADER
from distil.core.ids import text_sha
from distil.core.tables import LABELS, TEXTS, write_rows
from distil.labels.corrections import COLUMNS
from distil.review.answers import Answer, append_answers
from distil.review.opening import Places
from distil.review.sheets import AUDIT, QUEUE, AuditRow, QueueRow, SheetName, write_sheet

NOON = "2026-01-31T12:00:{:02d}+00:00"


def write_review(folder: Path, texts: Sequence[str], teacher: Sequence[str | None], audited: int) -> Places:
    """Put the first texts on the audit and the others into the queue; returns where all of it is."""
    places = Places(folder / "review", folder / "texts.parquet", folder / "labels.parquet")
    places.folder.mkdir()
    (places.folder / "corrections.csv").write_text(",".join(COLUMNS) + "\n")
    (places.folder / "audit.csv").write_text(f"{HEADER}\n")
    shas = [text_sha(text) for text in texts]
    rows = [{"id": sha[:16], "text_sha": sha, "draw": 1, "seed": 0} for sha in shas]
    of_audit = {"stratum": "a", "stratum_texts": 10 * audited, "inclusion": 0.1}
    write_sheet(places.folder, AUDIT, [AuditRow.model_validate(row | of_audit) for row in rows[:audited]])
    why = ["the votes agree by 67%"]
    write_sheet(places.folder, QUEUE, [QueueRow.model_validate(row | {"why": why}) for row in rows[audited:]])
    write_rows(places.texts, TEXTS, [{"id": sha[:16], "text": text} for sha, text in zip(shas, texts, strict=True)])
    told: list[dict[str, Any]] = [
        {"id": sha[:16], "teacher_label": label, "label": label, "votes": 3, "reason": "since", "source": "teacher"}
        for sha, label in zip(shas, teacher, strict=True)
    ]
    write_rows(places.labels, LABELS, told)
    return places


def answer(
    places: Places, sheet: SheetName, texts: Iterable[str], label: str | None, reader: str = "anna", **fields: Any
) -> list[Answer]:
    """Answer rows in the name of a reader, one a second."""
    given = [
        Answer.model_validate(
            {
                "sheet": sheet,
                "id": text_sha(text)[:16],
                "text_sha": text_sha(text),
                "status": "unsure" if label is None else "labelled",
                "label": label,
                "reader": reader,
                "at": NOON.format(second),
            }
            | fields
        )
        for second, text in enumerate(texts)
    ]
    append_answers(places.folder, given)
    return given
