"""All that evaluate tells of the scored rows, in one record."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from distil.quality.asking import Rows
from distil.quality.breakdown import break_down
from distil.quality.comparison import TEACHER, Comparison, summarise
from distil.quality.notes import list_caveats
from distil.quality.pooling import note_pooling
from distil.quality.shared_errors import compare_teachers


def summarise_all(
    comparison: Comparison,
    scores: Mapping[str, Any],
    rows: Rows,
    labels: Sequence[str],
    served: str,
    confidence: float,
    notes: Sequence[str],
) -> dict[str, Any]:
    """All that evaluate tells: the scores, by agreement and by length, of each of several teachers, and what to know.

    `served` is the system that one would put into service; `notes` are added to those on the rows.
    """
    corrected = int(rows.corrected.iloc[comparison.rows].sum())
    caveats = list_caveats(comparison, labels, corrected)
    summary = summarise(comparison, scores, served, confidence, [*caveats, *notes])
    summary |= group_scores(comparison, rows, confidence)
    student = pd.Series(comparison.answers[served].labels, index=rows.test["id"])
    gold, pooled = rows.test.set_index("id")["gold"], rows.decided["teacher_label"]
    if teachers := compare_teachers(rows.votes, gold, pooled, student, confidence):
        summary["teachers"] = teachers
        summary["notes"] += note_pooling(teachers, confidence)
    return summary


def group_scores(comparison: Comparison, rows: Rows, confidence: float) -> dict[str, Any]:
    """The share that is right, by the share of the votes for the teacher's label, and by the number of words."""
    right = comparison.mark_right()
    teacher = comparison.systems[TEACHER]
    agreement = [
        None if label is None or shares is None else float(shares.max())
        for label, shares in zip(teacher.labels, teacher.probabilities, strict=True)
    ]
    told = np.flatnonzero(~rows.corrected.iloc[comparison.rows])
    words = [len(text.split()) for text in rows.test["text"].iloc[comparison.rows]]
    return {
        "by_agreement": break_down(
            [agreement[row] for row in told], {name: answers[told] for name, answers in right.items()}, confidence
        ),
        "by_words": break_down(words, right, confidence),
    }
