from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from distil.core.errors import InputError
from distil.forms.answering import Answers, Labels
from distil.kinds.classification.scoring import judging
from distil.quality.bootstrap import Bootstrap
from distil.quality.comparison import Comparison, choose_reference, compare, score_systems, summarise
from distil.quality.judging import Scoring
from distil.quality.notes import list_caveats, note_cut
from distil.quality.tables import list_calibration, list_confusions, list_predictions, list_scores

SCORING = Scoring(judging, ["a", "b"], 10, Bootstrap(samples=200, confidence=0.95, seed=0))
GOLD = ["a", "a", "b", "b", None]
BOUNDED = ("accuracy", "balanced_accuracy", "precision", "recall", "macro_f1", "micro_f1")


def make_answers(labels: Labels, share: float | None = 0.8) -> Answers:
    """Answers whose label has the given probability; an abstention has none for either label."""
    shares = {"a": (share, 1 - share), "b": (1 - share, share), None: (0.5, 0.5)} if share else {}
    return Answers(labels, [np.array(shares[label]) if shares else None for label in labels])


SYSTEMS = {
    "teacher": make_answers(["a", None, "b", "a", "a"]),
    "teacher_first_vote": make_answers(["a", "a", "b", "a", "a"], share=None),
    "student_int8": make_answers(["a", "a", "a", "b", "b"]),
}
WITHOUT_GOLD = compare([None] * 5, SYSTEMS)


def test_against_people() -> None:
    comparison = compare(GOLD, SYSTEMS)
    systems = score_systems(comparison, SCORING)
    assert list(systems) == list(SYSTEMS)
    assert list(systems["student_int8"]) == [
        *(f"{name}{end}" for name in BOUNDED for end in ("", "_low", "_high")),
        *("per_class", "confusion", "calibration", "agreement_with_teacher", "vs_teacher", "with_teacher"),
    ]
    assert systems["teacher"]["accuracy"] == 0.5  # an abstention is wrong
    assert systems["teacher"]["confusion"] == [[1, 0, 1], [1, 1, 0]]
    assert not {"vs_teacher", "with_teacher"} & set(systems["teacher"])
    assert systems["student_int8"]["accuracy"] == 0.75
    assert systems["student_int8"]["agreement_with_teacher"] == pytest.approx(1 / 3)  # of the rows that it labelled
    for system in systems.values():
        for name in BOUNDED:
            assert system[f"{name}_low"] <= system[name] <= system[f"{name}_high"]


def test_calibration_leaves_abstentions_out_and_is_null_without_probabilities() -> None:
    systems = score_systems(compare(GOLD, SYSTEMS), SCORING)
    assert systems["teacher_first_vote"]["calibration"] is None
    teacher = systems["teacher"]["calibration"]
    assert teacher["rows"] == 3
    assert teacher["ece"] == pytest.approx(0.8 - 2 / 3)
    assert teacher["brier"] == pytest.approx((0.08 + 0.08 + 1.28) / 3)


def test_difference_to_the_teacher() -> None:
    found = score_systems(compare(GOLD, SYSTEMS), SCORING)["student_int8"]["vs_teacher"]
    assert (found["only_this_right"], found["only_teacher_right"], found["p_value"]) == (2, 1, 1.0)
    assert found["difference"] == 0.25
    assert -1 <= found["difference_low"] < 0.25 < found["difference_high"] <= 1


def test_errors_shared_with_the_teacher() -> None:
    gold = ["a", "a", "b", "b", "a", "b"]
    teacher = make_answers(["b", "b", "a", "b", None, "b"])  # wrong on 4 of 6
    student = make_answers(["b", "a", "a", "b", None, "a"])  # wrong on 4 of 6, on 3 of them with the teacher
    scores = score_systems(compare(gold, {"teacher": teacher, "student": student}), SCORING)
    assert scores["student"]["with_teacher"] == {
        "both_wrong": 3,
        "expected_both_wrong": pytest.approx(6 * (4 / 6) * (4 / 6)),
        "same_wrong_label": 2,  # on the fifth row both say nothing
    }


def test_without_gold_nothing_is_called_accuracy() -> None:
    systems = score_systems(WITHOUT_GOLD, SCORING)
    assert list(systems) == ["student_int8"]
    assert list(systems["student_int8"]) == [
        *(f"{name}{end}" for name in ("agreement", "balanced_agreement") for end in ("", "_low", "_high")),
        *(f"{name}_with_teacher{end}" for name in BOUNDED[2:] for end in ("", "_low", "_high")),
        *("per_class_with_teacher", "confusion_with_teacher", "calibration_with_teacher"),
    ]
    assert systems["student_int8"]["agreement"] == 0.25
    written = [
        *list_scores(WITHOUT_GOLD, systems, SCORING).columns,
        *list_calibration(WITHOUT_GOLD, SCORING).columns,
        *list_caveats(WITHOUT_GOLD, SCORING, corrected=1),
    ]
    assert not [text for text in written if "accuracy" in text]


def test_summary() -> None:
    comparison = compare(GOLD, SYSTEMS)
    assert summarise(comparison, {"teacher": {}}, SCORING, "student_int8", ["A note."]) == {
        "reference": "gold",
        "score": "accuracy",
        "headline": ["accuracy", "macro_f1"],
        "served": "student_int8",
        "rows": 4,
        "rows_without_reference": 1,
        "teacher_abstained": 1,
        "confidence": 0.95,
        "notes": ["A note."],
        "systems": {"teacher": {}},
    }
    found = summarise(WITHOUT_GOLD, {}, SCORING, "student_int8", [])
    assert (found["score"], found["headline"]) == ("agreement", ["agreement", "macro_f1_with_teacher"])
    assert (found["reference"], found["rows"], found["rows_without_reference"]) == ("teacher", 4, 1)


