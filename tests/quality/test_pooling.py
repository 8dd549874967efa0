"""Teachers that are pooled against each alone: a warning where that is proven, a note where it may be chance."""

from typing import Any

import pytest

from distil.quality.pooling import POOLED_WORSE, describe_teachers, find_pooling_shortfall, note_pooling


def teachers(**only_right: tuple[int, int, float]) -> dict[str, Any]:
    """By teacher the rows on which only it is right, only all pooled are, and the p-value of that; pooled 80 of 100."""
    keys = ("only_teacher_right", "only_pooled_right", "p_value")
    return {
        "rows": 100,
        "pooled": 0.8,
        "accuracy": {name: 0.8 + (alone - pooled) / 100 for name, (alone, pooled, _) in only_right.items()},
        "vs_pooled": {name: dict(zip(keys, figures, strict=True)) for name, figures in only_right.items()},
    }


def test_one_that_is_proven_to_be_better_alone_is_a_warning() -> None:
    found = teachers(a=(15, 2, 0.002), b=(3, 9, 0.15), c=(12, 1, 0.003))
    (warning,) = find_pooling_shortfall(found, 0.95)
    assert warning["kind"] == POOLED_WORSE
    assert warning["finding"] == (
        "Pooled, the teachers are right on 80.0% of 100 test texts, a alone on 93.0% (McNemar's exact test over all "
        "teachers, p = 0.006)."
    )
    assert [it["system"] for it in warning["systems"]] == ["a", "c"]
    assert note_pooling(found, 0.95) == []


def test_one_alone_that_is_better_and_the_others_not() -> None:
    (warning,) = find_pooling_shortfall(teachers(a=(15, 2, 0.002), b=(3, 9, 0.15)), 0.95)
    assert warning["finding"].endswith("p = 0.004).")


def test_one_that_may_be_better_by_chance_is_a_note() -> None:
    found = teachers(a=(8, 2, 0.03), b=(3, 9, 0.15))
    assert find_pooling_shortfall(found, 0.95) == [], "0.03 of two teachers is 0.06"
    (note,) = note_pooling(found, 0.95)
    assert note == (
        "Pooled, the teachers are right on 80.0% of 100 test texts, a alone on 86.0%, which may be chance (p = 0.06)."
    )


@pytest.mark.parametrize("found", [None, teachers(a=(2, 15, 0.002), b=(4, 4, 1.0))])
def test_where_pooling_helps_or_there_is_nothing_to_pool_nothing_is_said(found: dict[str, Any] | None) -> None:
    assert find_pooling_shortfall(found, 0.95) == []
    assert note_pooling(found, 0.95) == []


def test_each_and_all_are_told() -> None:
    assert (
        describe_teachers(teachers(a=(15, 2, 0.002), b=(3, 9, 0.15)))
        == "teachers alone: a 0.930, b 0.740; pooled 0.800"
    )
