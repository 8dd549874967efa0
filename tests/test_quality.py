import pytest

from distil.errors import InputError
from distil.quality import Labels, Scoring, choose_reference, score_systems

SCORING = Scoring(["a", "b"], samples=200, confidence=0.95, seed=0)
GOLD = ["a", "a", "b", "b", None]
SYSTEMS: dict[str, Labels] = {
    "teacher": ["a", None, "b", "a", "a"],
    "teacher_first_vote": ["a", "a", "b", "a", "a"],
    "student_int8": ["a", "a", "a", "b", "b"],
}


def test_against_people() -> None:
    scores = score_systems(GOLD, SYSTEMS, SCORING)
    systems = scores.pop("systems")
    assert scores == {
        "reference": "gold",
        "rows": 4,
        "rows_without_reference": 1,
        "teacher_abstained": 1,
        "confidence": 0.95,
    }
    assert list(systems["student_int8"]) == [
        *("accuracy", "accuracy_low", "accuracy_high", "balanced_accuracy", "precision", "recall"),
        *("macro_f1", "macro_f1_low", "macro_f1_high", "micro_f1", "per_class", "agreement_with_teacher", "vs_teacher"),
    ]
    assert systems["teacher"]["accuracy"] == 0.5  # an abstention is wrong
    assert "vs_teacher" not in systems["teacher"]
    assert systems["student_int8"]["accuracy"] == 0.75
    assert systems["student_int8"]["agreement_with_teacher"] == pytest.approx(1 / 3)  # of the rows that it labelled
    assert systems["student_int8"]["vs_teacher"] == {"only_this_right": 2, "only_teacher_right": 1, "p_value": 1.0}
    for system in systems.values():
        assert system["accuracy_low"] <= system["accuracy"] <= system["accuracy_high"]


def test_without_gold_nothing_is_called_accuracy() -> None:
    scores = score_systems([None] * 5, SYSTEMS, SCORING)
    assert scores["reference"] == "teacher"
    assert scores["rows"] == 4
    assert scores["rows_without_reference"] == 1
    assert list(scores["systems"]) == ["student_int8"]
    student = scores["systems"]["student_int8"]
    assert list(student) == [
        *("agreement", "agreement_low", "agreement_high", "balanced_agreement"),
        *("precision_with_teacher", "recall_with_teacher"),
        *("macro_f1_with_teacher", "macro_f1_with_teacher_low", "macro_f1_with_teacher_high"),
        *("micro_f1_with_teacher", "per_class"),
    ]
    assert student["agreement"] == 0.25


def test_reference_is_gold_where_any_row_has_it() -> None:
    assert choose_reference([None, "a"], ["b", "b"]) == ("gold", [None, "a"])
    assert choose_reference([None, None], ["b", None]) == ("teacher", ["b", None])


def test_no_reference_at_all() -> None:
    with pytest.raises(InputError, match="no test row has a gold label or a label of the teacher"):
        score_systems([None], {"teacher": [None]}, SCORING)
