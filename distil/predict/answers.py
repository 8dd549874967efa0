"""What the student says of texts, as the columns that are added to their rows.

One label a text: `label` and its `probability`. Several: `labels`, a list. Spans: `spans`, a list of objects with
start, end (exclusive), label, text and probability. Of several labels and of spans `probability` is that of the least
certain one, and null where there is none.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from distil.classifiers.onnx_classifier import OnnxClassifier, OnnxMultiLabel
from distil.classifiers.onnx_tagger import OnnxTagger
from distil.classifiers.opening import OnnxStudent
from distil.core.params import Kind, Params
from distil.tagging.words import Entity, redact

DIGITS = 6  # of a probability
SPAN = pa.struct(
    [
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("label", pa.string()),
        ("text", pa.string()),
        ("probability", pa.float64()),
    ]
)
REDACTED_SPAN = pa.struct([field for field in SPAN if field.name != "text"])
ANSWERS: dict[Kind, tuple[str, pa.DataType]] = {
    "classification": ("label", pa.string()),
    "multi_label": ("labels", pa.list_(pa.string())),
    "token_classification": ("spans", pa.list_(SPAN)),
}


class Wanted(Params):
    """What is added to each row: all labels' probabilities, or the text with spans replaced, and how names begin."""

    probabilities: bool = False
    redact: bool = False
    prefix: str = ""


class Answer(NamedTuple):
    """The columns that are added to a row, and whether the text is longer than the student reads."""

    cells: dict[str, Any]
    cut: bool
    text: str | None = None  # in place of the row's own


def list_fields(student: OnnxStudent, wanted: Wanted) -> list[pa.Field]:
    """The columns that are added, with their types."""
    name, kind = ANSWERS[student.kind]
    fields = [(name, pa.list_(REDACTED_SPAN) if wanted.redact else kind), ("probability", pa.float64())]
    if wanted.probabilities:
        fields += [(name_share(label), pa.float64()) for label in student.labels]
    return [pa.field(f"{wanted.prefix}{name}", kind) for name, kind in fields]


def name_share(label: str) -> str:
    """The column of a label's probability."""
    return f"probability_{label}"


def answer(student: OnnxStudent, texts: Sequence[str], wanted: Wanted) -> list[Answer]:
    """Return what the student says of each text."""
    found = ANSWERERS[student.kind](student, texts, wanted)
    return [one._replace(cells={f"{wanted.prefix}{name}": cell for name, cell in one.cells.items()}) for one in found]


def _answer_one(student: OnnxClassifier, texts: Sequence[str], wanted: Wanted) -> list[Answer]:
    encodings = student.encode(texts)
    shares = student.predict_encoded(encodings)
    best = shares.argmax(axis=1).tolist()
    return [
        Answer(
            {
                "label": student.labels[place],
                "probability": _round(row[place]),
                **_all_shares(student.labels, row, wanted),
            },
            _is_cut(encoding),
        )
        for place, row, encoding in zip(best, shares.tolist(), encodings, strict=True)
    ]


def _answer_several(student: OnnxMultiLabel, texts: Sequence[str], wanted: Wanted) -> list[Answer]:
    encodings = student.encode(texts)
    shares = student.predict_encoded(encodings)
    answers = []
    for row, applies, encoding in zip(shares.tolist(), shares >= student.thresholds, encodings, strict=True):
        places = applies.nonzero()[0].tolist()
        cells = {
            "labels": [student.labels[place] for place in places],
            "probability": _round(min((row[place] for place in places), default=None)),
            **_all_shares(student.labels, row, wanted),
        }
        answers.append(Answer(cells, _is_cut(encoding)))
    return answers


def _answer_spans(student: OnnxTagger, texts: Sequence[str], wanted: Wanted) -> list[Answer]:
    answers = []
    for text, entities in zip(texts, student.predict_encoded(student.encode(texts)), strict=True):
        cells = {
            "spans": [_write_span(entity, wanted) for entity in entities],
            "probability": _round(min((entity.probability for entity in entities), default=None)),
        }
        answers.append(Answer(cells, False, redact(text, entities) if wanted.redact else None))
    return answers


def _write_span(entity: Entity, wanted: Wanted) -> dict[str, Any]:
    """A span as an object; without its words where these are not to be read."""
    span = entity._asdict() | {"probability": _round(entity.probability)}
    return {name: value for name, value in span.items() if not (wanted.redact and name == "text")}


def _all_shares(labels: Sequence[str], row: Sequence[float], wanted: Wanted) -> Mapping[str, float | None]:
    if not wanted.probabilities:
        return {}
    return {name_share(label): _round(share) for label, share in zip(labels, row, strict=True)}


def _round(share: float | None) -> float | None:
    return None if share is None else round(share, DIGITS)


def _is_cut(encoding: Any) -> bool:
    """Whether the tokenizer left tokens out at its limit."""
    return bool(encoding.overflowing)


ANSWERERS: dict[Kind, Callable[[Any, Sequence[str], Wanted], list[Answer]]] = {
    "classification": _answer_one,
    "multi_label": _answer_several,
    "token_classification": _answer_spans,
}
