"""The texts that people may be given to read, with all that is known of their labels."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from distil.core.ids import text_sha
from distil.core.params import TaskParams
from distil.core.tables import ANNOTATIONS, SUSPECTS, TEST, TEXTS, read_rows
from distil.forms.answering import Answers
from distil.forms.labelling import load_labelling
from distil.forms.telling import load_telling
from distil.labels.near_duplicates import find_clusters
from distil.labels.params import AggregateParams
from distil.quality.judging import load_judging
from distil.review.drawing import cast_lots


def gather_texts(
    texts: Path, annotations: Path, test: Path, task: TaskParams, params: AggregateParams, seed: int
) -> pd.DataFrame:
    """Every text but test rows that have gold, by id: text, text_sha, label, consent, lot, is_test.

    Label and consent are those of the teacher's votes, whatever people corrected; they may be missing.
    Raises `InputError` where a table is missing or damaged.
    """
    rows = read_rows(texts, TEXTS).set_index("id")
    tested = set(read_rows(test, TEST)["id"])
    rows["is_test"] = rows.index.isin(tested)
    rows = rows[~(rows["is_test"] & rows["gold"].notna())]
    votes, consent = load_labelling(task.kind).votes, load_judging(task.kind).measure_consent
    decided = votes.decide_labels(
        read_rows(annotations, ANNOTATIONS), task.labels, params.min_agreement, calibrated=params.calibrate
    ).reindex(rows.index)
    rows["text_sha"] = [text_sha(text) for text in rows["text"]]
    rows["label"] = decided["teacher_label"]
    rows["consent"] = [consent(soft) if isinstance(soft, np.ndarray) else np.nan for soft in decided["soft"]]
    rows["lot"] = cast_lots(rows.index, seed)
    return rows[["text", "text_sha", "label", "consent", "lot", "is_test"]]


def add_signs(rows: pd.DataFrame, said: Answers | None, suspects: Path, task: TaskParams) -> pd.DataFrame:
    """Add what speaks against the labels: what the student said, if it was asked, train's suspects, near-duplicates."""
    sure = load_telling(task.kind).examples.find_confidence
    if said is None:
        said = Answers([None] * len(rows), [None] * len(rows))
    found = read_rows(suspects, SUSPECTS).set_index("id") if suspects.is_file() else pd.DataFrame()
    told = found.reindex(index=rows.index, columns=["label", "suggested", "quality"])
    of_this_label = told["label"] == rows["label"]  # else it is of a label that the teacher does not give any more
    return rows.assign(
        student_label=pd.Series(list(said.labels), index=rows.index, dtype=object),
        student_sure=[_confide(sure, pair, task) for pair in zip(said.labels, said.probabilities, strict=True)],
        suggested=told["suggested"].where(of_this_label),
        quality=told["quality"].where(of_this_label).astype(np.float64),
        cluster=find_clusters(rows["text"].to_list()),
    )


def _confide(sure: Any, pair: tuple[str | None, Any], task: TaskParams) -> float:
    label, shares = pair
    return float(sure(label, shares, task.labels))
