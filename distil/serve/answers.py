"""What the student says of texts, in the form that replies are made of, for all kinds of task."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tokenizers import Encoding

from distil.classifiers.onnx_classifier import OnnxClassifier, OnnxMultiLabel
from distil.classifiers.onnx_tagger import OnnxTagger
from distil.classifiers.opening import OnnxStudent
from distil.core.params import Kind
from distil.tagging.words import Entity


class Said(NamedTuple):
    """What is said of one text: a score for each label of the student, or spans.

    `tokens` are those that were read and `given` those that the text has, special ones included.
    """

    scores: list[float]
    spans: list[Entity]
    tokens: int
    given: int


def say(student: OnnxStudent, texts: Sequence[str], raw: bool = False) -> list[Said]:
    """Return what the student says of each text: its probabilities, `raw` its logits, or its spans."""
    return SAYING[student.kind](student, texts, raw)


def decide(student: OnnxStudent, said: Said) -> Any:
    """The answer as `load_writer` of `distil/kinds/canonical.py` takes it: a name, names in their order, or spans."""
    return DECIDING[student.kind](student, said)


def _say_labels(student: OnnxClassifier | OnnxMultiLabel, texts: Sequence[str], raw: bool) -> list[Said]:
    encodings = student.encode(texts)
    scores = student.predict_logits(texts) if raw else student.predict_encoded(encodings)
    return [
        Said(row, [], len(encoding), _count_given(encoding))
        for row, encoding in zip(scores.tolist(), encodings, strict=True)
    ]


def _say_spans(student: OnnxTagger, texts: Sequence[str], raw: bool) -> list[Said]:
    splits = student.encode(texts)
    return [
        Said([], spans, sum(map(len, split.rows)), 0)
        for spans, split in zip(student.predict_encoded(splits), splits, strict=True)
    ]


def _count_given(encoding: Encoding) -> int:
    """The tokens of a text that may have been cut; each piece of it has the special tokens."""
    return len(encoding) + sum(len(piece) - sum(piece.special_tokens_mask) for piece in encoding.overflowing)


def _decide_one(student: OnnxClassifier, said: Said) -> str:
    return student.labels[max(range(len(said.scores)), key=said.scores.__getitem__)]


def _decide_several(student: OnnxMultiLabel, said: Said) -> list[str]:
    limits = student.thresholds.tolist()
    return [label for label, score, limit in zip(student.labels, said.scores, limits, strict=True) if score >= limit]


def _decide_spans(student: OnnxTagger, said: Said) -> list[tuple[int, int, str]]:
    return [(span.start, span.end, span.label) for span in said.spans]


SAYING: dict[Kind, Callable[[Any, Sequence[str], bool], list[Said]]] = {
    "classification": _say_labels,
    "multi_label": _say_labels,
    "token_classification": _say_spans,
}
DECIDING: dict[Kind, Callable[[Any, Said], Any]] = {
    "classification": _decide_one,
    "multi_label": _decide_several,
    "token_classification": _decide_spans,
}
