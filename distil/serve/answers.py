"""What the student, or the teacher in its place, says of texts, in the form that replies are made of.

For all kinds of task: a score for each label, or spans.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding

from distil.classifiers.canonical import load_softener
from distil.classifiers.onnx_classifier import OnnxClassifier, OnnxMultiLabel
from distil.classifiers.onnx_runner import CPU
from distil.classifiers.onnx_tagger import OnnxTagger
from distil.classifiers.opening import OnnxStudent
from distil.core.params import Kind
from distil.serve.alike import MOST_TEXTS, group_alike
from distil.tagging.splitting import Split
from distil.tagging.words import Entity

Shares = NDArray[np.float64]


class Said(NamedTuple):
    """What is said of one text: a score for each label of the student, or spans.

    `tokens` are those that were read and `given` those that the text has, special ones included. `sureness` is how sure
    the student is, from 0 to 1; null beside logits.
    """

    scores: list[float]
    spans: list[Entity]
    tokens: int
    given: int
    sureness: float | None = None


def say(student: OnnxStudent, texts: Sequence[str], raw: bool = False, threads: Executor | None = None) -> list[Said]:
    """Return what the student says of each text: its probabilities, `raw` its logits, or its spans.

    Few texts are computed on a CPU in parts of like length, side by side in the `threads`.
    """
    read = student.encode(texts)
    if raw or threads is None or student.provider != CPU or len(texts) > MOST_TEXTS:
        return SAYING[student.kind](student, read, raw)
    parts = group_alike([COUNTING[student.kind](one) for one in read], student.batch_tokens)
    said = threads.map(lambda part: SAYING[student.kind](student, [read[place] for place in part], raw), parts)
    placed = {place: one for part, some in zip(parts, said, strict=True) for place, one in zip(part, some, strict=True)}
    return [placed[place] for place in range(len(texts))]


def decide(student: OnnxStudent, said: Said) -> Any:
    """The answer as what `load_writer` loads takes it: a name, names in their order, or spans."""
    return DECIDING[student.kind](student, said)


def take_label(student: OnnxStudent, said: Said, text: str, label: str) -> Said:
    """The same with the label of another, in its canonical form: it has a score of 1, and all others of 0."""
    shares = load_softener(student.kind)(label, student.labels)
    return TAKING[student.kind](student, said, text, shares)


def _say_labels(student: OnnxClassifier | OnnxMultiLabel, read: Sequence[Encoding], raw: bool) -> list[Said]:
    if raw:
        scores, sureness = student.predict_encoded_logits(read), [None] * len(read)
    else:
        scores, sure = student.judge_encoded(read)
        sureness = sure.tolist()
    return [
        Said(row, [], len(encoding), _count_given(encoding), sure)
        for row, encoding, sure in zip(scores.tolist(), read, sureness, strict=True)
    ]


def _say_spans(student: OnnxTagger, read: Sequence[Split], raw: bool) -> list[Said]:
    found, sureness = student.judge_encoded(read)
    return [
        Said([], spans, _count_rows(split), 0, sure)
        for spans, split, sure in zip(found, read, sureness.tolist(), strict=True)
    ]


def _count_rows(split: Split) -> int:
    return sum(map(len, split.rows))


def _take_scores(student: OnnxStudent, said: Said, text: str, shares: Shares) -> Said:
    return said._replace(scores=shares.tolist())


def _take_spans(student: OnnxStudent, said: Said, text: str, shares: Shares) -> Said:
    places = [(int(start), int(end), student.labels[int(number)]) for start, end, number, _ in shares.reshape(-1, 4)]
    return said._replace(spans=[Entity(start, end, name, text[start:end], 1.0) for start, end, name in places])


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


COUNTING: dict[Kind, Callable[[Any], int]] = {  # the tokens of a text
    "classification": len,
    "multi_label": len,
    "token_classification": _count_rows,
}
SAYING: dict[Kind, Callable[[Any, Any, bool], list[Said]]] = {
    "classification": _say_labels,
    "multi_label": _say_labels,
    "token_classification": _say_spans,
}
DECIDING: dict[Kind, Callable[[Any, Said], Any]] = {
    "classification": _decide_one,
    "multi_label": _decide_several,
    "token_classification": _decide_spans,
}
TAKING: dict[Kind, Callable[[OnnxStudent, Said, str, Shares], Said]] = {
    "classification": _take_scores,
    "multi_label": _take_scores,
    "token_classification": _take_spans,
}
