"""What a tagger says of texts: spans, each with its label and probability."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distil.forms.answering import DIGITS, Answers
from distil.kinds.token_classification.labelling.canonical.label import write_label


def ask(classifier: Any, texts: Sequence[str], labels: Sequence[str]) -> Answers:
    """Ask by `predict`, which has for each text entities with start, end, label and probability.

    Probabilities are four numbers a span, in the order of the text: start, end, the label's place in `labels`, and the
    span's probability.
    """
    found = classifier.predict(texts)
    canonical = [write_label((span.start, span.end, span.label) for span in spans) for spans in found]
    return Answers(canonical, [_flatten(spans, labels) for spans in found])


def _flatten(spans: Iterable[Any], labels: Sequence[str]) -> NDArray[np.float64]:
    numbers = [
        (span.start, span.end, labels.index(span.label), round(float(span.probability), DIGITS))
        for span in sorted(spans, key=lambda span: int(span.start))
    ]
    return np.array(numbers, dtype=np.float64).ravel()
