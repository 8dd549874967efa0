"""The canonical form of spans: JSON such as [{"start": 0, "end": 4, "label": "person"}].

The spans are sorted, and no two overlap. Offsets count code points of the text as it stands in the table, the end
exclusive. No span: []. `soft` has four numbers for each span, one span after the other: start, end, the label's place
in task.labels, and the share of votes for it.
"""

import json
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from distil.kinds.token_classification.labelling.canonical.spans import Span

NUMBERS_OF_A_SPAN = 4  # in `soft`


def write_label(value: Iterable[tuple[int, int, str]]) -> str:
    """The canonical form of spans that do not overlap."""
    spans = [{"start": int(start), "end": int(end), "label": label} for start, end, label in sorted(value)]
    return json.dumps(spans, ensure_ascii=False)


def read_label(label: str) -> list[Span]:
    """The spans of a canonical form."""
    return [Span(span["start"], span["end"], span["label"]) for span in json.loads(label)]


def name_labels(label: str) -> list[str]:
    """The label of each span, in the order of the text."""
    return [span.label for span in read_label(label)]


def read_soft(soft: NDArray[np.float64], labels: Sequence[str]) -> dict[Span, float]:
    """The share of each span that `soft` has."""
    numbers = np.reshape(soft, (-1, NUMBERS_OF_A_SPAN)).tolist()
    return {Span(int(start), int(end), labels[int(label)]): share for start, end, label, share in numbers}


def soften(label: str, labels: Sequence[str]) -> NDArray[np.float64]:
    """`soft` of a label that a person gave: each of its spans has all of the share."""
    numbers = [(span.start, span.end, labels.index(span.label), 1.0) for span in read_label(label)]
    return np.array(numbers, dtype=np.float64).ravel()
