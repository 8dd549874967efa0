"""The test rows on which teacher and student give different labels, for the page to show."""

import re
from typing import Any

import numpy as np
import pandas as pd

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
    rows["confidence"] = [_find_maximum(shares) for shares in rows["probabilities"]]
    return rows.drop(columns="probabilities").sort_values(["confidence", "id"], ascending=[False, True])


def count_disagreements(study: Study) -> int:
    """On how many test rows teacher and served student give different labels."""
    return len(find_disagreements(study))


def list_examples(study: Study, limit: int) -> list[dict[str, Any]]:
    """The first of the disagreements, long texts cut; missing values, and reasons that are a mere marker, as None."""
    rows = find_disagreements(study).head(limit)
    rows = rows.astype(object).where(rows.notna(), None)
    examples = [dict(zip(rows.columns, row, strict=True)) for row in rows.itertuples(index=False)]
    for example in examples:
        if MARKER.fullmatch((example["reason"] or "").strip()):
            example["reason"] = None
    return [example | {key: _cut(example[key]) for key in ("text", "reason")} for example in examples]


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= SHOWN_CHARACTERS:
        return text
    return text[:SHOWN_CHARACTERS].rstrip() + " …"


def _find_maximum(shares: Any) -> float:
    return float(np.max(shares)) if shares is not None and len(shares) else 0.0
