"""Where the student falls short: of a baseline, of its teacher, of neither, and without people's labels."""

import re

import numpy as np
import pytest

from distil.forms.answering import Answers, Labels
from distil.kinds.classification.scoring import judging
from distil.quality.bootstrap import Bootstrap
from distil.quality.comparison import Comparison, compare
from distil.quality.judging import Scoring
from distil.quality.shortfalls import WORSE_THAN_BASELINE, WORSE_THAN_TEACHER, adjust_by_holm, find_shortfalls

ROWS = 200
GOLD = ["a", "b"] * (ROWS // 2)
SCORING = Scoring(judging, ["a", "b"], 1, Bootstrap(samples=500, confidence=0.95, seed=0))
MARGIN = 0.05


def answer(wrong: range) -> Answers:
    """Answers that are wrong on some rows."""
    labels = [("b" if label == "a" else "a") if row in wrong else label for row, label in enumerate(GOLD)]
    return Answers(labels, [None] * ROWS)


def compare_to(gold: Labels = GOLD, **wrong: range) -> Comparison:
    systems = {"teacher": range(0)} | wrong
    return compare(gold, {name: answer(rows) for name, rows in systems.items()})


def test_a_student_that_is_no_worse_is_not_warned_of() -> None:
    comparison = compare_to(student_int8=range(8), tfidf=range(4, 10), embeddings=range(100))
    assert find_shortfalls(comparison, "student_int8", SCORING, MARGIN) == []


def test_every_baseline_that_is_better_is_told_the_best_first() -> None:
    comparison = compare_to(
        teacher=range(60),
        student=range(0),
        student_int8=range(80),
        majority=range(90),
        tfidf=range(50),
        embeddings=range(30),
        own=range(80),
    )
    (warning,) = find_shortfalls(comparison, "student_int8", SCORING, 0.2)
    assert warning["kind"] == WORSE_THAN_BASELINE
    assert [it["system"] for it in warning["systems"]] == ["embeddings", "tfidf"]
    best, second = warning["systems"]
    assert best["difference"] == -0.25 and best["difference_low"] < -0.25 < best["difference_high"] < -0.15
    assert best["p_value"] == pytest.approx(4 * 2 * 0.5**50), "the smallest of four"
    assert second["p_value"] == pytest.approx(3 * 2 * 0.5**30)
    assert warning["finding"].startswith(
        "The student is right on 60.0% of 200 test texts, logistic regression over frozen embeddings on 85.0%: "
        "25.0 points more (95% interval "
    )
    assert "; logistic regression over words on 75.0%: 15.0 points more (" in warning["finding"]


def test_a_baseline_that_has_no_words_of_its_own_goes_by_its_name() -> None:
    comparison = compare_to(teacher=range(60), student_int8=range(80), own=range(20), other=range(40))
    (warning,) = find_shortfalls(comparison, "student_int8", SCORING, 0.2)
    assert ", own on 90.0%: 30.0 points more (95% interval " in warning["finding"]
    assert re.search(r"; other on 80\.0%: 20\.0 points more \(\d", warning["finding"])
    assert warning["finding"].count("interval") == 1 and warning["finding"].endswith(").")


def test_the_system_that_is_served_is_the_one_that_is_judged() -> None:
    comparison = compare_to(student_int8=range(80), student_onnx=range(0), tfidf=range(20))
    assert find_shortfalls(comparison, "student_onnx", SCORING, MARGIN) == []


def test_a_difference_that_one_test_would_call_proven_may_be_chance_among_several() -> None:
    student, tfidf = range(26), range(20)
    comparison = compare_to(teacher=student, student_int8=student, tfidf=tfidf)
    assert [it["kind"] for it in find_shortfalls(comparison, "student_int8", SCORING, MARGIN)] == [WORSE_THAN_BASELINE]
    comparison = compare_to(teacher=student, student_int8=student, tfidf=tfidf, majority=range(100), embeddings=student)
    assert find_shortfalls(comparison, "student_int8", SCORING, MARGIN) == []


@pytest.mark.parametrize(("margin", "warned"), [(0.05, True), (0.1, False), (0.0, True)])
def test_much_worse_than_the_teacher_is_beyond_the_margin_with_the_whole_interval(margin: float, warned: bool) -> None:
    comparison = compare_to(student_int8=range(24), tfidf=range(100))
    warnings = find_shortfalls(comparison, "student_int8", SCORING, margin)
    assert [it["kind"] for it in warnings] == warned * [WORSE_THAN_TEACHER]
    if warned:
        assert warnings[0]["margin"] == margin
        assert warnings[0]["finding"].startswith(
            "The student is right on 88.0% of 200 test texts, its teacher on 100.0%: 12.0 points more (95% interval "
        )


def test_few_rows_prove_nothing() -> None:
    gold = ["a"] * 10
    student = Answers(["a"] * 5 + ["b"] * 5, [None] * 10)
    systems = {"teacher": Answers(gold, [None] * 10), "student_int8": student, "tfidf": Answers(gold, [None] * 10)}
    _, high = SCORING.bootstrap.bound_difference(0, 5, 10)
    assert high is not None and high < -MARGIN, "as an interval alone would have it"
    assert find_shortfalls(compare(gold, systems), "student_int8", SCORING, MARGIN) == []


def test_without_gold_baselines_alone_are_compared_by_the_teacher_s_labels() -> None:
    comparison = compare_to([None] * ROWS, student_int8=range(80), tfidf=range(50))
    (warning,) = find_shortfalls(comparison, "student_int8", SCORING, MARGIN)
    assert warning["kind"] == WORSE_THAN_BASELINE
    assert warning["finding"].startswith("The student gives the teacher's label on 60.0% of 200 test texts, logistic")


def test_holm_steps_down_and_never_falls() -> None:
    assert adjust_by_holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert adjust_by_holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert adjust_by_holm([0.9, 0.8]) == pytest.approx([1, 1])
    assert adjust_by_holm([0.5, 0.9]).tolist() == [1.0, 1.0]
    assert np.array_equal(adjust_by_holm([]), [])
