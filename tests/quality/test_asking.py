"""What every system answers to the test rows: the teacher before corrections, classifiers by their rounded shares."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from distil.core.errors import InputError
from distil.kinds.classification.scoring import asking
from distil.quality.asking import Rows, ask, ask_all, ask_teacher

NAMES = ["bad", "good"]


class Toy:
    """A classifier of known shares."""

    def __init__(self, shares: Any, labels: list[str] = NAMES) -> None:
        self.labels, self.shares, self.asked = labels, np.array(shares), list[str]()

    def predict_proba(self, texts: list[str]) -> Any:
        self.asked = texts
        return self.shares


def make_rows(votes: int = 2, teachers: int = 1) -> Rows:
    """Three test rows: labelled, corrected by people, and without a label of anybody."""
    test = pd.DataFrame({"id": ["1", "2", "3"], "text": ["x", "y", "z"], "gold": ["good", "bad", None]})
    decided = pd.DataFrame(
        {
            "teacher_label": ["good", "good", None],
            "soft": [np.array([0.0, 1.0]), np.array([1.0, 0.0]), None],
            "source": ["teacher", "human", "teacher"],
        },
        index=["1", "2", "3"],
    )
    asked = [
        {"id": row, "teacher": f"t{teacher}", "vote": vote, "label": label if vote == 1 else "bad"}
        for row, label in {"9": "bad", "2": "bad", "1": "good"}.items()
        for teacher in range(teachers)
        for vote in range(votes, 0, -1)
    ]
    return Rows(test, decided, pd.DataFrame(asked))


def test_the_teacher_is_taken_by_its_word_and_its_shares_but_where_people_replaced_them() -> None:
    systems = ask_teacher(make_rows())
    assert list(systems) == ["teacher", "teacher_first_vote"]
    assert systems["teacher"].labels == ["good", "good", None]
    first, corrected, missing = systems["teacher"].probabilities
    assert (first is not None and first.tolist(), corrected, missing) == ([0, 1], None, None)
    assert systems["teacher_first_vote"].labels == ["good", "bad", None]
    assert systems["teacher_first_vote"].probabilities == [None, None, None]
    assert make_rows().corrected.tolist() == [False, True, False]


@pytest.mark.parametrize(("votes", "teachers"), [(1, 1), (2, 2)])
def test_a_first_vote_is_told_of_one_teacher_with_several(votes: int, teachers: int) -> None:
    assert list(ask_teacher(make_rows(votes, teachers))) == ["teacher"]


def test_all_systems_are_set_beside_what_people_said() -> None:
    student = Toy([[0.1, 0.9], [0.7654321, 0.2345679], [0.5, 0.5]])
    comparison = ask_all({"student": student}, make_rows(), NAMES, asking)
    assert student.asked == ["x", "y", "z"]
    assert (comparison.reference, comparison.rows, comparison.actual) == ("gold", [0, 1], ["good", "bad"])
    assert list(comparison.answers) == ["teacher", "teacher_first_vote", "student"]
    found = comparison.answers["student"]
    assert found.labels == ["good", "bad", "bad"]
    assert [list(shares) for shares in found.probabilities if shares is not None] == [
        [0.1, 0.9],
        [0.765432, 0.234568],
        [0.5, 0.5],
    ]


def test_a_classifier_of_other_labels_is_refused() -> None:
    with pytest.raises(InputError, match=r"^student knows"):
        ask_all({"student": Toy([[1, 0]] * 3, ["good", "bad"])}, make_rows(), NAMES, asking)
    with pytest.raises(
        InputError, match=r"^student knows \['good', 'bad'\], but task.labels is \['bad', 'good'\]; run"
    ):
        ask("student", Toy([[1, 0]], ["good", "bad"]), ["x"], NAMES, asking)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("student", "train it anew with a lower train.learning_rate or with train.precision: fp32"),
        ("student_int8", "the student in torch does not, so write the file anew with 'dvc repro -s -f export'"),
    ],
)
def test_what_is_no_number_is_counted_and_refused(name: str, remedy: str) -> None:
    shares = [[np.nan, 1.0], [0.5, np.inf], [0.5, 0.5]]
    with pytest.raises(InputError) as caught:
        ask(name, Toy(shares), ["x", "y", "z"], NAMES, asking)
    assert str(caught.value) == f"{name} answers NaN to 2 of 3 test texts; {remedy}"


@pytest.mark.filterwarnings("error")
def test_what_comes_of_no_number_is_told_once() -> None:
    class Dividing(Toy):
        def predict_proba(self, texts: list[str]) -> Any:
            return self.shares / self.shares

    with pytest.raises(InputError, match="student answers NaN to 1 of 2 test texts"):
        ask("student", Dividing([[0.0, 1.0], [1.0, 1.0]]), ["x", "y"], NAMES, asking)
