"""Draw the few rows that people labelled for a baseline which learns from these alone."""

from collections.abc import Sequence

import numpy as np
import pandas as pd


def draw_few_shot(
    texts: pd.DataFrame, test_ids: pd.Series, labels: Sequence[str], per_label: int, seed: int
) -> pd.DataFrame:
    """Draw rows of each label from those that people labelled outside test: id, text, gold.

    Args:
        texts: rows of `tables.TEXTS`.
        test_ids: of the test rows, none of which is drawn.
        labels: all labels.
        per_label: how many to draw of each label; all of them where there are fewer. A larger number draws the same
            rows and more.
        seed: another seed draws other rows.
    """
    outside = texts[texts["gold"].notna() & ~texts["id"].isin(test_ids)].sort_values("id")
    drawn = []
    for number, label in enumerate(labels):
        pool = outside[outside["gold"] == label]
        order = np.random.default_rng([seed, number]).permutation(len(pool))
        drawn.append(pool.iloc[order[:per_label]])
    return pd.concat(drawn)[["id", "text", "gold"]]
