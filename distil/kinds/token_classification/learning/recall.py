"""Find more spans at the price of more that are none: the output O answers less often.

By how much, predictions for held-out training texts say: what is added to the logit of O so that the wanted share of
the words that stand in spans has another tag. It goes into the bias of the head, so that every tool has it.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from distil.core.errors import InputError
from distil.encoders.heads import find_head
from distil.kinds.token_classification.learning.ladder import Answers, HoldOut
from distil.kinds.token_classification.learning.probes import count_right, decode
from distil.student.fine_tuner import Training

BEYOND = 1e-4  # of a logit, by which a word has to be on the right side

Floats = NDArray[np.float64]


class Recall(NamedTuple):
    """What is added to the logit of O, zero or less, and what metrics/train.json tells of it."""

    shift: float
    figures: dict[str, Any]


def choose_shift(holds: Sequence[HoldOut], answers: Sequence[Answers], labels: Sequence[str], target: float) -> Recall:
    """Choose the shift nearest to zero by which at least the share `target` of the words in spans is found.

    `answers` are logits for the words of each text of the hold-outs. Raises `InputError` if none of these has a span.
    """
    pairs = [
        pair for held, said in zip(holds, answers, strict=True) for pair in zip(held.judged.numbers, said, strict=True)
    ]
    inside = np.concatenate([numbers > 0 for numbers, _ in pairs]) if pairs else np.zeros(0, dtype=bool)
    if not inside.any():
        raise InputError(
            f"train.recall_target = {target:g}: recall is measured on training texts that are held out, and there are "
            "too few with spans; bring more, or take it out"
        )
    ahead = np.concatenate([said[:, 0] - said[:, 1:].max(axis=1) for _, said in pairs]).astype(np.float64)
    last = np.sort(ahead[inside])[math.ceil(target * inside.sum()) - 1]
    shift = float(min(0.0, -last - BEYOND))
    figures: dict[str, Any] = {"target": target, "shift": shift, "words": int(inside.sum())}
    for when, moved in (("before", 0.0), ("after", shift)):
        recall, precision = _measure(inside, ahead + moved < 0)
        exact = _score(holds, answers, labels, moved)
        figures |= {f"recall_{when}": recall, f"precision_{when}": precision, f"exact_f1_{when}": exact}
    return Recall(shift, figures)


def shift_head(training: Training, shift: float) -> Training:
    """Add to the bias of the model's output O, which its config tells; raises `InputError` where there is none."""
    head = find_head(training.model)
    if head.bias is None:
        raise InputError("train.recall_target needs a head with a bias, and that of train.base has none; take it out")
    with torch.no_grad():
        head.bias[0] += shift
    training.model.config.recall_shift = shift
    return training


def _measure(inside: NDArray[np.bool_], said: NDArray[np.bool_]) -> tuple[float, float]:
    """Recall and precision over words; precision is 1 where none is said."""
    right = int((inside & said).sum())
    return right / int(inside.sum()), right / int(said.sum()) if said.any() else 1.0


def _score(holds: Sequence[HoldOut], answers: Sequence[Answers], labels: Sequence[str], shift: float) -> float:
    """Exact F1 on all hold-outs."""
    known: list[str] = []
    found: list[str] = []
    for held, said in zip(holds, answers, strict=True):
        moved = [np.hstack([words[:, :1] + shift, words[:, 1:]]) for words in said]
        known += held.judged.labels
        found += decode(moved, held.judged.readings, labels, held.judged.texts)
    return count_right(known, found)
