"""What a classifier of several labels says of texts: each label whose probability reaches the label's threshold."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from distil.forms.answering import DIGITS, Answers
from distil.kinds.multi_label.labelling.canonical.label import decide


def ask(classifier: Any, texts: Sequence[str], labels: Sequence[str]) -> Answers:
    """Ask by `predict_proba`, which has probabilities of shape (texts, labels), and `thresholds`, one a label."""
    shares = classifier.predict_proba(texts)
    given = decide(shares, classifier.thresholds, labels)
    return Answers(given, list(np.round(shares.astype(float), DIGITS)))
