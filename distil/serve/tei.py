"""Requests and replies of `POST /predict`, as text-embeddings-inference has them for classifiers.

`inputs` is a string or `["string"]`, one text; `["string", "string"]`, a pair, which no student reads; or a batch,
`[["string"], ["string"]]`. A text's reply is a list of labels with scores, the highest first; a batch's is a list of
such lists. Students of several labels add to each label whether it applies, and those of spans reply with spans, as
transformers' pipeline groups them.

With `details`, which text-embeddings-inference has not, the reply about a text is an object: the same list beside how
sure the student is, and who answered.

A request with `parameters` is one of the Hugging Face Inference API, which `huggingface_hub.InferenceClient` sends:
there a list of strings is a batch, and the reply about one text is a list in a list too.
"""

import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, Field, PlainValidator

from distil.classifiers.opening import OnnxStudent
from distil.core.params import Kind
from distil.serve.answers import Said
from distil.serve.faults import invalid, malformed
from distil.serve.service import AnsweredBy, Labelled
from distil.tagging.words import redact

EXPECTED = "a string, or a batch of strings [[string], [string], ...]"
PAIR = "a pair of texts, which this model does not read: it labels one text at a time"


Inputs = str | list[str] | list[list[str]]


def _check_inputs(given: Any) -> Any:
    """Stop at the first fault: pydantic would tell of each element in each of the forms, of gigabytes in a request."""
    items = given if isinstance(given, list) else [given]
    batch = isinstance(given, list) and any(isinstance(item, list) for item in items[:1])
    for item in items:
        texts = item if batch else [item]
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ValueError(f"expected {EXPECTED}")
    return given


class HubParameters(BaseModel):
    """The parameters of the Hugging Face Inference API that mean something here."""

    function_to_apply: Literal["sigmoid", "softmax", "none"] | None = None
    top_k: int | None = Field(default=None, ge=1)
    aggregation_strategy: Literal["none", "simple", "first", "average", "max"] | None = None


class PredictRequest(BaseModel):
    """What is to be labelled; fields that are not known are passed over."""

    inputs: Annotated[Inputs, PlainValidator(_check_inputs, json_schema_input_type=Inputs)] = Field(
        description=EXPECTED, examples=["it works like a charm", [["good"], ["bad"]]]
    )
    truncate: bool | None = Field(
        default=None, description="False: a text that is longer than the student reads is refused"
    )
    truncation_direction: Literal["Right", "right", "Left", "left"] = "Right"
    raw_scores: bool = Field(default=False, description="Logits in place of probabilities; the teacher is not asked")
    details: bool = Field(default=False, description="An object for each text: its list, sureness, and who answered")
    parameters: HubParameters | None = Field(default=None, description="Of the Hugging Face Inference API")


class Prediction(BaseModel):
    """A label and its score, and of students of several labels whether it applies."""

    label: str
    score: float
    applies: bool | None = None


class FoundSpan(BaseModel):
    """A span; its places are in code points, the end exclusive."""

    entity_group: str
    score: float
    word: str
    start: int
    end: int


class ErrorBody(BaseModel):
    """A refusal."""

    error: str
    error_type: str


Predictions = list[Prediction] | list[FoundSpan]


class Detailed(BaseModel):
    """What is said of a text, how sure the student is of it, and who answered."""

    predictions: Predictions
    sureness: float | None  # null beside logits
    unsure: bool
    answered_by: AnsweredBy
    why_not_teacher: str | None  # where it should have answered and did not


class Asked(NamedTuple):
    """A request that was understood."""

    texts: list[str]
    is_batch: bool
    raw: bool
    cut: bool
    most: int | None  # labels in a reply
    in_list: bool  # the reply about one text too
    detailed: bool


PLAIN = Asked([], is_batch=False, raw=False, cut=True, most=None, in_list=False, detailed=False)


def read_request(request: PredictRequest, kind: Kind) -> Asked:
    """What is asked; raises `FaultError`."""
    given, hub = request.inputs, request.parameters
    raw = request.raw_scores
    if hub is not None:
        raw |= _check_parameters(hub, kind)
    if raw and kind == "token_classification":
        raise malformed("raw_scores is for labels of whole texts, and this model finds spans")
    if request.truncation_direction.lower() == "left":
        raise malformed("truncation_direction: this model reads the beginning of a text, write Right")
    if isinstance(given, str):
        texts, is_batch = [given], False
    elif hub is not None and all(isinstance(item, str) for item in given):
        texts, is_batch = [str(item) for item in given], True
    else:
        texts, is_batch = _read_list(given)
    if not texts:
        raise malformed(f"inputs: expected {EXPECTED}, not an empty list")
    most, cut = hub.top_k if hub else None, request.truncate is not False
    return Asked(texts, is_batch, raw, cut, most, hub is not None, request.details)


