"""Say where the student falls short on the test rows: of a baseline, or by much of its teacher.

A baseline is better where the kind's paired test says so (of one label a text McNemar's exact test, of others
randomisation of F1); over the baselines its p-values are adjusted by Holm's procedure, so that one false warning of all
is no likelier than 1 - confidence. A student is much worse than its teacher where the whole interval of the paired
difference lies beyond the margin and the test agrees: of few rows the interval is too narrow. Without gold, answers are
compared with the teacher's labels, and only baselines are judged.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distil.quality.comparison import TEACHER, Comparison
from distil.quality.headline import is_baseline
from distil.quality.judging import Scoring

WORSE_THAN_BASELINE = "worse_than_baseline"
WORSE_THAN_TEACHER = "worse_than_teacher"
SPOKEN = {  # systems in the middle of a sentence; one that is not here goes by its name
    TEACHER: "its teacher",
    "majority": "the commonest label alone",
    "most_frequent_set": "the commonest set of labels alone",
    "gazetteer": "a list of the names seen in training",
    "crf": "a CRF over the shapes of words",
    "tfidf": "logistic regression over words",
    "embeddings": "logistic regression over frozen embeddings",
    "few_shot": "logistic regression from a few labels by people",
}

Record = dict[str, Any]


def find_shortfalls(comparison: Comparison, served: str, scoring: Scoring, teacher_margin: float) -> list[Record]:
    """Compare the student that is served with the baselines, and against people's labels with the teacher.

    Returns:
        One record for each kind of shortfall that there is. `kind` is `WORSE_THAN_BASELINE` or `WORSE_THAN_TEACHER`,
        `finding` says it with its figures, `systems` lists those that are better, the best first: `difference` is the
        student's score less theirs, with its bounds, `p_value` that of the paired test, of baselines adjusted.
    """
    scored, alpha = comparison.scored, 1 - scoring.bootstrap.confidence
    better = _find_better_baselines(comparison, served, scoring)
    records = [_record(WORSE_THAN_BASELINE, better, comparison, served, scoring)] if better else []
    if TEACHER in scored:
        teacher = _compare(TEACHER, comparison, served, scoring)
        high = teacher["difference"] if teacher["difference_high"] is None else teacher["difference_high"]
        if high < -teacher_margin and teacher["p_value"] <= alpha:
            record = _record(WORSE_THAN_TEACHER, [teacher], comparison, served, scoring)
            records.append(record | {"margin": teacher_margin})
    return records


def adjust_by_holm(p_values: Sequence[float]) -> NDArray[np.float64]:
    """Adjust p-values so that those at most alpha may be rejected together, with one false rejection at that chance.

    Source: Holm 1979, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of Statistics 6.
    """
    given = np.asarray(p_values, dtype=float)
    order = np.argsort(given, kind="stable")
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1)), 1)
    return adjusted


def _find_better_baselines(comparison: Comparison, served: str, scoring: Scoring) -> list[Record]:
    found = [_compare(name, comparison, served, scoring) for name in comparison.scored if is_baseline(name)]
    for record, p_value in zip(found, adjust_by_holm([record["p_value"] for record in found]), strict=True):
        record["p_value"] = float(p_value)
    better = [it for it in found if it["difference"] < 0 and it["p_value"] <= 1 - scoring.bootstrap.confidence]
    return sorted(better, key=lambda record: float(record["difference"]))


def _compare(name: str, comparison: Comparison, served: str, scoring: Scoring) -> Record:
    scored = comparison.scored
    found = scoring.compare(comparison.actual, scored[served], scored[name], name)
    told = ("difference", "difference_low", "difference_high", "p_value")
    return {"system": name, **{key: found[key] for key in told}}


def _record(kind: str, better: list[Record], comparison: Comparison, served: str, scoring: Scoring) -> Record:
    wording, rows = scoring.form.WORDING, len(comparison.actual)
    has = wording.gold if comparison.reference == "gold" else wording.teacher
    score = scoring.reckon(comparison.actual, comparison.scored[served])
    others = "; ".join(_tell_better(better, comparison, scoring))
    finding = f"The student {has} {score:.1%} {wording.of} {rows:,} test texts, {others}."
    return {"kind": kind, "finding": finding, "systems": better}


def _tell_better(better: list[Record], comparison: Comparison, scoring: Scoring) -> Iterator[str]:
    interval = f"{scoring.bootstrap.confidence:.0%} interval "
    for it in better:
        spoken = SPOKEN.get(it["system"], it["system"])
        score = scoring.reckon(comparison.actual, comparison.scored[it["system"]])
        told = f"{spoken} {scoring.form.WORDING.other} {score:.1%}: {-100 * it['difference']:.1f} points more"
        if it["difference_low"] is None:  # every sample of rows gives the same
            yield told
            continue
        yield f"{told} ({interval}{-100 * it['difference_high']:.1f} to {-100 * it['difference_low']:.1f})"
        interval = ""
