"""Requests and replies of `POST /v1/chat/completions`, in OpenAI's form, for the prompt of the study alone.

A program that asks the teacher sends the study's prompt with a text in it. The text is found again by the prompt, and
the answer is written as the prompt asks for it, so the program need not know that a student answered. Examples that
were shown before the text do not matter to a student; another instruction does, and is refused.
"""

import json
import re
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, FailFast, Field, RootModel

from distil.forms.reading import AnswerForm, PartForm
from distil.prompting.requests import HOLE, Plan, Request
from distil.serve.faults import FaultError

REASON = "reason"
STAND_IN = "-"  # for a reason, where the answer is JSON that has one
MOST_CHOICES = 16


class Part(BaseModel):
    """A part of a message."""

    type: str
    text: str = ""


class Parts(RootModel[list[Part]]):
    """The parts of a message."""

    root: Annotated[list[Part], FailFast()]


class ChatMessage(BaseModel):
    """A turn."""

    role: str
    content: str | Parts | None = None

    @property
    def text(self) -> str:
        """What it says."""
        if isinstance(self.content, Parts):
            return "".join(part.text for part in self.content.root if part.type == "text")
        return self.content or ""


class Schema(BaseModel):
    """The JSON schema that an answer has to keep to."""

    properties: dict[str, Any] = Field(default_factory=dict)
    required: Annotated[list[str], FailFast()] = Field(default_factory=list)


class NamedSchema(BaseModel):
    """A schema as it is sent."""

    schema_: Schema = Field(default_factory=Schema, alias="schema")


