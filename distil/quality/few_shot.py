"""Two yardsticks that take no time worth measuring: the commonest label, and what a few labels by people are worth."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray


class MajorityClass:
    """Answers every text alike: the shares of the labels in the training rows, of which the highest is the label."""

    def __init__(self, labels: Sequence[str]) -> None:
        """Set up, untrained; `labels` gives the order of the outputs."""
        self.labels = list(labels)
        self._shares = np.zeros(len(labels))

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> "MajorityClass":
        """Count the labels."""
        counts = np.array([list(labels).count(label) for label in self.labels])
        self._shares = counts / len(texts)
        return self

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return probabilities of shape (texts, labels)."""
        return np.tile(self._shares, (len(texts), 1))


def draw_few_shot(
    texts: pd.DataFrame, test_ids: pd.Series, labels: Sequence[str], per_label: int, seed: int
) -> pd.DataFrame:
    """Draw rows of each label from those that people labelled outside test: id, text, gold.

    Args:
        texts: rows of `rows.TEXTS`.
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
