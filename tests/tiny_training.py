"""Training a tiny base on toy rows: its parameters, and a fine-tuner of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from toy_rows import LABELS

from distil.encoders.outputs import Outputs
from distil.kinds.classification.learning.frozen import Frozen, validate_frozen
from distil.kinds.classification.learning.targets import number_labels
from distil.linear.folds import count_folds
from distil.student.fine_tuner import FineTuner
from distil.student.params import TrainParams

CPU = torch.device("cpu")
SETTINGS: dict[str, Any] = {
    "base": "tiny",
    "recipe": "fixed",
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
    return FineTuner(base, rows["text"], Outputs(tuple(labels)), TrainParams(**SETTINGS | changes), CPU)


def freeze(tuner: FineTuner, rows: pd.DataFrame) -> Frozen:
    """The tuner's base as it is, and a head over it; `rows` are those of the tuner's texts."""
    numbers = number_labels(rows, tuner.labels)
    return validate_frozen(tuner, numbers, count_folds(numbers, tuner.params.folds), None)
