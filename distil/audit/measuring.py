"""What an audit tells of teacher and student: estimates with intervals for all texts, from the rows that people read.

The rows were drawn at random within strata and are no training rows, so they speak for all texts that were to be drawn;
the scores on test rows are another thing and stand elsewhere. Where the study has no gold, its test rows are a random
part of the same texts, which nobody read but on which student and teacher can be compared: that is a second opinion on
all of them, by which the estimates are corrected (`distil.audit.estimates`).
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from distil.audit.estimates import (
    Estimate,
    Known,
    Sample,
    count_more_rows,
    estimate_ratio,
    estimate_share,
    number_strata,
)
from distil.audit.rows import KNOWN, OPEN, read_audit_rows
from distil.forms.answering import Answers, Labels
from distil.quality.decisions import NONE
from distil.quality.judging import JudgeForm

TEACHER, STUDENT = "teacher", "student"


class Audit(NamedTuple):
    """The rows of review/audit.csv with `text`, `teacher_label` and `soft`, and what they were drawn of."""

    rows: pd.DataFrame
    gone: int  # rows of which the text is not in the data any more
    texts: int  # that could be drawn: all but test rows that have gold
    answered: int  # of these the teacher has a label
    random_test: bool  # whether test rows are a random part of them


class SecondOpinion(NamedTuple):
    """On how many test rows that nobody labelled, and that were drawn at random, teacher and student were compared."""

    rows: int
    agreed: int


def open_audit(path: Path, texts: pd.DataFrame, test: pd.Series, labels: pd.DataFrame) -> Audit:
    """Read the audited rows; `texts` are rows of `tables.TEXTS`, `test` ids of test rows, `labels` of `tables.LABELS`.

    Raises `InputError` for a file that is not right.
    """
    rows = read_audit_rows(path)
    known, told = texts.set_index("id")["text"], labels.set_index("id")[["teacher_label", "soft", "source"]]
    told["soft"] = told["soft"].where(told.pop("source") == "teacher")  # elsewhere they are people's
    there = rows[rows["id"].isin(known.index)].reset_index(drop=True)
    there["text"] = known.reindex(there["id"]).to_numpy()
    there["teacher_label"], there["soft"] = (told[name].reindex(there["id"]).to_numpy() for name in told)
    drawable = texts.loc[~(texts["id"].isin(test) & texts["gold"].notna()), "id"]
    return Audit(
        rows=there,
        gone=len(rows) - len(there),
        texts=len(drawable),
        answered=int(told["teacher_label"].reindex(drawable).notna().sum()),
        random_test=not (texts["gold"].notna().any() or (texts["split"] == "test").any()),
    )


def find_second_opinion(audit: Audit, teacher: Labels, student: Labels) -> SecondOpinion | None:
    """Compare the labels of the test rows; null where these are other texts than those that the audit is about."""
    if not audit.random_test:
        return None
    pairs = [(said, label) for label, said in zip(teacher, student, strict=True) if label is not None]
    return SecondOpinion(len(pairs), sum(said == label for said, label in pairs)) if pairs else None


def measure_audit(
    audit: Audit,
    student: Labels,
    second: SecondOpinion | None,
    form: JudgeForm,
    confidence: float,
) -> dict[str, Any]:
    """The figures: counts of the rows, and for each system its estimates; none without a row that got a label.

    `student` are the student's labels of the audit's rows.
    """
    rows = audit.rows
    outcomes = rows["status"].value_counts()
    counted = {name: int(outcomes.get(name, 0)) for name in OPEN}
    labelled = rows["status"].isin(KNOWN).to_numpy()
    found: dict[str, Any] = {
        "rows": len(rows),
        "labelled": int(labelled.sum()),
        **counted,
        "gone": audit.gone,
        "texts": audit.texts,
        "confidence": confidence,
        "score": name_share(form),
        "second_opinion": None if second is None else second._asdict(),
        "strata": list(_count_strata(rows, form)),
        "systems": {},
    }
    if labelled.any():
        teacher = [label if isinstance(label, str) else None for label in rows["teacher_label"]]
        said = {TEACHER: teacher, STUDENT: student}
        found["systems"] = {name: _estimate(name, audit, said, second, form, confidence) for name in said}
    return found


def _count_strata(rows: pd.DataFrame, form: JudgeForm) -> Iterator[dict[str, Any]]:
    """Of each stratum how many texts it stands for and how many were read, those with most texts first.

    `labels` are those that the teacher gave the rows that were looked at, as far as they name any, and `abstained` the
    rows that it gave no answer; `agreement` is the mean share of the votes that agree.
    """
    sizes = rows.groupby("stratum")["stratum_texts"].max().sort_values(ascending=False, kind="stable")
    for stratum, texts in sizes.items():
        inside = rows[rows["stratum"] == stratum]
        named = Counter(name for label in inside["teacher_label"].dropna() for name in set(form.name_labels(label)))
        consents = [form.measure_consent(soft) for soft in inside["soft"] if isinstance(soft, np.ndarray)]
        yield {
            "texts": int(texts),
            "rows": len(inside),
            "labelled": int(inside["status"].isin(KNOWN).sum()),
            "labels": [name for name, _ in named.most_common()],
            "abstained": int(inside["teacher_label"].isna().sum()),
            "agreement": float(np.mean(consents)) if consents else None,
        }


def name_share(form: JudgeForm) -> str:
    """What the share of texts is called on which a label is the very one that people gave."""
    return "accuracy" if "accuracy" in form.HEADLINE else "exact_match"


def pick_trust(found: Mapping[str, Any]) -> dict[str, Any]:
    """What one compares between branches: the rows, and the estimate of each system with its bounds."""
    score = found["score"]
    told = {name: {key: system[key] for key in (score, "low", "high")} for name, system in found["systems"].items()}
    return {"audited": found["labelled"], **told}


def describe_trust(found: Mapping[str, Any]) -> str:
    """The estimates in one line."""
    score = found["score"]
    told = [f"{name} {it[score]:.3f} [{it['low']:.3f}, {it['high']:.3f}]" for name, it in found["systems"].items()]
    return (
        f"{found['labelled']:,} rows that people read blind, {score.replace('_', ' ')} of all texts: {', '.join(told)}"
    )


def _estimate(
    name: str,
    audit: Audit,
    answers: Mapping[str, Labels],
    second: SecondOpinion | None,
    form: JudgeForm,
    confidence: float,
) -> dict[str, Any]:
    """Estimates of a system: of the teacher for these texts, of the student for texts like them."""
    rows, all_texts = audit.rows, name == TEACHER
    labelled = rows["status"].isin(KNOWN).to_numpy()
    said = answers[name]
    right = np.array([label == known for label, known in zip(said, rows["label"], strict=True)], dtype=np.float64)
    same = np.array(
        [one is not None and one == other for one, other in zip(answers[TEACHER], answers[STUDENT], strict=True)],
        dtype=np.float64,
    )
    known = [] if second is None else [_weigh_opinion(second, audit, same[labelled])]
    sample = _sample(rows[labelled], right[labelled])
    share = estimate_share(sample, known, confidence=confidence, all_texts=all_texts)
    figures: dict[str, Any] = {
        name_share(form): share.value,
        "low": share.low,
        "high": share.high,
        "method": "prediction-powered" if share.powered else "stratified",
        "effective_rows": round(share.effective_rows),
        "more_rows_to_halve": count_more_rows(share, audit.texts if all_texts else None),
        "if_unanswered_wrong": _tell_bounds(
            estimate_share(_sample(rows, right), confidence=confidence, all_texts=all_texts)
        ),
    }
    if form.HEADLINE[0] == "micro_f1":
        pairs = [pair for pair, counts in zip(zip(rows["label"], said, strict=True), labelled, strict=True) if counts]
        counts = np.array([count_decisions(*pair, form) for pair in pairs], dtype=np.float64)
        doubled = _sample(rows[labelled], 2 * counts[:, 0])
        f1 = estimate_ratio(doubled, counts[:, 1], confidence=confidence, all_texts=all_texts)
        figures["micro_f1"] = None if f1 is None else asdict(f1)
    return figures


def _weigh_opinion(second: SecondOpinion, audit: Audit, sampled: np.ndarray) -> Known:
    """Test rows are texts that the teacher labelled; on the others it agrees with nobody."""
    answered, agreed = audit.answered / audit.texts, second.agreed / second.rows
    return Known(sampled, answered * agreed, answered**2 * agreed * (1 - agreed) / second.rows)


def _sample(rows: pd.DataFrame, values: np.ndarray) -> Sample:
    return Sample(values, *number_strata(rows["stratum"].tolist(), rows["stratum_texts"].tolist()))


def _tell_bounds(estimate: Estimate) -> dict[str, float]:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}


def count_decisions(known: str, said: str | None, form: JudgeForm) -> tuple[int, int]:
    """How many labels or spans of a text are right, and how many are known or said, both counted."""
    pairs = list(form.pair_decisions([known], Answers([said], [None])))
    return (
        sum(one == other != NONE for one, other in pairs),
        sum((one != NONE) + (other != NONE) for one, other in pairs),
    )
