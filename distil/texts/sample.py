"""A first cheap run: some of the texts, by lot, so that more of them hold those that were paid for.

Texts are in the order of a hash of their ids, and the first so many are taken. A larger limit holds the rows of a
smaller one, whichever rows have gold labels or a split: of each kind as large a share comes in as there is, by chance.
The salt is not that of the stage split, so that test rows are drawn from the sample as from the whole.
"""

import hashlib

import numpy as np
import pandas as pd

SALT = "distil:limit"


def draw_sample(rows: pd.DataFrame, limit: int | None) -> pd.DataFrame:
    """The `limit` rows that come first by the hash of their id, in the order in which they stand; None: all rows."""
    if limit is None or limit >= len(rows):
        return rows
    first = np.argsort([_place(text_id) for text_id in rows["id"]])[:limit]
    return rows.iloc[np.sort(first)]


def _place(text_id: str) -> str:
    return hashlib.sha256(f"{SALT}:{text_id}".encode()).hexdigest()
