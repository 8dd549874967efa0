"""Rows whose labels words tell, each by itself: none, one or two of them apply."""

import json
from collections.abc import Sequence

import pandas as pd

LABELS = ("negative", "positive", "picture")
NOUNS = {"camera": True, "phone": False, "cable": False, "screen": True, "manual": False, "lens": True}
ENDS = {"bad": "negative", "good": "positive", "here": None}
OPENINGS = ("the {} is", "this {} was", "my {} looks", "their {} stays")


def make_texts() -> list[str]:
    """Seventy-two sentences."""
    return [f"{opening.format(noun)} {end}" for opening in OPENINGS for noun in NOUNS for end in ENDS]


def tell_labels(text: str) -> list[str]:
    """The labels of a sentence, in their order."""
    words = text.split()
    told = {ENDS[words[-1]], "picture" if NOUNS[words[1]] else None}
    return [label for label in LABELS if label in told]


def make_rows(texts: Sequence[str], share: float = 0.9) -> pd.DataFrame:
    """Rows of `tables.TRAIN`; each label was decided by this share of the votes."""
    known = [tell_labels(text) for text in texts]
    return pd.DataFrame(
        {
            "id": [f"{number:016x}" for number in range(len(texts))],
            "text": list(texts),
            "label": [json.dumps(labels) for labels in known],
            "soft": [[share if label in labels else 1 - share for label in LABELS] for labels in known],
            "source": "teacher",
        }
    )
