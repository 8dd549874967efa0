"""The headline metrics: what DVC compares between branches."""

import numpy as np
import pytest

from distil.forms.answering import Answers
from distil.kinds.classification.scoring import judging
from distil.quality.bootstrap import Bootstrap
from distil.quality.comparison import Comparison, compare, score_systems, summarise
from distil.quality.headline import find_best_baseline, pick_macro_f1, pick_score
from distil.quality.judging import Scoring

LABELS = ["bad", "good"]
GOLD = ["bad", "good", "good", "bad", "good"]
SCORING = Scoring(judging, LABELS, 10, Bootstrap(100, 0.95, 0))


def answer(*labels: str) -> Answers:
    return Answers(list(labels), [np.eye(2)[LABELS.index(label)] for label in labels])


SYSTEMS = {
    "teacher": answer("bad", "good", "good", "bad", "bad"),
    "student": answer("bad", "good", "good", "good", "bad"),
    "student_int8": answer("bad", "good", "bad", "good", "bad"),
    "student_onnx": answer("bad", "good", "good", "good", "bad"),
    "majority": answer(*["good"] * 5),
    "tfidf": answer("bad", "good", "bad", "good", "good"),
}


def summarise_systems(gold: list[str | None], served: str = "student_int8") -> dict[str, object]:
    comparison: Comparison = compare(gold, SYSTEMS)
    return summarise(comparison, score_systems(comparison, SCORING), SCORING, served, [])


def test_accuracies_and_the_gap_to_the_teacher_with_its_interval() -> None:
    headline = pick_score(summarise_systems([*GOLD]))
    assert headline["accuracy"] == {"student": 0.6, "int8": 0.4, "baseline": 0.6}
    assert headline["gap"] == -0.4
    assert headline["gap_low"] <= headline["gap"] <= headline["gap_high"]


def test_where_fp32_is_served_its_figures_go_by_its_name() -> None:
    headline = pick_score(summarise_systems([*GOLD], served="student_onnx"))
    assert headline["accuracy"] == {"student": 0.6, "fp32": 0.6, "baseline": 0.6}
    assert headline["gap"] == pytest.approx(-0.2)


def test_the_baseline_is_the_best_one_in_both_files() -> None:
    summary = summarise_systems([*GOLD])
    assert find_best_baseline(summary) == "majority"  # as accurate as tfidf, and before it
    assert pick_macro_f1(summary)["macro_f1"]["baseline"] == 0.375


def test_without_gold_nothing_is_called_accuracy_and_there_is_no_gap() -> None:
    summary = summarise_systems([None] * 5)
    assert pick_score(summary) == {"agreement": {"student": 0.8, "int8": 0.6, "baseline": 0.4}}
    assert list(pick_macro_f1(summary)) == ["macro_f1_with_teacher"]
    assert set(pick_macro_f1(summary)["macro_f1_with_teacher"]) == {"student", "int8", "baseline"}
