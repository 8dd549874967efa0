import numpy as np
import pytest

from distil.core.errors import InputError
from distil.linear.folds import count_folds, draw_folds

NUMBERS = np.tile([0, 0, 1, 1], 20)


def test_folds_hold_out_every_row_once_with_all_labels() -> None:
    folds = draw_folds(NUMBERS, 4, seed=0)
    assert sorted(np.concatenate([outside for _, outside in folds])) == list(range(80))
    for inside, outside in folds:
        assert not set(inside) & set(outside)
        assert np.bincount(NUMBERS[outside]).tolist() == [10, 10]


def test_folds_depend_on_the_seed_alone() -> None:
    one, again, other = (draw_folds(NUMBERS, 4, seed)[0][1].tolist() for seed in (0, 0, 1))
    assert one == again != other


def test_more_folds_than_rows() -> None:
    with pytest.raises(InputError, match=r"train\.folds = 5: the commonest label has 4 rows"):
        draw_folds(np.array([0, 0, 0, 0, 1, 1]), 5, 0)


def test_fold_that_would_train_on_one_label() -> None:
    with pytest.raises(
        InputError, match=r"train\.folds = 2: .*the same label.*one number for train\.epochs, and train\.suspects: none"
    ):
        draw_folds(np.array([0, 0, 0, 0, 1]), 2, 0)


@pytest.mark.parametrize(
    ("numbers", "folds"),
    [
        ([0] * 9 + [1] * 9, 5),
        ([0] * 9 + [1] * 2, 5),
        ([0, 0, 0, 1, 1], 3),
        ([0, 0, 1, 1, 2], 2),
        ([0, 0, 0, 0, 1], 0),  # a fold would train on one label
        ([0, 1, 2, 3], 0),  # one row a label
        ([0, 0, 0], 0),
    ],
)
def test_as_many_folds_as_the_rows_allow(numbers: list[int], folds: int) -> None:
    assert count_folds(np.array(numbers), 5) == folds
    if folds:
        assert len(draw_folds(np.array(numbers), folds, 0)) == folds
