import numpy as np
import pandas as pd
import pytest
from toy_sets import LABELS, make_rows

from distil.core.errors import InputError
from distil.kinds.multi_label.learning.training_set import keep_agreed, make_targets, number_rarest, read_known
from distil.student.params import TrainParams

ROWS = make_rows(["the lens is bad", "my phone looks here", "this cable was good"])


def test_a_row_stays_if_every_label_given_or_not_was_decided_by_enough_votes() -> None:
    rows = ROWS.copy()
    rows["soft"] = [[0.6, 0.0, 1.0], [0.4, 0.0, 0.0], [0.0, 1.0, 0.0]]
    assert keep_agreed(rows, LABELS, 0.7)["text"].to_list() == ["this cable was good"]
    assert keep_agreed(rows, LABELS, 0.6)["text"].to_list() == rows["text"].to_list()
    rows["source"] = ["human", "teacher", "teacher"]
    assert keep_agreed(rows, LABELS, 0.7)["text"].to_list() == ["the lens is bad", "this cable was good"]


@pytest.mark.parametrize(
    ("rows", "least", "told"),
    [
        (ROWS[:0], 0.0, "in no row; see in metrics/annotate.json"),
        (ROWS, 0.95, "in no row; 3 more are below train.min_agreement = 0.95; lower it"),
        (ROWS[1:2], 0.0, "in 1 rows, none of which has a label; see in metrics/annotate.json"),
    ],
)
def test_nothing_to_learn_is_told(rows: pd.DataFrame, least: float, told: str) -> None:
    with pytest.raises(InputError, match=told):
        keep_agreed(rows, LABELS, least)


@pytest.mark.parametrize("labels", [LABELS[1:], (*LABELS, "other")])
def test_rows_of_other_labels_are_told(labels: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match=f"other labels than {', '.join(labels)}; run 'dvc repro'"):
        read_known(ROWS, labels)


def test_targets_are_shares_or_labels_and_smoothing_goes_to_yes_and_no_alike() -> None:
    known = read_known(ROWS, LABELS)
    assert known.tolist() == [[True, False, True], [False, False, False], [False, True, False]]
    soft = make_targets(ROWS, known, TrainParams(base="tiny"))
    assert soft == pytest.approx(np.where(known, 0.9, 0.1))
    hard = make_targets(ROWS, known, TrainParams(base="tiny", targets="hard", label_smoothing=0.2))
    assert hard == pytest.approx(np.where(known, 0.9, 0.1))


def test_folds_are_drawn_by_the_rarest_label_of_a_row() -> None:
    known = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0], [1, 0, 1], [1, 0, 1]], dtype=bool)
    assert number_rarest(known).tolist() == [1, 0, 3, 2, 2]
