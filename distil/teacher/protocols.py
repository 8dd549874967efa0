"""The wire formats of teachers: a request's body, and an answer read from what came back.

Sources: the OpenAI API reference (chat completions, legacy completions), text-generation-inference's /generate and its
guidance page (`grammar`), vLLM's page on structured outputs, and the llama.cpp server's README, whose /v1/completions
gives log-probabilities in the chat form.
"""

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from distil.forms.answers import Answer
from distil.prompting.params import AnnotateParams
from distil.prompting.requests import Message, Request

Body = dict[str, Any]

MOST_TOKENS = 2**63  # what the tables hold stays below
KINDS: list[tuple[Any, str]] = [
    (type(None), "null"),
    (bool, "true or false"),
    (int | float, "a number"),
    (str, "text"),
    (list, "a list"),
    (dict, "an object"),
]


class UnreadableAnswerError(Exception):
    """The endpoint answered JSON that is not of its protocol."""


class Protocol(ABC):
    """What the OpenAI-compatible protocols share; the subclasses are the wire formats."""

    path = ""

    def __init__(self, params: AnnotateParams, model: str, schema: Mapping[str, Any] | None = None) -> None:
        """`schema` holds the endpoint to answers of a form."""
        self.params = params
        self.model = model
        self.schema = schema

    def body(self, request: Request) -> Body:
        """The JSON body of a request, `annotate.extra` included."""
        body = self._body(request) | self.params.extra
        return {name: value for name, value in body.items() if value is not None}

    def _body(self, request: Request) -> Body:
        return {
            "model": self.model,
            "max_tokens": self.params.max_tokens,
            "temperature": self.params.temperature,
            "top_p": self.params.top_p,
            "seed": request.seed,
        }

    def _response_format(self) -> Body:
        return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": self.schema}}

    @abstractmethod
    def answer(self, payload: Any) -> Answer:
        """Read an answer into what the store and the tables can hold.

        Raises `UnreadableAnswerError` if the payload is not of this protocol.
        """


class Completion(Protocol):
    """The legacy `/completions` of OpenAI, vLLM and llama.cpp."""

    path = "/completions"

    def _body(self, request: Request) -> Body:
        body = super()._body(request) | {"prompt": request.prompt}
        if self.params.method == "score":
            body["logprobs"] = self.params.top_logprobs
        if self.schema:
            body["json_schema"] = self.schema  # llama.cpp; each server passes over the name that it does not know
            body["response_format"] = self._response_format()  # vLLM
        return body

    def answer(self, payload: Any) -> Answer:
        """Read an answer, errors as in `Protocol.answer`."""
        choice = _first_choice(payload)
        finish_reason = _word(choice.get("finish_reason"))
        return Answer(
            reply=_text(_need(choice, "text", "choices[0]"), "text"),
            finish_reason=finish_reason,
            refused=finish_reason == "content_filter",
            top_logprobs=_first_token_logprobs(choice.get("logprobs"), self.params.top_logprobs),
            **_usage(payload),
        )


class Chat(Protocol):
    """`/chat/completions`, the protocol of most endpoints."""

    path = "/chat/completions"

    def _body(self, request: Request) -> Body:
        body = super()._body(request) | {
            "messages": [{"role": role, "content": content} for role, content in request.messages]
        }
        if self.params.method == "score":
            body |= {"logprobs": True, "top_logprobs": self.params.top_logprobs}
        if self.schema:
            body["response_format"] = self._response_format()
        return body

    def answer(self, payload: Any) -> Answer:
        """Read an answer, errors as in `Protocol.answer`."""
        choice = _first_choice(payload)
        message = _object(_need(choice, "message", "choices[0]"), "message")
        finish_reason = _word(choice.get("finish_reason"))
        return Answer(
            reply=_content(message.get("content")),
            finish_reason=finish_reason,
            refused=bool(message.get("refusal")) or finish_reason == "content_filter",
            top_logprobs=_first_token_logprobs(choice.get("logprobs"), self.params.top_logprobs),
            **_usage(payload),
        )


