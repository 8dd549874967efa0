"""The student that is not fine-tuned: the base as it is, with a linear layer over what it says of words."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from distil.kinds.token_classification.learning.probes import Chosen, Material, choose_method, decide, fit
from distil.kinds.token_classification.learning.targets import make_targets, number_tags
from distil.kinds.token_classification.learning.tuner import SpanTuner
from distil.linear.folds import Numbers
from distil.linear.probe import Probe
from distil.student.fine_tuner import Training

LEAST_SHARE = 1e-12  # a probability, so that its logarithm is bounded


@dataclass(frozen=True)
class Frozen:
    """What is known of the tuner's texts, and what kind of layer is to be fitted."""

    material: Material
    labels: list[str]
    chosen: Chosen
    has_bias: bool
    seconds: float

    def fit(self, places: Numbers) -> Probe:
        """Train a layer on the texts at these places."""
        probe = fit(self.material.take(places), self.labels, self.chosen.method, self.has_bias)
        return probe.cool(self.chosen.temperature)

    def describe(self) -> dict[str, dict[str, Any]]:
        """What was settled here, for the recipe."""
        return {"head": {"value": str(self.chosen.method), "by": "auto", "why": "what finds most held-out spans"}}


def gather(tuner: SpanTuner, rows: pd.DataFrame) -> Material:
    """What the head of the frozen base reads of rows, with the tags that their labels say."""
    texts = rows["text"].to_list()
    readings = tuner.read_words(texts)
    targets = make_targets(rows, readings, tuner.task_labels)
    features = tuner.read_features(tuner.load("base", opened=True), readings)
    return Material(texts, rows["label"].to_list(), readings, features, [number_tags([one]) for one in targets])


def choose_frozen(tuner: SpanTuner, rows: pd.DataFrame) -> Frozen:
    """Read the rows, which are those of the tuner's texts, and choose the layer by a part of them that is held out."""
    start = time.perf_counter()
    material = gather(tuner, rows)
    chosen = choose_method(material, tuner.task_labels, tuner.params.seed, tuner.has_bias)
    return Frozen(material, tuner.task_labels, chosen, tuner.has_bias, time.perf_counter() - start)


def freeze(tuner: SpanTuner, frozen: Frozen) -> Training:
    """Return the base under a linear layer that has learnt from all texts."""
    probe = frozen.fit(np.arange(len(tuner.texts)))
    logits = np.concatenate(decide(probe, frozen.material.features))
    shares = tuner.share(logits)[np.arange(len(logits)), np.concatenate(list(frozen.material.numbers))]
    loss = -float(np.log(np.maximum(shares, LEAST_SHARE)).mean())
    return tuner.freeze(probe.weights, probe.bias, loss, "base")
