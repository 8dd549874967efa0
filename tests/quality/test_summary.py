"""All that evaluate tells in one record: by agreement, by length, and of several teachers."""

import numpy as np
import pandas as pd
import pytest

from distil.forms.answering import Answers
from distil.kinds.classification.scoring import judging
from distil.quality.asking import Rows
from distil.quality.bootstrap import Bootstrap
from distil.quality.comparison import compare
from distil.quality.judging import Scoring
from distil.quality.summary import group_scores, summarise_all

SCORING = Scoring(judging, ["bad", "good"], 15, Bootstrap(100, 0.95, 0))
GOLD = ["good", "bad", "good", None, "good", "bad"]
TEACHER = ["good", "bad", "bad", "good", None, "good"]
STUDENT = ["good", "good", "good", "bad", "good", "bad"]
SHARES = [[0, 1], [0.75, 0.25], [1, 0], [0.25, 0.75], None, [0, 1]]
TEXTS = ["one", "two words", "one", "not scored at all", "two words", "three words here"]


def make_rows(teachers: int = 1) -> Rows:
    ids = list("123456")
    test = pd.DataFrame({"id": ids, "text": TEXTS, "gold": GOLD})
    source = ["teacher", "teacher", "teacher", "human", "teacher", "human"]
    decided = pd.DataFrame({"teacher_label": TEACHER, "source": source}, index=ids)
    said = [GOLD, TEACHER][:teachers]
    votes = [
        {"id": row, "teacher": f"t{number}", "vote": 1, "label": label}
        for number, labels in enumerate(said)
        for row, label in zip(ids, labels, strict=True)
    ]
    return Rows(test, decided, pd.DataFrame(votes))


SYSTEMS = {
    "teacher": Answers(TEACHER, [None if shares is None else np.array(shares) for shares in SHARES]),
    "student_int8": Answers(STUDENT, [np.array([0.5, 0.5])] * 6),
    "student": Answers(GOLD, [None] * 6),
}


def test_scores_by_agreement_leave_out_what_people_corrected_and_by_words_nothing() -> None:
    found = group_scores(compare(GOLD, SYSTEMS), make_rows(), SCORING)
    agreement = [(group["from"], group["rows"], group["systems"]["student_int8"]) for group in found["by_agreement"]]
    assert agreement == [(0.75, 1, 0.0), (1.0, 2, 1.0), (None, 1, 1.0)]
    words = [(group["from"], group["rows"], group["systems"]["teacher"]) for group in found["by_words"]]
    assert words == [(1.0, 2, 0.5), (2.0, 2, 0.5), (3.0, 1, 0.0)]


def test_the_whole_record() -> None:
    summary = summarise_all(compare(GOLD, SYSTEMS), {"teacher": {}}, make_rows(), SCORING, "student_int8", ["A note."])
    groups = group_scores(compare(GOLD, SYSTEMS), make_rows(), SCORING)
    assert {name: summary[name] for name in groups} == groups
    assert (summary["rows"], summary["served"], summary["confidence"]) == (5, "student_int8", 0.95)
    assert summary["systems"] == {"teacher": {}}
    assert summary["notes"][-1] == "A note."
    assert any(note.startswith("People corrected 1 of the scored rows") for note in summary["notes"])
    assert "teachers" not in summary


def test_several_teachers_are_told_with_a_note_where_one_alone_is_right_more_often() -> None:
    comparison = compare(GOLD, SYSTEMS)
    summary = summarise_all(comparison, {}, make_rows(teachers=2), SCORING, "student_int8", [])
    teachers = summary["teachers"]
    assert (teachers["rows"], teachers["pooled"]) == (5, 0.4)
    assert teachers["accuracy"] == pytest.approx({"t0": 1.0, "t1": 0.4})
    assert teachers["vs_student"]["t0"] == {"only_teacher_right": 1, "only_student_right": 0, "p_value": 1.0}
    assert teachers["bounds"]["t0"][0] == pytest.approx(0.025 ** (1 / 5))
    assert summary["notes"][-1].startswith(
        "Pooled, the teachers are right on 40.0% of 5 test texts, t0 alone on 100.0%"
    )