def test_reference_is_gold_where_any_row_has_it() -> None:
    assert choose_reference([None, "a"], ["b", "b"]) == ("gold", [None, "a"])
    assert choose_reference([None, None], ["b", None]) == ("teacher", ["b", None])


def test_no_reference_at_all() -> None:
    with pytest.raises(InputError, match="no test row has a gold label or a label of the teacher"):
        compare([None], {"teacher": make_answers([None])})


def test_right_on_all_rows_is_not_proof_of_more() -> None:
    gold = ["a", "b", "a", "b", "a"]
    comparison = compare(gold, {"teacher": make_answers(gold), "student": make_answers(gold)})
    student = score_systems(comparison, SCORING)["student"]
    assert student["accuracy"] == student["accuracy_high"] == 1
    assert student["accuracy_low"] == pytest.approx(0.025 ** (1 / 5))
    assert student["macro_f1"] == 1
    assert student["macro_f1_low"] is None
    assert student["vs_teacher"]["difference_low"] == -student["vs_teacher"]["difference_high"] < -0.5


def test_tables() -> None:
    comparison = compare(GOLD, SYSTEMS)
    scores = list_scores(comparison, score_systems(comparison, SCORING), SCORING)
    assert scores["system"].tolist() == list(SYSTEMS)
    assert scores["score"].tolist() == [0.5, 0.75, 0.75]
    assert (scores["low"] <= scores["score"]).all()
    calibration = list_calibration(comparison, SCORING)
    assert list(calibration) == ["system", "confidence", "accuracy", "rows"]
    assert calibration.round(6).to_numpy().tolist() == [["teacher", 0.8, 0.666667, 3], ["student_int8", 0.8, 0.75, 4]]
    confusions = list_confusions(comparison, "student_int8", SCORING)
    assert confusions.to_numpy().tolist() == [["a", "a"], ["a", "a"], ["b", "a"], ["b", "b"]]


def marks(comparison: Comparison) -> dict[str, list[object]]:
    rows = list(list_predictions(pd.Series(list("12345")), comparison))
    assert {tuple(row) for row in rows} == {("id", "system", "label", "probabilities", "right")}
    assert [row["id"] for row in rows[:5]] == list("12345")
    assert [row["label"] for row in rows[:5]] == list(SYSTEMS["teacher"].labels)
    assert rows[0]["probabilities"] is SYSTEMS["teacher"].probabilities[0]
    frame = pd.DataFrame(rows, dtype=object)
    return {str(name): rows["right"].tolist() for name, rows in frame.groupby("system")}


def test_predictions_say_what_is_right_and_null_where_nothing_is_known() -> None:
    assert marks(compare(GOLD, SYSTEMS)) == {
        "teacher": [True, False, True, False, None],
        "teacher_first_vote": [True, True, True, False, None],
        "student_int8": [True, True, False, True, None],
    }
    assert marks(WITHOUT_GOLD) == {
        "teacher": [None] * 5,
        "teacher_first_vote": [None] * 5,
        "student_int8": [True, None, False, False, False],
    }


def test_nothing_to_add() -> None:
    comparison = compare(["a", "b"] * 15, {"teacher": make_answers(["a", "a"] * 15)})
    assert list_caveats(comparison, SCORING, corrected=0) == []


@pytest.mark.parametrize(
    ("gold", "teacher", "labels", "corrected", "expected"),
    [
        (["a", "b"] * 14, ["a", "a"] * 14, "ab", 0, "Few rows are scored (28)"),
        (["a"] * 30, ["a", "b"] * 15, "ab", 0, "Every scored row has the label a"),
        (["a", "b"] * 15, ["a"] * 30, "abcd", 0, "No scored row has the label c or d, so"),
        (["a", "b"] * 15, ["b", "a"] * 15, "ab", 0, "all rows or none: teacher."),
        (["a", "b"] * 15, ["a", "b"] * 15, "ab", 0, "all rows or none: teacher."),
        ([*["a", "b"] * 15, None], ["a"] * 31, "ab", 0, "Test rows without a label by people are not scored: 1 of 31."),
        (["a", "b"] * 15, ["a"] * 30, "ab", 2, "People corrected 2 of the scored rows"),
    ],
)
def test_caveats(gold: Labels, teacher: Labels, labels: str, corrected: int, expected: str) -> None:
    scoring = replace(SCORING, labels=list(labels))
    (note,) = list_caveats(compare(gold, {"teacher": make_answers(teacher)}), scoring, corrected)
    assert expected in note


def test_what_the_student_does_not_read_is_told_if_there_is_any() -> None:
    assert note_cut({"texts_cut": 0, "unread_share": 0.0}, 10, 128) == []
    assert note_cut({"texts_cut": 1200, "unread_share": 0.0123}, 5000, 128) == [
        "The student reads 128 tokens of a text: 1,200 of 5,000 test texts are longer, and 1.23% of all their tokens "
        "are not read."
    ]


def test_caveats_without_gold() -> None:
    first, second, *_ = list_caveats(WITHOUT_GOLD, SCORING, corrected=0)
    assert first.startswith("No test row has a label by people")
    assert second == "Test rows without a label by the teacher are not scored: 1 of 5."
