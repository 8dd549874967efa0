from itertools import pairwise

import numpy as np
import pytest

from distil.quality.breakdown import break_down


def test_up_to_four_values_are_groups_of_their_own_and_rows_without_one_come_last() -> None:
    right = {"s": np.array([True, False, True, True, False]), "t": np.array([False] * 5)}
    doubtful, sure, unknown = break_down([1.0, 2 / 3, None, 1 - 1 / 3, None], right, 0.95)
    assert (doubtful["from"], doubtful["to"], doubtful["rows"]) == (0.666667, 0.666667, 2)
    assert (sure["from"], sure["to"], sure["rows"]) == (1.0, 1.0, 1)
    assert (unknown["from"], unknown["to"], unknown["rows"]) == (None, None, 2)
    assert [group["systems"] for group in (doubtful, sure, unknown)] == [
        {"s": 0.5, "t": 0.0},
        {"s": 1.0, "t": 0.0},
        {"s": 0.5, "t": 0.0},
    ]


def test_four_values_are_groups_of_their_own_however_rare_they_are() -> None:
    groups = break_down([1] * 97 + [2, 3, 4], {"s": np.ones(100, dtype=bool)}, 0.95)
    assert [(group["from"], group["to"]) for group in groups] == [(1, 1), (2, 2), (3, 3), (4, 4)]


def test_shares_have_exact_intervals() -> None:
    (group,) = break_down([1.0] * 5, {"s": np.ones(5, dtype=bool), "t": np.array([True] * 3 + [False] * 2)}, 0.95)
    assert group["bounds"]["s"] == pytest.approx([0.025 ** (1 / 5), 1.0])
    low, high = group["bounds"]["t"]
    assert low < 0.6 < high


def test_more_values_are_cut_at_the_quartiles() -> None:
    values = list(range(1, 101))
    groups = break_down(values, {"s": np.array([value > 50 for value in values])}, 0.95)
    assert [(group["from"], group["to"], group["rows"]) for group in groups] == [
        (1, 25, 25),
        (26, 50, 25),
        (51, 75, 25),
        (76, 100, 25),
    ]
    assert [group["systems"]["s"] for group in groups] == [0, 0, 1, 1]


@pytest.mark.parametrize("values", [[7] * 80 + [1, 2, 3, 4, 5], [1] * 50 + [2, 3, 4, 5, 6], [1, 2, 3, 4, 5]])
def test_equal_values_are_in_one_group_and_no_row_is_lost(values: list[int]) -> None:
    groups = break_down(values, {"s": np.ones(len(values), dtype=bool)}, 0.95)
    assert sum(group["rows"] for group in groups) == len(values)
    assert all(lower["to"] < upper["from"] for lower, upper in pairwise(groups))
    for group in groups:
        assert group["rows"] == sum(group["from"] <= value <= group["to"] for value in values)


def test_no_value_is_known() -> None:
    (group,) = break_down([None, None], {"s": np.array([True, False])}, 0.95)
    assert (group["from"], group["to"], group["rows"], group["systems"]) == (None, None, 2, {"s": 0.5})
    assert break_down([], {"s": np.array([], dtype=bool)}, 0.95) == []
