"""Rows whose label a word tells, in the tables that the stages hand on."""

from collections.abc import Sequence

import pandas as pd

LABELS = ("negative", "positive")
NOUNS = ("camera", "phone", "cable", "screen", "manual", "battery", "lens", "case", "strap", "charger")
OPENINGS = ("the {} is", "this {} was", "my {} looks", "their {} works")
WORDS = {"negative": "bad", "positive": "good"}


def make_texts() -> list[str]:
    """Eighty sentences, negative and positive by turns."""
    return [f"{opening.format(noun)} {WORDS[label]}" for opening in OPENINGS for noun in NOUNS for label in LABELS]


def make_rows(texts: Sequence[str], share: float = 0.9) -> pd.DataFrame:
    """Rows of `tables.TRAIN`, labelled by their last word, whose share is as given."""
    labels = ["negative" if text.endswith("bad") else "positive" for text in texts]
    return pd.DataFrame(
        {
            "id": [f"{number:016x}" for number in range(len(texts))],
            "text": list(texts),
            "label": labels,
            "soft": [[share, 1 - share] if label == "negative" else [1 - share, share] for label in labels],
            "source": "teacher",
        }
    )
