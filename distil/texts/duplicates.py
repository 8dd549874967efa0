"""Merge the rows of one text, which share an id."""

from typing import NamedTuple

import pandas as pd

from distil.core.ids import text_id

SPLITS = ["test", "validation", "train"]  # a text that stands in several splits goes to the first of these


class Merged(NamedTuple):
    """Rows of which each id stands once, and what was lost on the way."""

    rows: pd.DataFrame  # id, text, gold, split; in the order of first occurrence
    duplicates: int  # rows merged into an earlier one
    conflicts: pd.DataFrame  # id, text, gold: the rows whose gold was taken away, since it differs within their id


def merge_duplicates(rows: pd.DataFrame, *, placed: bool = False) -> Merged:
    """Give each row (text, gold or null, split or null) its id and keep one row per id.

    The first text is kept as it stands; where gold is `placed` in its text, the first of those that have one. The
    gold is what the rows with a gold agree on, else null. A text that is a test row anywhere is a test row, so that no
    test text is trained on.
    """
    rows = rows.assign(id=rows["text"].map(text_id))
    gold = rows.dropna(subset="gold").groupby("id", sort=False)["gold"].agg(["first", "nunique"])
    agreed = gold.loc[gold["nunique"] == 1, "first"]
    merged = rows.drop_duplicates("id")[["id", "text"]]
    if placed:
        told = rows.dropna(subset="gold").drop_duplicates("id").set_index("id")["text"]
        merged["text"] = merged["id"].map(told).fillna(merged["text"])
    merged["gold"] = merged["id"].map(agreed)
    merged["split"] = merged["id"].map(_first_split(rows))
    disputed = rows["id"].isin(gold.index[gold["nunique"] > 1]) & rows["gold"].notna()
    return Merged(merged, len(rows) - len(merged), rows.loc[disputed, ["id", "text", "gold"]])


def _first_split(rows: pd.DataFrame) -> pd.Series:
    known = rows.dropna(subset="split")
    ranks = known["split"].map(SPLITS.index).groupby(known["id"]).min()
    return ranks.map(dict(enumerate(SPLITS)))
