"""Read the texts of the built-in study: product-review sentences with the mean rating of 20 people.

Source: C. J. Hutto and E. Gilbert, "VADER: a parsimonious rule-based model for sentiment analysis of social media
text", ICWSM 2014; the archive holds one line `ID <tab> MEAN <tab> TEXT` a sentence, means from -4 to 4.
"""

import csv
from pathlib import Path
from typing import IO, NamedTuple

import pandas as pd

from distil.assets.archives import explain_damage, read_members
from distil.core.errors import AssetError

MEMBER = "hutto_ICWSM_2014/amazonReviewSnippets_GroundTruth.txt"


class Reviews(NamedTuple):
    """The sentences that are clearly positive or negative."""

    rows: pd.DataFrame  # text, gold; the index is the line in the file
    left_out: int  # sentences whose mean rating is nearer to zero than asked


def read_reviews(archive: Path, min_rating: float) -> Reviews:
    """Read the sentences with |mean rating| >= `min_rating`, labelled positive or negative by the mean's sign.

    Raises `AssetError` if it is no sound archive, or not this one.
    """
    with explain_damage(archive):
        rows = next((_read_ratings(content) for name, content in read_members(archive) if name == MEMBER), None)
    if rows is None:
        raise AssetError(f"{archive} does not hold {MEMBER}; check fetch.archive")
    rows.index = pd.RangeIndex(1, len(rows) + 1, name="line")
    kept = rows[rows["mean"].abs() >= min_rating]
    gold = (kept["mean"] > 0).map({True: "positive", False: "negative"})
    return Reviews(kept[["text"]].assign(gold=gold, split=None), len(rows) - len(kept))


def _read_ratings(member: IO[bytes]) -> pd.DataFrame:
    columns = {"number": str, "mean": float, "text": str}
    return pd.read_csv(member, sep="\t", names=list(columns), dtype=columns, quoting=csv.QUOTE_NONE, na_filter=False)
