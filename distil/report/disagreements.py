"""The test rows on which teacher and student give different labels, for the page to show."""

import re
from typing import Any

import pandas as pd

from distil.forms.telling import ExampleForm
from distil.kinds.telling import load_telling
from distil.report.findings import Study

SHOWN_CHARACTERS = 500  # of a text or reason
MARKER = re.compile(r"[A-Z/_-]*")  # FAIL, N/A, NONE: what a table has in the place of a reason that there is not


def find_disagreements(study: Study) -> pd.DataFrame:
    """The test rows on which teacher and served student give different labels, those the student is surest of first.

    Columns: id, text, gold, teacher, student, reason, confidence. Rows on which the teacher abstained are left out.
    """
    student = study.predictions[study.predictions["system"] == study.served]
    student = student.rename(columns={"label": "student"}).drop(columns="system")
    teacher = study.labels[["id", "teacher_label", "reason"]].rename(columns={"teacher_label": "teacher"})
    rows = study.test.merge(student, on="id").merge(teacher, on="id")
    rows = rows[rows["teacher"].notna() & (rows["teacher"] != rows["student"])].copy()
    find_confidence, labels = load_telling(study.task.kind).examples.find_confidence, study.task.labels
    rows["confidence"] = [
        find_confidence(label, shares, labels)
        for label, shares in zip(rows["student"], rows["probabilities"], strict=True)
    ]
    return rows.drop(columns="probabilities").sort_values(["confidence", "id"], ascending=[False, True])


def count_disagreements(study: Study) -> int:
    """On how many test rows teacher and served student give different labels."""
    return len(find_disagreements(study))


def list_examples(study: Study, limit: int) -> list[dict[str, Any]]:
    """The first of the disagreements, long texts cut; missing values, and reasons that are a mere marker, as None.

    `pieces` is what is shown of each label, by who gave it (people, teacher, student).
    """
    rows = find_disagreements(study).head(limit)
    rows = rows.astype(object).where(rows.notna(), None)
    examples = [dict(zip(rows.columns, row, strict=True)) for row in rows.itertuples(index=False)]
    for example in examples:
        if MARKER.fullmatch((example["reason"] or "").strip()):
            example["reason"] = None
    form = load_telling(study.task.kind).examples
    return [_lay_out(example, form) for example in examples]


def _lay_out(example: dict[str, Any], form: ExampleForm) -> dict[str, Any]:
    text, labels = example["text"], {"people": example["gold"], **{who: example[who] for who in ("teacher", "student")}}
    start, end = form.choose_excerpt(text, list(labels.values()), SHOWN_CHARACTERS)
    pieces = {who: form.cut_pieces(text, label, example["gold"], (start, end)) for who, label in labels.items()}
    reason = example["reason"]
    return example | {
        "pieces": pieces,
        "starts_within": start > 0,
        "ends_within": end < len(text),
        "text": cut(text, start, end),
        "reason": reason and cut(reason, 0, SHOWN_CHARACTERS),
    }


def cut(text: str, start: int, end: int) -> str:
    """A part of a text, with a sign where more of it was left out."""
    before, after = ("… " if start > 0 else ""), (" …" if end < len(text) else "")
    part = text[start:end]
    return before + (part.rstrip() if after else part) + after
