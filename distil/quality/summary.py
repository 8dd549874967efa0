"""All that evaluate tells of the scored rows, in one record."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from distil.quality.asking import Rows
from distil.quality.breakdown import break_down
from distil.quality.comparison import TEACHER, Comparison, summarise
from distil.quality.judging import Scoring
from distil.quality.notes import list_caveats
from distil.quality.pooling import note_pooling
from distil.quality.shared_errors import compare_teachers


def summarise_all(
    comparison: Comparison,
    scores: Mapping[str, Any],
    rows: Rows,
    scoring: Scoring,
    served: str,
    notes: Sequence[str],
) -> dict[str, Any]:
    """All that evaluate tells: the scores, by agreement and by length, of each of several teachers, and what to know.

    `served` is the system that one would put into service; `notes` are added to those on the rows.
    """
    corrected = int(rows.corrected.iloc[comparison.rows].sum())
    confidence = scoring.bootstrap.confidence
    caveats = list_caveats(comparison, scoring, corrected)
    summary = summarise(comparison, scores, scoring, served, [*caveats, *notes])
    summary |= group_scores(comparison, rows, scoring)
    student = pd.Series(comparison.answers[served].labels, index=rows.test["id"])
    gold, pooled = rows.test.set_index("id")["gold"], rows.decided["teacher_label"]
    if teachers := compare_teachers(rows.votes, gold, pooled, student, confidence):
        summary["teachers"] = teachers
        summary["notes"] += note_pooling(teachers, confidence)
    return summary


def group_scores(comparison: Comparison, rows: Rows, scoring: Scoring) -> dict[str, Any]:
    """The share of texts with the very same label, by how far the teacher's votes agree, and by the number of words."""
    confidence = scoring.bootstrap.confidence
    right = comparison.mark_right()
    teacher = comparison.systems[TEACHER]
    agreement = [
        None if label is None or shares is None else scoring.form.measure_consent(shares)
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
