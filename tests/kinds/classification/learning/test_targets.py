import numpy as np
import pandas as pd
import pytest
from toy_rows import LABELS, make_rows

from distil.core.errors import InputError
from distil.kinds.classification.learning.targets import make_targets, number_labels, share_of_label, weigh_classes

ROWS = make_rows(["it is bad", "it is good", "it was good"], share=0.75)
NUMBERS = number_labels(ROWS, LABELS)


def test_labels_are_numbered_in_the_order_of_the_task() -> None:
    assert NUMBERS.tolist() == [0, 1, 1]
    assert number_labels(ROWS, LABELS[::-1]).tolist() == [1, 0, 0]


def test_share_is_that_of_the_own_label_which_people_may_have_changed() -> None:
    corrected = ROWS.assign(label=["positive", "positive", "positive"])
    assert share_of_label(corrected, number_labels(corrected, LABELS)).tolist() == [0.25, 0.75, 0.75]


@pytest.mark.parametrize("labels", [["negative", "good"], ["negative", "positive", "neutral"]])
def test_rows_of_another_task(labels: list[str]) -> None:
    with pytest.raises(InputError, match=r"other labels than negative, .*dvc repro"):
        number_labels(ROWS, labels)


def test_targets() -> None:
    soft = make_targets(ROWS, NUMBERS, 2, "soft", 0.0)
    hard = make_targets(ROWS, NUMBERS, 2, "hard", 0.0)
    assert soft.tolist() == [[0.75, 0.25], [0.25, 0.75], [0.25, 0.75]]
    assert hard.tolist() == [[1, 0], [0, 1], [0, 1]]
    assert {str(soft.dtype), str(hard.dtype)} == {"float32"}


def test_smoothing_spreads_a_share_over_all_labels() -> None:
    smooth = make_targets(ROWS, NUMBERS, 2, "hard", 0.2)
    assert smooth[0].tolist() == pytest.approx([0.9, 0.1])
    assert smooth.sum(axis=1).tolist() == pytest.approx([1, 1, 1])


def test_balanced_classes_weigh_the_same_in_all() -> None:
    weights = weigh_classes(np.array([0, 2, 2, 2]))
    assert weights.tolist() == pytest.approx([2, 2 / 3, 2 / 3, 2 / 3])
    assert weights.mean() == pytest.approx(1)


def test_no_rows() -> None:
    assert number_labels(pd.DataFrame({"label": [], "soft": []}), LABELS).tolist() == []
