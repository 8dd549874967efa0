"""Say how often two systems err together: teachers, whose many votes hide it, or a student and its teacher.

Models that are both wrong agree far more than chance would have it, those of different makers too (Kim, Garg, Peng and
Garg 2025, Correlated Errors in Large Language Models, arXiv 2506.07962), so a majority of teachers is worth less than
as many independent opinions. Here that is measured on the rows that people labelled.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distil.quality.scores import bound_share, compare_paired


def compare_teachers(
    annotations: pd.DataFrame, gold: pd.Series, pooled: pd.Series, student: pd.Series, confidence: float
) -> dict[str, Any] | None:
    """Score each teacher alone, against all pooled and the student, and count for each pair where both are wrong.

    A teacher's label is that of most of its votes as they were given, uncalibrated; where it has none, or two labels
    share the lead, it is wrong but names no label.

    Args:
        annotations: rows of `tables.ANNOTATIONS`.
        gold: people's label by id, null where there is none.
        pooled: the label of all teachers together by id, for all of these, null where they abstained.
        student: the student's label by id, for all of these.
        confidence: of the intervals.

    Returns:
        `rows` (with gold); by teacher `accuracy`, its exact binomial `bounds`, and in `vs_student` and `vs_pooled` on
        how many rows only the one of the two is right, with the p-value of McNemar's exact test; the accuracy of the
        `pooled` teachers; and in `pairs` for each two `teachers` the number of rows on which they are `both_wrong`, its
        `share` of the rows, the share `expected` if errors were independent (the product of the two error rates), the
        `ratio` of the two (None if none is expected), and on how many of the rows both name the `same_label`. None if
        there is one teacher or no gold.
    """
    gold = gold.dropna()
    names = sorted(annotations["teacher"].unique())
    if len(names) < 2 or gold.empty:
        return None
    votes = annotations[annotations["id"].isin(gold.index)]
    said = {name: choose_majority(votes[votes["teacher"] == name]).reindex(gold.index) for name in names}
    others = {"pooled": pooled, "student": student}
    right = {other: (labels.reindex(gold.index) == gold).to_numpy() for other, labels in others.items()}
    wrong = {name: (labels != gold).to_numpy() for name, labels in said.items()}
    return {
        "rows": len(gold),
        "accuracy": {name: float(1 - wrong[name].mean()) for name in names},
        "bounds": {name: bound_share(~wrong[name], confidence) for name in names},
        "pooled": float(right["pooled"].mean()),
        **{f"vs_{one}": {name: _compare(~wrong[name], right[one], one) for name in names} for one in others},
        "pairs": [_compare_pair(one, other, wrong, said) for one, other in combinations(names, 2)],
    }


def _compare_pair(
    one: str, other: str, wrong: Mapping[str, NDArray[np.bool_]], said: Mapping[str, pd.Series]
) -> dict[str, Any]:
    same = (said[one] == said[other]).to_numpy()
    return {"teachers": [one, other]} | compare_errors(wrong[one], wrong[other], same)


def _compare(right: NDArray[np.bool_], other_right: NDArray[np.bool_], other: str) -> dict[str, Any]:
    only_teacher, only_other, p_value = compare_paired(right, other_right)
    return {"only_teacher_right": only_teacher, f"only_{other}_right": only_other, "p_value": p_value}


def choose_majority(annotations: pd.DataFrame) -> pd.Series:
    """By id, the label of most of the votes; texts without a vote or with a tie are left out."""
    votes = annotations.dropna(subset="label").groupby(["id", "label"]).size()
    leads = votes[votes == votes.groupby("id").transform("max")].reset_index("label")["label"]
    return leads[~leads.index.duplicated(keep=False)]


def compare_errors(one: NDArray[np.bool_], other: NDArray[np.bool_], same: NDArray[np.bool_]) -> dict[str, Any]:
    """Count the rows on which two are wrong: what `compare_teachers` says of a pair.

    `one` and `other` say on which rows each of the two is wrong, `same` where both name the same label.
    """
    both = one & other
    share, expected = float(both.mean()), float(one.mean() * other.mean())
    return {
        "both_wrong": int(both.sum()),
        "share": share,
        "expected": expected,
        "ratio": share / expected if expected else None,
        "same_label": int((both & same).sum()),
    }


def describe_pairs(pairs: Sequence[dict[str, Any]]) -> str:
    """The pair that errs together on most rows, in a few words."""
    pair = max(pairs, key=lambda pair: pair["both_wrong"])
    if not pair["both_wrong"]:
        return "no two teachers err on the same row"
    one, other = pair["teachers"]
    return (
        f"{one} and {other} are both wrong on {pair['both_wrong']:,} rows, {pair['ratio']:.1f} times as often as if "
        f"they erred independently, on {pair['same_label']:,} with the same label"
    )