class Tgi(Protocol):
    """text-generation-inference's own `/generate`; `render` puts the messages into the model's chat template."""

    path = "/generate"

    def __init__(
        self,
        params: AnnotateParams,
        model: str,
        render: Callable[[Sequence[Message]], str],
        schema: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(params, model, schema)
        self.render = render

    def body(self, request: Request) -> Body:
        """The JSON body; `annotate.extra` goes into its parameters."""
        sampling = self.params.temperature > 0  # TGI refuses a temperature of 0
        parameters: dict[str, Any] = {
            "max_new_tokens": self.params.max_tokens,
            "do_sample": sampling,
            "temperature": self.params.temperature if sampling else None,
            "top_p": self.params.top_p,
            "seed": request.seed,
            "details": True,
            "return_full_text": False,
        }
        if self.schema:
            parameters["grammar"] = {"type": "json", "value": self.schema}
        parameters |= self.params.extra
        return {
            "inputs": self.render(request.messages),
            "parameters": {name: value for name, value in parameters.items() if value is not None},
        }

    def answer(self, payload: Any) -> Answer:
        """Read an answer, errors as in `Protocol.answer`."""
        generated = _first(payload, "it") if isinstance(payload, list) else _object(payload, "it")
        details = _fields(generated.get("details"))
        return Answer(
            reply=_text(_need(generated, "generated_text", "it"), "generated_text"),
            finish_reason=_word(details.get("finish_reason")),
            output_tokens=_count(details.get("generated_tokens")),
        )


def find_words(payload: Any) -> Any:
    """What is said of an error that was sent as if it were an answer, at the top or in a choice; None without one."""
    top = _fields(payload)
    choices = top.get("choices")
    choice = _fields(choices[0]) if isinstance(choices, list) and choices else {}
    said = top.get("error") or choice.get("error") or top.get("detail")
    return said or (top.get("message") if isinstance(top.get("message"), str) else None)


def _first_choice(payload: Any) -> Body:
    return _first(_need(_object(payload, "it"), "choices", "it"), "choices")


def _first(value: Any, place: str) -> Body:
    """The object at the head of a list."""
    if not isinstance(value, list):
        raise _unlike(value, place, "a list")
    if not value:
        raise UnreadableAnswerError(f"{place} is empty")
    return _object(value[0], f"{place}[0]")


def _object(value: Any, place: str) -> Body:
    if not isinstance(value, dict):
        raise _unlike(value, place, "an object")
    return value


def _need(fields: Body, key: str, place: str) -> Any:
    if key not in fields:
        raise UnreadableAnswerError(f"{place} has no {key}")
    return fields[key]


def _unlike(value: Any, place: str, wanted: str) -> UnreadableAnswerError:
    kind = next(name for kind, name in KINDS if isinstance(value, kind))
    return UnreadableAnswerError(f"{place} is {kind}, not {wanted}")


def _text(value: Any, place: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise _unlike(value, place, "text")
    return value and _clean(value)


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()  # half a surrogate pair can be in no file


def _content(value: Any) -> str | None:
    """The text of a chat message, which may come in parts; those of a model's thinking are no part of its answer."""
    if isinstance(value, list):
        return "".join(_part(part, f"content[{number}]") for number, part in enumerate(value))
    return _text(value, "content")


def _part(value: Any, place: str) -> str:
    """The text of a part, which some servers send as it is; none of a part of another kind."""
    if isinstance(value, str):
        return _clean(value)
    part = _object(value, place)
    return _text(_need(part, "text", place), "text") or "" if part.get("type") == "text" else ""


def _word(value: Any) -> str | None:
    return _clean(value) if isinstance(value, str) else None


def _fields(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: Any) -> int | None:
    """A number of tokens, also one written as text or with a point; what is none is not told."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value < MOST_TOKENS else None


def _usage(payload: Any) -> dict[str, int | None]:
    usage = _fields(payload.get("usage"))
    return {
        "input_tokens": _count(usage.get("prompt_tokens")),
        "cached_tokens": _count(_fields(usage.get("prompt_tokens_details")).get("cached_tokens")),
        "output_tokens": _count(usage.get("completion_tokens")),
        "reasoning_tokens": _count(_fields(usage.get("completion_tokens_details")).get("reasoning_tokens")),
    }


def _first_token_logprobs(logprobs: Any, most: int) -> tuple[tuple[str, float], ...] | None:
    """Read the likeliest first tokens from the chat form (`content`) or the old form (`top_logprobs`).

    Some servers tell one more than they were asked for; of those after it nothing is kept.
    """
    if not logprobs:
        return None
    forms = _object(logprobs, "logprobs")
    if content := forms.get("content"):
        tops = _need(_first(content, "content"), "top_logprobs", "content[0]")
        if not isinstance(tops, list):
            raise _unlike(tops, "top_logprobs", "a list")
        pairs = (tuple(_need(_object(top, "a token"), key, "a token") for key in ("token", "logprob")) for top in tops)
        return _likeliest_first(pairs, most + 1)
    if tops := forms.get("top_logprobs"):
        return _likeliest_first(_first(tops, "top_logprobs").items(), most + 1)
    return None


def _likeliest_first(pairs: Iterable[tuple[Any, ...]], most: int) -> tuple[tuple[str, float], ...] | None:
    """The tokens in order, without those that have no finite log-probability; None if none is left."""
    finite = []
    for token, logprob in pairs:
        if not isinstance(token, str):
            raise _unlike(token, "a token", "text")
        if isinstance(logprob, float | int) and abs(logprob) <= sys.float_info.max:
            finite.append((_clean(token), float(logprob)))
    return tuple(sorted(finite, key=lambda pair: -pair[1])[:most]) or None
