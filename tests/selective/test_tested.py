"""The cascade on test rows: whose answer counts, what it reaches, and that nothing takes it for a baseline."""

import numpy as np
import pytest

from distil.forms.answering import Answers
from distil.quality.comparison import Comparison, compare
from distil.quality.headline import find_best_baseline
from distil.selective.tested import add_cascade, list_curves, measure_areas, summarise_cascade

SURENESS = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
STUDENT = ["a", "b", "b", "a", "a"]
TEACHER = ["a", "b", "a", "b", None]
GOLD = ["a", "b", "b", "b", "a"]
CHOSEN = {"target": {"accuracy": 0.8}, "risk": 0.05, "calibration_rows": 99, "threshold": 0.7, "kept": 0.6}


def make_comparison(gold: bool = True) -> Comparison:
    nothing = [None] * len(GOLD)
    systems = {"teacher": Answers(TEACHER, nothing), "student_int8": Answers(STUDENT, nothing)}
    return compare(GOLD if gold else nothing, systems)


def test_the_teacher_answers_for_texts_that_the_student_is_not_sure_of() -> None:
    comparison = add_cascade(make_comparison(), "student_int8", SURENESS, 0.7)
    assert list(comparison.answers["cascade"].labels) == ["a", "b", "b", "b", None]
    assert list(comparison.mark_right()["cascade"]) == [True, True, True, True, False]
    assert add_cascade(comparison, "student_int8", SURENESS, None) is comparison


def test_what_came_out_is_told_beside_what_was_asked_for() -> None:
    comparison = add_cascade(make_comparison(), "student_int8", SURENESS, 0.7)
    found = summarise_cascade(comparison, "student_int8", SURENESS, CHOSEN, 0.95)
    assert found is not None
    assert (found["target"], found["calibration_rows"], found["threshold"]) == ({"accuracy": 0.8}, 99, 0.7)
    assert found["kept"] == pytest.approx({"share": 0.6, "low": 0.1466, "high": 0.9473, "rows": 5}, abs=1e-4)
    assert {name: told["share"] for name, told in found["right"].items()} == {
        "teacher": 0.6,
        "student_int8": 0.8,
        "cascade": 0.8,
    }
    assert found["reached"]["share"] == 0.8
    agreement = CHOSEN | {"target": {"agreement": 0.7}}
    of_teacher = summarise_cascade(comparison, "student_int8", SURENESS, agreement, 0.95)
    assert of_teacher is not None
    assert (of_teacher["reached"]["share"], of_teacher["reached"]["rows"]) == (0.75, 4), "of what the teacher labels"


def test_without_gold_it_is_agreement_and_the_teacher_is_no_system_of_its_own() -> None:
    comparison = add_cascade(make_comparison(gold=False), "student_int8", SURENESS, 0.7)
    found = summarise_cascade(comparison, "student_int8", SURENESS, CHOSEN | {"target": {"agreement": 0.7}}, 0.95)
    assert found is not None
    assert set(found["right"]) == {"student_int8", "cascade"}
    assert found["reached"]["share"] == found["right"]["cascade"]["share"] == 0.75


def test_where_none_is_certified_that_is_told_and_without_a_target_nothing() -> None:
    none = {**CHOSEN, "threshold": None, "why": "about 99 rows would do"}
    found = summarise_cascade(make_comparison(), "student_int8", SURENESS, none, 0.95)
    assert found is not None and found["why"] == "about 99 rows would do" and "kept" not in found
    assert summarise_cascade(make_comparison(), "student_int8", SURENESS, {"temperature": 1.0}, 0.95) is None


def test_curves_are_of_the_rows_that_have_a_reference() -> None:
    comparison = make_comparison(gold=False)
    curves = list_curves(comparison, {"student_int8": SURENESS}, 0.95)
    assert curves["kept"].tolist() == [0.25, 0.5, 0.75, 1.0]
    assert curves["right"].tolist() == pytest.approx([1, 1, 2 / 3, 0.5])
    told = measure_areas(comparison, {"student_int8": SURENESS})["student_int8"]
    assert told["error_rate"] == 0.5
    assert told["area_under_risk_coverage"] == pytest.approx((1 / 3 + 1 / 2) / 4)


def test_a_cascade_is_no_baseline() -> None:
    scores = {name: {"accuracy": value} for name, value in {"cascade": 0.9, "tfidf": 0.7, "student": 0.8}.items()}
    assert find_best_baseline({"score": "accuracy", "systems": scores}) == "tfidf"
