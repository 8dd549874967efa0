"""Ask every system the same test rows: the teacher for what it said, students and baselines as their kind is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from distil.core.errors import InputError
from distil.forms.answering import Answers, AskForm
from distil.quality.comparison import TEACHER, Comparison, compare


@dataclass(frozen=True)
class Rows:
    """What is scored: the test rows, what the teacher said of each, and each of its votes on any text."""

    test: pd.DataFrame  # id, text, gold
    decided: pd.DataFrame  # of `tables.LABELS`, indexed by id in the order of `test`
    votes: pd.DataFrame  # of `tables.ANNOTATIONS`

    @property
    def corrected(self) -> pd.Series:
        """Whether people corrected a row, which replaces the teacher's shares."""
        return self.decided["source"] != "teacher"


def ask_all(classifiers: Mapping[str, Any], rows: Rows, names: Sequence[str], form: AskForm) -> Comparison:
    """Set the teacher's answers and those of all classifiers beside people's labels."""
    texts = rows.test["text"].to_list()
    answers = {name: ask(name, classifier, texts, names, form) for name, classifier in classifiers.items()}
    return compare(_with_none(rows.test["gold"]), ask_teacher(rows) | answers)


def ask_teacher(rows: Rows) -> dict[str, Answers]:
    """The teacher's label before corrections; of one teacher that voted more than once, its first vote as well."""
    decided, votes = rows.decided, rows.votes
    shares = decided["soft"].mask(rows.corrected)
    systems = {TEACHER: Answers(_with_none(decided["teacher_label"]), _with_none(shares))}
    if votes["vote"].max() > 1 and votes["teacher"].nunique() == 1:
        first = votes[votes["vote"] == 1].set_index("id").reindex(decided.index)
        systems["teacher_first_vote"] = Answers(_with_none(first["label"]), [None] * len(decided))
    return systems


def ask(name: str, classifier: Any, texts: Sequence[str], labels: Sequence[str], form: AskForm) -> Answers:
    """What a classifier says of texts.

    Raises `InputError` if it was trained on other labels than the task's, or answers what is no number.
    """
    known = getattr(classifier, "labels", list(labels))  # a baseline that was just trained need not name them
    if known != list(labels):
        raise InputError(f"{name} knows {known}, but task.labels is {list(labels)}; run 'dvc repro'")
    with np.errstate(invalid="ignore"):  # what comes of it is told in one line
        answers = form.ask(classifier, texts, labels)
    if broken := sum(shares is not None and not np.isfinite(shares).all() for shares in answers.probabilities):
        remedy = "train it anew with a lower train.learning_rate or with train.precision: fp32"
        if name.startswith("student_"):  # the student itself was asked before, and answered
            remedy = "the student in torch does not, so write the file anew with 'dvc repro -s -f export'"
        raise InputError(f"{name} answers NaN to {broken:,} of {len(texts):,} test texts; {remedy}")
    return answers


def _with_none(values: pd.Series) -> list[Any]:
    return [None if missing else value for value, missing in zip(values, values.isna(), strict=True)]
