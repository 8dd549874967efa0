"""Candidates beside the best: differences, p-values over all of them, and who is not shown to be worse."""

import pytest

from distil.compare.scores import Decided, find_best, find_drift, list_alike, make_scoring, score_candidates
from distil.kinds.classification.scoring import judging

GOLD = ["a", "b"] * 20
SCORING = make_scoring(judging, ["a", "b"])
OTHER = {"a": "b", "b": "a"}


def wrong(rows: int, silent: int = 0) -> Decided:
    """A candidate that is wrong on the first rows, and silent on some of them."""
    labels = [None if row < silent else OTHER[gold] if row < rows else gold for row, gold in enumerate(GOLD)]
    return Decided(labels, {"tie": silent} if silent else {})


def test_each_is_compared_with_the_best_and_p_values_are_adjusted_over_all() -> None:
    found = score_candidates(GOLD, {"poor": wrong(20), "best": wrong(2), "close": wrong(5, silent=4)}, SCORING)
    assert find_best(found, "accuracy") == "best"
    assert found["best"]["vs_best"] is None
    poor, close = found["poor"]["vs_best"], found["close"]["vs_best"]
    assert (poor["difference"], poor["only_best_right"], poor["only_this_right"]) == (-18 / 40, 18, 0)
    assert poor["p_value"] == pytest.approx(2 * 2 * 0.5**18), "the smaller of two"
    assert close["p_value"] == pytest.approx(2 * 0.5**3)
    assert list_alike(found) == ["close"]


def test_an_abstention_is_wrong_and_told_by_its_reason() -> None:
    found = score_candidates(GOLD, {"quiet": wrong(4, silent=4)}, SCORING)["quiet"]
    assert (found["accuracy"], found["abstained"]) == (0.9, {"tie": 4})
    assert found["accuracy_low"] < 0.9 < found["accuracy_high"]


def test_of_two_that_are_alike_the_first_is_the_best() -> None:
    found = score_candidates(GOLD, {"one": wrong(3), "two": wrong(3)}, SCORING)
    assert find_best(found, "accuracy") == "one"
    assert found["two"]["vs_best"]["p_value"] == 1.0


def test_drift_is_told_of_all_but_the_study_s_teacher() -> None:
    decided = {"chosen": wrong(0), "other": wrong(10, silent=4)}
    assert find_drift(decided, None, SCORING) == {"chosen": None, "other": None}
    found = find_drift(decided, "chosen", SCORING)
    assert found["chosen"] is None
    assert found["other"] == {"rows": 40, "changed": 10, "agreement": pytest.approx(2 / 3)}
