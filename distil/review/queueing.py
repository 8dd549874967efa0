"""Rank texts by how wrong their label looks: the repair queue.

Four signs count, each from 0 to 1, and their sum ranks: how far the votes disagree; how sure the student is of another
label; how little held-out predictions give the label (the suspects that `train` found by confident learning); and which
part of a text's near-duplicates has another label. A text without any sign is not in the queue.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

SIGNS = ("votes", "student", "held_out", "duplicates")


def rank_suspicious(rows: pd.DataFrame) -> pd.DataFrame:
    """Rate each row: its `suspicion`, and `why`, a sentence a sign, the strongest first; sorted, the worst first.

    Args:
        rows: by id: label (missing: the teacher abstained), consent (missing without votes), student_label and
            student_sure (missing where it was not asked), suggested and quality (missing where it is no suspect),
            cluster (the number of its near-duplicates).
    """
    with_label = rows["label"].notna()
    others, size = _count_others(rows["label"], rows["cluster"])
    differs = with_label & rows["student_label"].notna() & (rows["student_label"] != rows["label"])
    signs = pd.DataFrame(
        {
            "votes": (1 - rows["consent"]).fillna(1.0).where(with_label, 1.0),
            "student": rows["student_sure"].where(differs, 0.0),
            "held_out": (1 - rows["quality"]).fillna(0.0),
            "duplicates": (others / (size - 1).clip(lower=1)).where(with_label, 0.0),
        }
    )
    told = pd.DataFrame({name: TELLING[name](rows, others) for name in SIGNS}, index=rows.index)
    ranked = rows.assign(suspicion=signs.sum(axis=1), why=_collect(signs, told), **signs)
    return ranked[ranked["suspicion"] > 0].sort_values(["suspicion", "lot"], ascending=[False, True])


def count_signs(ranked: pd.DataFrame) -> dict[str, int]:
    """On how many rows each sign is there."""
    return {name: int((ranked[name] > 0).sum()) for name in SIGNS}


def _count_others(labels: pd.Series, clusters: pd.Series) -> tuple[pd.Series, pd.Series]:
    """How many texts of a row's cluster have another label, and how many have any; the row itself is one of these."""
    known = labels.notna()
    size = known.groupby(clusters).transform("sum")
    alike = known.groupby([clusters, labels.fillna("")]).transform("sum")
    return (size - alike).where(known, 0), size


def _tell_votes(rows: pd.DataFrame, _others: pd.Series) -> pd.Series:
    shares = rows["consent"].map("the votes agree by {:.0%}".format, na_action="ignore")
    return shares.where(rows["label"].notna(), "the votes give it no label")


def _tell_student(rows: pd.DataFrame, _others: pd.Series) -> list[str]:
    told = zip(rows["student_label"], rows["student_sure"], strict=True)
    return [f"the student says {label} ({sure:.0%} sure)" if isinstance(label, str) else "" for label, sure in told]


def _tell_held_out(rows: pd.DataFrame, _others: pd.Series) -> list[str]:
    told = zip(rows["suggested"], rows["quality"], strict=True)
    return [f"held-out predictions say {label}, and its own label {quality:.0%}" for label, quality in told]


def _tell_duplicates(rows: pd.DataFrame, others: pd.Series) -> list[str]:
    return [f"texts that are nearly the same have another label: {count}" for count in others.astype(int)]


TELLING: dict[str, Callable[[pd.DataFrame, pd.Series], Sequence[str] | pd.Series]] = {
    "votes": _tell_votes,
    "student": _tell_student,
    "held_out": _tell_held_out,
    "duplicates": _tell_duplicates,
}


def _collect(signs: pd.DataFrame, told: pd.DataFrame) -> list[list[str]]:
    order = np.argsort(-signs.to_numpy(), axis=1, kind="stable")
    values, sentences = signs.to_numpy(), told.to_numpy()
    return [
        [str(sentences[row, place]) for place in places if values[row, place] > 0] for row, places in enumerate(order)
    ]
