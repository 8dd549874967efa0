import numpy as np
import pandas as pd

from distil.review.queueing import count_signs, rank_suspicious


def make_rows(**changes: list[object]) -> pd.DataFrame:
    plain: dict[str, list[object]] = {
        "label": ["a"] * 5,
        "consent": [1.0] * 5,
        "student_label": ["a"] * 5,
        "student_sure": [0.9] * 5,
        "suggested": [None] * 5,
        "quality": [np.nan] * 5,
        "cluster": [0, 1, 2, 3, 4],
        "lot": [0.5, 0.4, 0.3, 0.2, 0.1],
    }
    return pd.DataFrame(plain | changes, index=list("vwxyz"))


def test_texts_without_a_sign_are_not_in_the_queue() -> None:
    assert rank_suspicious(make_rows()).empty


def test_each_sign_is_told_and_the_strongest_first() -> None:
    rows = make_rows(
        label=["a", "a", None, "a", "b"],
        consent=[2 / 3, 1.0, np.nan, 1.0, 1.0],
        student_label=["b", "a", "b", "a", "b"],
        suggested=["b", None, None, None, None],
        quality=[0.05, np.nan, np.nan, np.nan, np.nan],
        cluster=[0, 1, 2, 3, 3],
    )
    ranked = rank_suspicious(rows)
    assert ranked.index.tolist() == ["v", "z", "y", "x"]
    assert ranked["why"].tolist() == [
        [
            "held-out predictions say b, and its own label 5%",
            "the student says b (90% sure)",
            "the votes agree by 67%",
        ],
        ["texts that are nearly the same have another label: 1"],
        ["texts that are nearly the same have another label: 1"],
        ["the votes give it no label"],
    ]
    assert count_signs(ranked) == {"votes": 2, "student": 1, "held_out": 1, "duplicates": 2}


def test_without_a_student_and_suspects_the_votes_rank() -> None:
    rows = make_rows(consent=[1.0, 0.5, 0.8, 1.0, 0.9], student_label=[None] * 5, student_sure=[0.0] * 5)
    assert rank_suspicious(rows).index.tolist() == ["w", "x", "z"]
