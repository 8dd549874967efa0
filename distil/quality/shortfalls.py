"""Say where the student falls short on the test rows: of a baseline, or by much of its teacher.

A baseline is better where McNemar's exact test says so; over the baselines its p-values are adjusted by Holm's
procedure, so that one false warning of all is no likelier than 1 - confidence. A student is much worse than its teacher
where the whole interval of the paired difference lies beyond the margin and the exact test agrees: of few rows the
interval is too narrow. Without gold, answers are compared with the teacher's labels, and only baselines are judged.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distil.quality.bootstrap import Bootstrap
from distil.quality.comparison import TEACHER, Comparison, compare_right
from distil.quality.headline import is_baseline
from distil.quality.scores import Bools

WORSE_THAN_BASELINE = "worse_than_baseline"
WORSE_THAN_TEACHER = "worse_than_teacher"
SPOKEN = {  # systems in the middle of a sentence; one that is not here goes by its name
    TEACHER: "its teacher",
    "majority": "the commonest label alone",
    "tfidf": "logistic regression over words",
    "embeddings": "logistic regression over frozen embeddings",
    "few_shot": "logistic regression from a few labels by people",
}

Record = dict[str, Any]


def find_shortfalls(comparison: Comparison, served: str, bootstrap: Bootstrap, teacher_margin: float) -> list[Record]:
    """Compare the student that is served with the baselines, and against people's labels with the teacher.

    Returns:
        One record for each kind of shortfall that there is. `kind` is `WORSE_THAN_BASELINE` or `WORSE_THAN_TEACHER`,
        `finding` says it with its figures, `systems` lists those that are better, the best first: `difference` is the
        student's share of right answers less theirs, with its bounds, `p_value` McNemar's, of baselines adjusted.
    """
    right = comparison.mark_right()
    better = _find_better_baselines(right, served, bootstrap)
    records = [_record(WORSE_THAN_BASELINE, better, right, comparison, served, bootstrap.confidence)] if better else []
    if TEACHER in right:
        teacher = _compare(TEACHER, right[served], right[TEACHER], bootstrap)
        if teacher["difference_high"] < -teacher_margin and teacher["p_value"] <= 1 - bootstrap.confidence:
            record = _record(WORSE_THAN_TEACHER, [teacher], right, comparison, served, bootstrap.confidence)
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


def _find_better_baselines(right: dict[str, Bools], served: str, bootstrap: Bootstrap) -> list[Record]:
    found = [_compare(name, right[served], right[name], bootstrap) for name in right if is_baseline(name)]
    for record, p_value in zip(found, adjust_by_holm([record["p_value"] for record in found]), strict=True):
        record["p_value"] = float(p_value)
    better = [it for it in found if it["difference"] < 0 and it["p_value"] <= 1 - bootstrap.confidence]
    return sorted(better, key=lambda record: float(record["difference"]))


def _compare(name: str, student: Bools, other: Bools, bootstrap: Bootstrap) -> Record:
    found = compare_right(student, other, bootstrap, name)
    told = ("difference", "difference_low", "difference_high", "p_value")
    return {"system": name, **{key: found[key] for key in told}}


def _record(
    kind: str, better: list[Record], right: dict[str, Bools], comparison: Comparison, served: str, confidence: float
) -> Record:
    is_right = "is right on" if comparison.reference == "gold" else "gives the teacher's label on"
    others = "; ".join(_tell_better(better, right, confidence))
    finding = f"The student {is_right} {right[served].mean():.1%} of {len(right[served]):,} test texts, {others}."
    return {"kind": kind, "finding": finding, "systems": better}


def _tell_better(better: list[Record], right: dict[str, Bools], confidence: float) -> Iterator[str]:
    interval = f"{confidence:.0%} interval "
    for it in better:
        difference, low, high = (-100 * it[f"difference{end}"] for end in ("", "_high", "_low"))
        spoken = SPOKEN.get(it["system"], it["system"])
        share = right[it["system"]].mean()
        yield f"{spoken} on {share:.1%}: {difference:.1f} points more ({interval}{low:.1f} to {high:.1f})"
        interval = ""
