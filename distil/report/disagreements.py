"""The test rows on which teacher and student give different labels, for the page to show."""

from typing import Any

import pandas as pd

from distil.forms.telling import load_telling
from distil.report.examples import Giver, lay_out
from distil.report.findings import Study

GIVERS = [Giver("teacher", "Teacher", "teacher"), Giver("student", "Student", "student")]


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
    """The first of the disagreements, laid out for the page; `pieces` are by people, teacher and student."""
    rows = find_disagreements(study).head(limit)
    rows = rows.astype(object).where(rows.notna(), None)
    form = load_telling(study.task.kind).examples
    return [
        lay_out(
            row.text, {"people": row.gold, "teacher": row.teacher, "student": row.student}, row.gold, row.reason, form
        )
        for row in rows.itertuples(index=False)
    ]