def read_plain(body: bytes) -> Asked | None:
    """What is asked by a request of nothing but a text or a batch.

    Null for any other, which `PredictRequest` has to look at, and may say what is wrong with it.
    """
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(given, dict) or given.keys() != {"inputs"}:
        return None
    inputs = given["inputs"]
    if isinstance(inputs, str):
        return PLAIN._replace(texts=[inputs])
    if not isinstance(inputs, list) or not inputs:
        return None
    if all(isinstance(one, list) and len(one) == 1 and isinstance(one[0], str) for one in inputs):
        return PLAIN._replace(texts=[one[0] for one in inputs], is_batch=True)
    return None


def write_reply(student: OnnxStudent, asked: Asked, labelled: Sequence[Labelled]) -> Any:
    """The reply to a request."""
    show = SHOWN[student.kind]
    shown: list[Any] = [show(student, one.said, asked)[: asked.most] for one in labelled]
    if asked.detailed:
        shown = [{"predictions": some} | _tell_details(one) for one, some in zip(labelled, shown, strict=True)]
    in_list = asked.is_batch or (asked.in_list and student.kind != "token_classification")
    return shown if in_list else shown[0]


def write_redacted(asked: Asked, labelled: Sequence[Labelled]) -> Any:
    """The texts with each span replaced by its label, and the spans without their words."""
    written = [_redact(text, one, asked.detailed) for text, one in zip(asked.texts, labelled, strict=True)]
    return written if asked.is_batch else written[0]


def _redact(text: str, one: Labelled, detailed: bool) -> dict[str, Any]:
    spans = [{"entity_group": s.label, "score": s.probability, "start": s.start, "end": s.end} for s in one.said.spans]
    return {"text": redact(text, one.said.spans), "spans": spans} | (_tell_details(one) if detailed else {})


def _tell_details(one: Labelled) -> dict[str, Any]:
    return {
        "sureness": one.said.sureness,
        "unsure": one.unsure,
        "answered_by": one.by,
        "why_not_teacher": one.why_not,
    }


def _read_list(given: Sequence[Any]) -> tuple[list[str], bool]:
    if all(isinstance(item, str) for item in given):
        if len(given) > 2:
            raise malformed(f"inputs: expected {EXPECTED}, not a list of {len(given):,} strings")
        if len(given) > 1:
            raise invalid(f"Input validation error: `inputs` is {PAIR}")
        return list(given), False
    for item in given:
        if len(item) == 2:
            raise invalid(f"Input validation error: `inputs` has {PAIR}")
        if len(item) != 1:
            raise malformed(f"inputs: expected {EXPECTED}, not a list of {len(item):,} strings in a batch")
    return [item[0] for item in given], True


def _check_parameters(hub: HubParameters, kind: Kind) -> bool:
    """Whether logits are asked for; raises `FaultError` at what this student does not do."""
    own = {"classification": "softmax", "multi_label": "sigmoid"}.get(kind)
    if hub.function_to_apply not in (None, "none", own):
        raise malformed(f"function_to_apply: this model's scores come from {own or 'its spans'}; leave it out")
    if hub.aggregation_strategy == "none":
        raise malformed("aggregation_strategy: this model groups words to spans by their first token; write first")
    return hub.function_to_apply == "none"


def _show_one(student: OnnxStudent, said: Said, asked: Asked) -> list[dict[str, Any]]:
    ranked = sorted(zip(said.scores, student.labels, strict=True), key=lambda pair: -pair[0])
    return [{"label": label, "score": score} for score, label in ranked]


def _show_several(student: Any, said: Said, asked: Asked) -> list[dict[str, Any]]:
    limits = dict(zip(student.labels, student.thresholds.tolist(), strict=True))
    shown = _show_one(student, said, asked)
    return shown if asked.raw else [one | {"applies": one["score"] >= limits[one["label"]]} for one in shown]


def _show_spans(student: OnnxStudent, said: Said, asked: Asked) -> list[dict[str, Any]]:
    return [
        {"entity_group": one.label, "score": one.probability, "word": one.text, "start": one.start, "end": one.end}
        for one in said.spans
    ]


SHOWN: dict[Kind, Callable[[Any, Said, Asked], list[dict[str, Any]]]] = {
    "classification": _show_one,
    "multi_label": _show_several,
    "token_classification": _show_spans,
}
