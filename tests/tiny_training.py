"""Training a tiny base on toy rows: its parameters, and a fine-tuner of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from toy_rows import LABELS

from distil.student.fine_tuner import FineTuner
from distil.student.params import TrainParams

CPU = torch.device("cpu")
SETTINGS: dict[str, Any] = {
    "base": "tiny",
    "targets": "soft",
    "min_agreement": 0.0,
    "class_weights": "none",
    "label_smoothing": 0.0,
    "suspects": "none",
    "noise": "keep",
    "folds": 2,
    "epochs": 1,
    "batch_size": 8,
    "gradient_accumulation": 2,
    "learning_rate": 1e-2,
    "schedule": "linear",
    "warmup_share": 0.1,
    "weight_decay": 0.01,
    "max_grad_norm": 1.0,
    "max_length": 16,
    "freeze_word_embeddings": True,
    "dropout": None,
    "precision": "fp32",
    "compile": False,
    "seeds": 1,
    "distill_ensemble": False,
    "seed": 0,
}


def make_tuner(base: Path, rows: pd.DataFrame, labels: Sequence[str] = LABELS, **changes: Any) -> FineTuner:
    """A fine-tuner on the rows' texts, with `changes` to the settings."""
    return FineTuner(base, rows["text"], labels, TrainParams(**SETTINGS | changes), CPU)
