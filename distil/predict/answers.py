"""What the student says of texts, as the columns that are added to their rows.

One label a text: `label` and its `probability`. Several: `labels`, a list. Spans: `spans`, a list of objects with
start, end (exclusive), label, text and probability. Of several labels and of spans `probability` is that of the least
certain one, and null where there is none. Where texts may be passed on, `sureness` is how sure the student is of the
text as a whole, `passed_on` says why a text is, if those that are unlike the training texts are too, and where the
teacher is asked, `answered_by` says whose answer it is.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from distil.classifiers.onnx_classifier import OnnxClassifier, OnnxMultiLabel
from distil.classifiers.onnx_tagger import OnnxTagger
from distil.classifiers.opening import OnnxStudent
from distil.core.params import Kind, Params
from distil.selective.unlike import Unlike
from distil.tagging.words import Entity, redact

DIGITS = 6  # of a probability
UNLIKE = "unlike"  # why a text is passed on, beside `unsure`
SURENESS, PASSED_ON, ANSWERED_BY = "sureness", "passed_on", "answered_by"
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
    """What is added to each row: all labels' probabilities, or the text with spans replaced, and how names begin.

    And who gets the texts that the student is not sure of, or that are unlike its training texts.
    """

    probabilities: bool = False
    redact: bool = False
    prefix: str = ""
    unsure_below: float | None = None  # sureness; of texts below it another has to say
    unlike_above: float | None = None  # distance from the training texts; of texts beyond it another has to say
    unsure_to: Literal["teacher", "file"] | None = None


class Answer(NamedTuple):
    """The columns that are added to a row, and whether the text is longer than the student reads."""

    cells: dict[str, Any]
    cut: bool
    text: str | None = None  # in place of the row's own
    passed_on: tuple[str, ...] = ()  # why: unsure, unlike


Answered = tuple[list[Answer], NDArray[np.float64], NDArray[np.float32] | None]
"""What is said, how sure the student is of each, and what its head read, as `judge_and_read` has both."""


def list_fields(student: OnnxStudent, wanted: Wanted) -> list[pa.Field]:
    """The columns that are added, with their types."""
    name, kind = ANSWERS[student.kind]
    fields = [(name, pa.list_(REDACTED_SPAN) if wanted.redact else kind), ("probability", pa.float64())]
    if wanted.probabilities:
        fields += [(name_share(label), pa.float64()) for label in student.labels]
    if wanted.unsure_below is not None:
        fields.append((SURENESS, pa.float64()))
    if wanted.unlike_above is not None:
        fields.append((PASSED_ON, pa.string()))
    if wanted.unsure_to == "teacher":
        fields.append((ANSWERED_BY, pa.string()))
    return [pa.field(f"{wanted.prefix}{name}", kind) for name, kind in fields]


def name_share(label: str) -> str:
    """The column of a label's probability."""
    return f"probability_{label}"


def answer(student: OnnxStudent, texts: Sequence[str], wanted: Wanted, unlike: Unlike | None = None) -> list[Answer]:
    """Return what the student says of each text; `unlike` measures it, in a student that was opened to be measured."""
    found, sureness, read = ANSWERERS[student.kind](student, texts, wanted)
    distances = np.zeros(len(found)) if unlike is None or read is None else unlike.measure(read)
    judged = zip(found, sureness.tolist(), distances.tolist(), strict=True)
    return [_add_sureness(one, sure, distance, wanted) for one, sure, distance in judged]


def write_teacher_answer(kind: Kind, label: str, text: str, wanted: Wanted) -> Answer:
    """What the teacher says of a text, a label in its canonical form, as the columns in place of the student's.

    The student's own probabilities, and its sureness, stay.
    """
    said, redacted = READERS[kind](label, text, wanted)
    cells = {ANSWERS[kind][0]: said, "probability": None, ANSWERED_BY: "teacher"}
    return Answer({f"{wanted.prefix}{name}": cell for name, cell in cells.items()}, False, redacted)


def _read_spans(label: str, text: str, wanted: Wanted) -> tuple[list[dict[str, Any]], str | None]:
    """Spans out of their canonical form, and the text without them if that is wanted."""
    places = [(one["start"], one["end"], one["label"]) for one in json.loads(label)]
    spans = [Entity(start, end, name, text[start:end], 0.0) for start, end, name in places]
    said = [_write_span(span, wanted) | {"probability": None} for span in spans]
    return said, redact(text, spans) if wanted.redact else None


def _add_sureness(one: Answer, sureness: float, distance: float, wanted: Wanted) -> Answer:
    """The answer with names as wanted, and with how sure the student is of it, if texts may be passed on."""
    unsure = wanted.unsure_below is not None and sureness < wanted.unsure_below
    unlike = wanted.unlike_above is not None and not distance <= wanted.unlike_above
    why = tuple(name for name, holds in (("unsure", unsure), (UNLIKE, unlike)) if holds)
    cells = dict(one.cells)
    if wanted.unsure_below is not None:
        cells[SURENESS] = _round(sureness)
    if wanted.unlike_above is not None:
        cells[PASSED_ON] = ", ".join(why) or None
    if wanted.unsure_to == "teacher":
        cells[ANSWERED_BY] = "student"
    named = {f"{wanted.prefix}{name}": cell for name, cell in cells.items()}
    return one._replace(cells=named, passed_on=why)


def _answer_one(student: OnnxClassifier, texts: Sequence[str], wanted: Wanted) -> Answered:
    encodings = student.encode(texts)
    shares, sureness, read = student.judge_and_read(encodings)
    best = shares.argmax(axis=1).tolist()
    answers = [
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
    return answers, sureness, read


def _answer_several(student: OnnxMultiLabel, texts: Sequence[str], wanted: Wanted) -> Answered:
    encodings = student.encode(texts)
    shares, sureness, read = student.judge_and_read(encodings)
    answers = []
    for row, applies, encoding in zip(shares.tolist(), shares >= student.thresholds, encodings, strict=True):
        places = applies.nonzero()[0].tolist()
        cells = {
            "labels": [student.labels[place] for place in places],
            "probability": _round(min((row[place] for place in places), default=None)),
            **_all_shares(student.labels, row, wanted),
        }
        answers.append(Answer(cells, _is_cut(encoding)))
    return answers, sureness, read


def _answer_spans(student: OnnxTagger, texts: Sequence[str], wanted: Wanted) -> Answered:
    answers = []
    found, sureness, read = student.judge_and_read(student.encode(texts))
    for text, entities in zip(texts, found, strict=True):
        cells = {
            "spans": [_write_span(entity, wanted) for entity in entities],
            "probability": _round(min((entity.probability for entity in entities), default=None)),
        }
        answers.append(Answer(cells, False, redact(text, entities) if wanted.redact else None))
    return answers, sureness, read


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


ANSWERERS: dict[Kind, Callable[[Any, Sequence[str], Wanted], Answered]] = {
    "classification": _answer_one,
    "multi_label": _answer_several,
    "token_classification": _answer_spans,
}
READERS: dict[Kind, Callable[[str, str, Wanted], tuple[Any, str | None]]] = {  # of a canonical label of a text
    "classification": lambda label, _text, _wanted: (label, None),
    "multi_label": lambda label, _text, _wanted: (json.loads(label), None),
    "token_classification": _read_spans,
}