class ResponseFormat(BaseModel):
    """Whether JSON is wanted, and of which form."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: NamedSchema | None = None


class StreamOptions(BaseModel):
    """What a stream tells besides."""

    include_usage: bool | None = False


class ChatRequest(BaseModel):
    """What is asked; what only a language model needs (temperature, seed, max_tokens, ...) is passed over."""

    messages: Annotated[list[ChatMessage], FailFast()] = Field(min_length=1)
    model: str | None = None
    n: int | None = Field(default=1, ge=1, le=MOST_CHOICES)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    response_format: ResponseFormat | None = None


class Question(NamedTuple):
    """The text that was asked about, and the label if it was about one alone."""

    text: str
    label: str | None


class _Joint(NamedTuple):
    """What stands between two texts where one message has examples: the line after a text, that before the next."""

    tail: str
    begins_line: bool  # the tail does, else it follows the text at once
    lead: str
    by_blank: bool  # where the prompt has neither, a blank line parts them

    def stands_in(self, text: str) -> bool:
        """Whether it does, so that more than one text may be there."""
        lines = [line.strip() for line in text.strip().split("\n")]
        if not self.tail and not self.lead:
            return self.by_blank and "" in lines
        followed = not self.tail
        for number, line in enumerate(lines):
            if followed and number and line.startswith(self.lead):
                return True
            followed |= line.startswith(self.tail) if self.begins_line else self.tail in line
        return False


@dataclass(frozen=True)
class _Template:
    """What stands before, between and after the places of a text in the last message; null: no system message."""

    label: str | None
    system: str | None
    pieces: Sequence[str]
    joint: "_Joint"


class Chat:
    """Finds texts in messages, and writes answers."""

    def __init__(self, name: str, plan: Plan, answers: AnswerForm, parts: PartForm | None) -> None:
        """Answer what a plan of the study of this name asks, in the form of its kind of task."""
        self.name = name
        self._answers, self._parts, self._labels = answers, parts, plan.labels
        self._prompt = plan.params.prompt
        asked = [request for request in plan.requests(HOLE) if request.vote == 1]
        self._templates = [template for request in asked for template in _make_templates(request)]
        words = "\n".join(content for request in asked for _, content in request.messages)
        schema = (answers if parts is None else parts).answer_schema(self._labels)
        self._schema = schema["properties"]
        self._keys = list(self._schema)
        told = any(re.search(rf'\{{[^{{}}]*"{re.escape(key)}"\s*:', words) for key in self._keys if key != REASON)
        self._in_json = told or plan.schema is not None
        self._with_reason = f'"{REASON}"' in words or plan.schema is not None

    def find(self, request: ChatRequest) -> Question:
        """The question in a request; raises `FaultError`, which says what is expected."""
        *earlier, last = request.messages
        systems = [message.text.strip() for message in earlier if message.role in ("system", "developer")]
        for template in self._templates:
            text = _find_text(last.text, template.pieces) if last.role == "user" else None
            if text and systems == ([template.system.strip()] if template.system else []):
                if template.joint.stands_in(text):
                    raise FaultError(400, "Validation", self._tell_joint())
                return Question(text, template.label)
        system = ", after its system message" if any(template.system for template in self._templates) else ""
        raise FaultError(
            400,
            "Validation",
            f"this server answers the prompt {self._prompt} of its study alone: the last message has to be of the user "
            f"and have the body of that file{system}, labels and one text filled in",
        )

    def _tell_joint(self) -> str:
        return (
            f"what stands in the place of the text has parts of the prompt {self._prompt} in it, so that it may be an "
            "example and a text; send examples that are not in that file as turns of their own"
        )

    def write(self, question: Question, label: str, wanted: ResponseFormat | None) -> str:
        """The answer to a question; `label` is in its canonical form. Raises `FaultError` at a schema of another form.

        A student gives no reason: it is null in JSON, or empty where a schema wants one.
        """
        in_schema = (
            wanted.json_schema.schema_ if wanted and wanted.type == "json_schema" and wanted.json_schema else None
        )
        if not (self._in_json if wanted is None else wanted.type != "text" or self._in_json):
            return self._show(question, label, None)
        fields: dict[str, Any] = json.loads(self._show(question, label, STAND_IN)) | {REASON: None}
        if in_schema is None:
            return _write(fields if self._with_reason else {key: fields[key] for key in fields if key != REASON})
        fields = {key: fields[key] for key in in_schema.properties if key in fields}
        if REASON in fields and not _takes_null(in_schema.properties[REASON]):
            fields[REASON] = ""
        for key in fields.keys() - {REASON}:
            names = _find_names(in_schema.properties[key])
            if names and not names >= _find_names(self._schema[key]):
                raise FaultError(
                    400, "Validation", f"response_format: the answers of this server have other values in {key!r}"
                )
        if not fields.keys() - {REASON} or not fields.keys() >= set(in_schema.required):
            raise FaultError(
                400, "Validation", f"response_format: the answers of this server have the keys {', '.join(self._keys)}"
            )
        return _write(fields)

    def _show(self, question: Question, label: str, reason: str | None) -> str:
        if self._parts is None:
            return self._answers.show_answer(label, question.text, reason)
        return self._parts.show_answer(label, question.label or "", question.text, reason)


def write_completion(request: ChatRequest, model: str, content: str, tokens: int) -> dict[str, Any]:
    """The reply; `tokens` are those that the student read of the text, and none are generated."""
    message = {"role": "assistant", "content": content, "refusal": None}
    choices = [
        {"index": number, "message": message, "logprobs": None, "finish_reason": "stop"}
        for number in range(request.n or 1)
    ]
    return {**_head("chat.completion", model), "choices": choices, "usage": _count(tokens)}


def stream_completion(request: ChatRequest, model: str, content: str, tokens: int) -> Iterator[str]:
    """The same as events: one with the answer, one that ends it, and the last."""
    head = _head("chat.completion.chunk", model)
    numbers = range(request.n or 1)
    for delta, reason in (({"role": "assistant", "content": content}, None), ({}, "stop")):
        choices = [{"index": n, "delta": delta, "logprobs": None, "finish_reason": reason} for n in numbers]
        yield f"data: {_write({**head, 'choices': choices})}\n\n"
    if request.stream_options and request.stream_options.include_usage:
        yield f"data: {_write({**head, 'choices': [], 'usage': _count(tokens)})}\n\n"
    yield "data: [DONE]\n\n"


def list_models(model: str) -> dict[str, Any]:
    """The reply of `GET /v1/models`."""
    return {"object": "list", "data": [{"id": model, "object": "model", "created": 0, "owned_by": "distil"}]}


def _make_templates(request: Request) -> Iterator[_Template]:
    """The messages of a request as turns, and as one text for those who know no roles."""
    systems = [content for role, content in request.messages if role == "system"]
    body = request.messages[-1][1].split(HOLE)
    yield _Template(request.label, systems[0] if systems else None, body, _make_joint(body, by_blank=False))
    if len(request.messages) > 1:
        yield _Template(request.label, None, request.prompt.split(HOLE), _make_joint(body, by_blank=True))


def _make_joint(body: Sequence[str], *, by_blank: bool) -> _Joint:
    before, after = body[0].strip().split("\n"), body[-1].strip().split("\n")
    return _Joint(after[0].strip(), body[-1].lstrip(" ").startswith("\n"), before[-1].strip(), by_blank)


def _find_text(content: str, pieces: Sequence[str]) -> str | None:
    """What stands in all places between the pieces, None if nothing does; blanks around the whole need not agree."""
    stripped = [pieces[0].lstrip(), *pieces[1:-1], pieces[-1].rstrip()]
    return _cut_out(content, pieces) or _cut_out(content.strip(), stripped)


def _cut_out(content: str, pieces: Sequence[str]) -> str | None:
    size, rest = divmod(len(content) - sum(map(len, pieces)), len(pieces) - 1)
    if rest or size <= 0:
        return None
    start = len(pieces[0])
    text = content[start : start + size]
    return text if text.join(pieces) == content else None


def _find_names(schema: Any) -> set[str]:
    """All words that a schema lists as possible, at any depth."""
    names, rest = set[str](), [schema]
    while rest:
        part = rest.pop()
        if isinstance(part, list):
            rest += part
        elif isinstance(part, dict):
            listed = part.get("enum")
            names.update(name for name in (listed if isinstance(listed, list) else []) if isinstance(name, str))
            rest += part.values()
    return names


def _takes_null(schema: Any) -> bool:
    return '"null"' in json.dumps(schema)


def _write(fields: dict[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=False)


def _head(kind: str, model: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": kind, "created": int(time.time()), "model": model}


def _count(tokens: int) -> dict[str, int]:
    return {"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens}
