"""What a student of one label a text has to beat; see `distil.linear.baselines` for those that are timed."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from distil.linear.baselines import Baseline, MajorityClass, load_baselines, make_baselines
from distil.linear.trained_files import write_trained as write_baselines

__all__ = ["load_baselines", "make_baselines", "train_baselines", "write_baselines"]


def train_baselines(
    timed: Mapping[str, Baseline], lessons: pd.DataFrame, few: pd.DataFrame, labels: Sequence[str]
) -> dict[str, Any]:
    """Train the baselines on the student's training rows, and two more, by name.

    `majority` says the commonest label. `few_shot` learns from the few rows that people labelled; it is left out where
    a label has none.
    """
    baselines: dict[str, Any] = {"majority": MajorityClass(labels), **timed}
    for baseline in baselines.values():
        baseline.fit(lessons["text"].to_list(), lessons["label"].to_list())
    if few["gold"].nunique() == len(labels):
        learner = Baseline(timed["embeddings"].features, labels)
        baselines["few_shot"] = learner.fit(few["text"].to_list(), few["gold"].to_list())
    return baselines
