"""Toy rows with spans that a tiny model learns: who follows "mr" is a person, what follows "in" a place."""

from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from distil.kinds.token_classification.labelling.canonical.label import soften, write_label
from distil.kinds.token_classification.learning.teaching import make_tuner
from distil.kinds.token_classification.learning.tuner import SpanTuner
from distil.student.params import TrainParams

LABELS = ["person", "place"]
CPU = torch.device("cpu")
NAMES, PLACES = ("ann lee", "bob", "cid day", "dan"), ("bonn", "oslo", "new york")
ENDS = ("", " now", " it works very well")
SETTINGS: dict[str, Any] = {
    "base": "tiny",
    "recipe": "fixed",
    "suspects": "none",
    "folds": 2,
    "epochs": 8,
    "batch_size": 12,
    "gradient_accumulation": 1,
    "learning_rate": 2e-2,
    "head_learning_rate": 2e-2,
    "warmup_share": 0.0,
    "freeze_word_embeddings": False,  # they are random
    "max_length": 16,
    "precision": "fp32",
}


def make_rows() -> pd.DataFrame:
    """Thirty-six texts with two spans each, and as many without."""
    told = []
    for name, place, end in product(NAMES, PLACES, ENDS):
        text = f"mr {name} is in {place}{end}"
        start = len(f"mr {name} is in ")
        told.append((text, [(3, 3 + len(name), "person"), (start, start + len(place), "place")]))
        told.append((f"a good product for {name} of {place}{end}", []))
    return label_rows(told)


def label_rows(told: Iterable[tuple[str, list[tuple[int, int, str]]]], labels: Sequence[str] = LABELS) -> pd.DataFrame:
    """Rows of `tables.TRAIN`, labelled by the teacher."""
    rows = [(text, write_label(spans)) for text, spans in told]
    soft = [soften(label, labels) for _, label in rows]
    return pd.DataFrame(rows, columns=["text", "label"]).assign(
        id=[str(number) for number in range(len(rows))], soft=soft, source="teacher"
    )


def tune(base: Path, rows: pd.DataFrame, **changes: Any) -> SpanTuner:
    """A fine-tuner on the rows' texts, with `changes` to the settings."""
    return make_tuner(base, rows["text"].to_list(), LABELS, TrainParams(**SETTINGS | changes), CPU)
