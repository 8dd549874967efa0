"""What evaluate tells, where a text has several labels or spans: the same record as of one label, by micro F1."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from distil.core.params import Kind
from distil.forms.answering import Answers
from distil.kinds.multi_label.labelling.canonical.label import write_label as write_set
from distil.kinds.token_classification.labelling.canonical.label import write_label as write_spans
from distil.quality.asking import Rows
from distil.quality.bootstrap import Bootstrap
from distil.quality.comparison import Comparison, compare, score_systems
from distil.quality.headline import find_best_baseline, pick_macro_f1, pick_score
from distil.quality.judging import Scoring, load_judging
from distil.quality.shortfalls import find_shortfalls
from distil.quality.summary import summarise_all
from distil.quality.tables import list_calibration, list_confusions, list_predictions, list_scores

ROWS = 60
LABELS = ["a", "b", "c"]
NAMED = [["a"], ["a", "b"], [], ["b"]] * (ROWS // 4)
SERVED = "student_int8"


def make_set(names: list[str]) -> str:
    return write_set(names)


def make_spans(names: list[str]) -> str:
    return write_spans((3 * place, 3 * place + 2, name) for place, name in enumerate(names))


MAKERS: dict[Kind, Callable[[list[str]], str]] = {"multi_label": make_set, "token_classification": make_spans}
KINDS = list(MAKERS)
F1 = {"multi_label": "a micro F1", "token_classification": "an exact F1"}


def answer(kind: Kind, wrong: range) -> Answers:
    """Answers that name what no text has on some rows; each label is given with a probability of 0.8."""
    labels = [MAKERS[kind](["c"] if row in wrong else names) for row, names in enumerate(NAMED)]
    soft = {
        "multi_label": np.full(3, 0.8),
        "token_classification": np.array([0, 2, 0, 0.8, 0, 2, 1, 0.8, 0, 2, 2, 0.8]),
    }
    return Answers(labels, [soft[kind]] * ROWS)


def compare_to(kind: Kind, *, gold: bool = True, **wrong: range) -> tuple[Comparison, Scoring]:
    known = [MAKERS[kind](names) if gold else None for names in NAMED]
    systems = {name: answer(kind, rows) for name, rows in ({"teacher": range(0)} | wrong).items()}
    return compare(known, systems), Scoring(load_judging(kind), LABELS, 10, Bootstrap(200, 0.95, 0))


@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_record(kind: Kind) -> None:
    comparison, scoring = compare_to(
        kind, teacher=range(6), student=range(8), student_int8=range(3, 12), tfidf=range(9)
    )
    ids = [str(row) for row in range(ROWS)]
    test = pd.DataFrame({"id": ids, "text": ["some words"] * ROWS})
    test["gold"] = comparison.actual
    teacher = comparison.answers["teacher"]
    decided = pd.DataFrame({"teacher_label": teacher.labels, "source": "teacher"}, index=ids)
    votes = pd.DataFrame({"id": ids * 2, "teacher": ["x"] * ROWS + ["y"] * ROWS, "vote": 1})
    votes["label"] = [*teacher.labels, *comparison.actual]
    found = score_systems(comparison, scoring)
    summary = summarise_all(comparison, found, Rows(test, decided, votes), scoring, SERVED, ["A note."])
    assert (summary["score"], summary["headline"][:2]) == ("micro_f1", ["micro_f1", "macro_f1"])
    student = summary["systems"][SERVED]
    assert student["exact_match"] == 1 - 9 / ROWS
    assert student["agreement_with_teacher"] == 1 - 9 / ROWS, "three wrong rows are common to both"
    errors = student["with_teacher"]
    assert (errors["both_wrong"], errors["same_wrong_label"]) == (3, 3)
    assert errors["expected_both_wrong"] == pytest.approx(0.9)
    assert student["vs_teacher"]["difference"] == pytest.approx(student["micro_f1"] - found["teacher"]["micro_f1"])
    assert summary["teachers"]["accuracy"] == {"x": 0.9, "y": 1.0}, "by the very same label"
    assert summary["by_words"][0]["systems"][SERVED] == 1 - 9 / ROWS
    assert pick_score(summary)["micro_f1"] == {
        "student": found["student"]["micro_f1"],
        "int8": student["micro_f1"],
        "baseline": found["tfidf"]["micro_f1"],
    }
    assert pick_score(summary)["gap"] == student["vs_teacher"]["difference"]
    assert set(pick_macro_f1(summary)["macro_f1"]) == {"student", "int8", "baseline"}


@pytest.mark.parametrize("kind", KINDS)
def test_without_gold_every_score_says_by_what_it_is(kind: Kind) -> None:
    comparison, scoring = compare_to(kind, gold=False, student=range(8), student_int8=range(9), tfidf=range(4))
    found = score_systems(comparison, scoring)
    assert list(found) == ["student", "student_int8", "tfidf"]
    scores = found[SERVED]
    assert scores["exact_match_with_teacher"] == 1 - 9 / ROWS
    assert scores["micro_f1_with_teacher_low"] < scores["micro_f1_with_teacher"]
    assert not [name for name in scores if "with_teacher" not in name]
    summary = {"reference": "teacher", "score": "micro_f1_with_teacher", "served": SERVED, "systems": found}
    assert find_best_baseline(summary) == "tfidf"
    assert list(pick_score(summary)) == ["micro_f1_with_teacher"]
    assert list(list_calibration(comparison, scoring)) == ["system", "confidence", "precision_with_teacher", "rows"]


@pytest.mark.parametrize("kind", KINDS)
def test_tables(kind: Kind) -> None:
    comparison, scoring = compare_to(kind, student_int8=range(2))
    scores = list_scores(comparison, score_systems(comparison, scoring), scoring)
    assert scores["score"].tolist() == pytest.approx([1, 2 * 57 / (60 + 59)])
    confusions = list_confusions(comparison, SERVED, scoring)
    assert len(confusions) > ROWS and set(confusions["predicted"]) == {"a", "b", "c", "none"}
    marked = pd.DataFrame(list_predictions(pd.Series(map(str, range(ROWS))), comparison))
    assert marked.groupby("system")["right"].sum().to_dict() == {"student_int8": ROWS - 2, "teacher": ROWS}


@pytest.mark.parametrize("kind", KINDS)
def test_where_the_student_falls_short_it_is_told_by_f1(kind: Kind) -> None:
    comparison, scoring = compare_to(kind, student_int8=range(20), tfidf=range(4), embeddings=range(30))
    baseline, teacher = find_shortfalls(comparison, SERVED, scoring, 0.05)
    assert [it["system"] for it in baseline["systems"]] == ["tfidf"]
    assert baseline["finding"].startswith(f"The student has {F1[kind]} of ")
    assert " on 60 test texts, logistic regression over words one of " in baseline["finding"]
    assert ", its teacher one of 100.0%: " in teacher["finding"]
    without, scoring = compare_to(kind, gold=False, student_int8=range(20), tfidf=range(4))
    (warning,) = find_shortfalls(without, SERVED, scoring, 0.05)
    assert warning["finding"].startswith(f"The student has, by the teacher's labels, {F1[kind]} of ")


@pytest.mark.parametrize("kind", KINDS)
def test_a_difference_that_every_sample_has_is_told_without_an_interval(kind: Kind) -> None:
    comparison, scoring = compare_to(kind, student_int8=range(ROWS))
    (warning,) = find_shortfalls(comparison, SERVED, scoring, 0.05)
    assert warning["systems"][0]["difference_low"] is None
    assert warning["finding"].endswith("its teacher one of 100.0%: 100.0 points more.")
