"""What a classifier of one label says of texts: its most probable label."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from distil.forms.answering import DIGITS, Answers


def ask(classifier: Any, texts: Sequence[str], labels: Sequence[str]) -> Answers:
    """Ask by `predict_proba`, which has probabilities of shape (texts, labels)."""
    shares = classifier.predict_proba(texts)
    return Answers([labels[number] for number in shares.argmax(axis=1)], list(np.round(shares.astype(float), DIGITS)))
