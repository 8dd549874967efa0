"""Which requests a study needs: one a text and vote, or one for each label besides.

Each is known by a hash of all that its answer depends on. The hash covers the model's identity, the messages,
the decoding parameters, the schema and the vote's number, and nothing of the endpoint's address: the same model behind
another address is not paid for again.

Examples are shown as turns that went before: the body of the prompt with the example's text, then the answer, as the
kind of task has it: JSON if the example has a reason, else the plain label.
"""

import functools
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import Any

from distil.forms.answers import Answer
from distil.forms.reading import AnswerForm, PartForm, Reading
from distil.prompting.params import AnnotateParams
from distil.prompting.prompt_files import Example, Prompt, check_label_place, check_reason, fill_labels

Message = tuple[str, str]
"""Role (system, user or assistant) and content."""

HOLE = "\0question\0"  # where an identity differs from text to text
VOTE_AND_SEED = '0,"vote":0}'  # how an identity ends, in the order of its keys

_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Request:
    """One question to the teacher; `label` is the one that it asks about, null where it asks about all."""

    key: str  # 64 hex digits
    text: str
    messages: tuple[Message, ...]
    vote: int  # 1, 2, ...
    seed: int | None
    label: str | None = None

    @property
    def prompt(self) -> str:
        """The messages as one text to be continued, for models that know no roles."""
        return join_messages(self.messages)


@dataclass(frozen=True)
class _Frame:
    """What is the same in all requests that ask about a label, or about all: see `Plan`."""

    label: str | None
    body: Sequence[str]
    opening: tuple[Message, ...]
    identities: Mapping[str, tuple[str, str]]
    turns: Callable[[Example], tuple[Message, Message]]
    stem: Any  # has hashed the identity of a text without examples of its own up to the text
    rest: Sequence[str]  # of that identity: what stands between the text's places, and after the last up to the seed
    characters: int  # of the messages about an empty text without examples of its own


class Plan:
    """Turns texts into the requests of one teacher; plans of one job are told apart by `name`.

    A vote is one request, or with `annotate.ask: each` one for each label, which is what `asked` lists (one null: all).
    """

    def __init__(
        self,
        params: AnnotateParams,
        labels: Sequence[str],
        form: AnswerForm,
        prompt: Prompt,
        model_identity: str,
        name: str | None = None,
        parts: PartForm | None = None,
    ) -> None:
        """Its name is the model's unless another is given; raises `InputError` if an example cannot be shown.

        Its label may not be one of the task's, or it may lack the reason that `json_schema` asks for. `parts` asks
        about each label by itself; the prompt then has to say where the label goes.
        """
        self.params = params
        self.name = params.name if name is None else name
        self.labels = labels
        self.form = form
        self.asked: Sequence[str | None] = [None] if parts is None else labels
        self._parts = parts
        self.schema = (form if parts is None else parts).answer_schema(labels) if params.json_schema else None
        self._wire = "chat" if params.protocol == "tgi" else params.protocol
        self._fixed = {
            "model": model_identity,
            "form": self._wire,
            "method": params.method,
            "parameters": decoding_parameters(params),
            "schema": self.schema,
        }
        if parts is not None:
            check_label_place(prompt, params.prompt)
        examples = [self._check(example, number) for number, example in enumerate(prompt.examples, start=1)]
        self._frames = [self._make_frame(label, prompt, examples) for label in self.asked]
        self._endings = [self._end(vote) for vote in range(1, params.votes.max + 1)]

    def request(self, text: str, vote: int, examples: Sequence[Example] = ()) -> Request:
        """The (first) request for one vote on a text; the examples are shown after the prompt's own."""
        return self._requests(text, examples, [vote])[0]

    def requests(self, text: str, examples: Sequence[Example] = ()) -> list[Request]:
        """All requests that a text may need, vote by vote."""
        return self._requests(text, examples, range(1, self.params.votes.max + 1))

    def hashes(self, text: str) -> list[bytes]:
        """The keys of `requests(text)`, as 32 bytes each: all that counting needs, in a fifth of the time."""
        escaped = encode_basestring(text)[1:-1]
        stems = [self._hash_question(frame, escaped) for frame in self._frames]
        found = []
        for ending in self._endings:
            for stem in stems:
                whole = stem.copy()
                whole.update(ending)
                found.append(whole.digest())
        return found

    def count_characters(self, text: str) -> int:
        """The characters in the messages of the requests for one vote on a text that shows no examples of its own."""
        return sum(frame.characters + len(text) * (len(frame.body) - 1) for frame in self._frames)

    def by_vote(self, requests: Sequence[Request]) -> list[Sequence[Request]]:
        """The requests of a text, those of each vote together."""
        size = len(self.asked)
        return [requests[start : start + size] for start in range(0, len(requests), size)]

    def read(self, requests: Sequence[Request], answers: Sequence[Answer]) -> Reading:
        """Read the answers to the requests of one vote; one that asks about each label is ok if all of them are."""
        if self._parts is None:
            return self.form.read_reply(answers[0], self.labels, requests[0].text)
        readings: dict[str, Reading] = {}
        for request, answer in zip(requests, answers, strict=True):
            label = request.label or ""
            readings[label] = reading = self._parts.read_reply(answer, label, request.text)
            if reading.status != "ok":
                return reading
        return self._parts.join(readings, self.labels)

    def _requests(self, text: str, examples: Sequence[Example], votes: Iterable[int]) -> list[Request]:
        asked = [(*self._put(frame, text, examples), frame.label) for frame in self._frames]
        return [
            self._request(text, messages, stem.copy(), vote, label) for vote in votes for messages, stem, label in asked
        ]

    def _put(self, frame: _Frame, text: str, examples: Sequence[Example]) -> tuple[tuple[Message, ...], Any]:
        """The messages about a text, and what has hashed their identity up to the seed."""
        shown = [message for example in examples for message in frame.turns(example)]
        messages = (*frame.opening, *shown, ("user", text.join(frame.body)))
        if not shown:
            return messages, self._hash_question(frame, encode_basestring(text)[1:-1])
        identity = self._identify(frame.identities, messages)
        return messages, hashlib.sha256(identity.encode("utf-8", "surrogatepass"))

    def _identify(self, identities: Mapping[str, tuple[str, str]], messages: tuple[Message, ...]) -> str:
        """The JSON that is hashed, up to the seed."""
        alone = len(messages) == 1 or self._wire == "completion"
        before, after = identities["prompt" if alone else "messages"]
        return f"{before}{_encode(join_messages(messages) if alone else messages)}{after}"

    @staticmethod
    def _hash_question(frame: _Frame, escaped: str) -> Any:
        """What has hashed the identity of a text, given as JSON has it, up to the seed."""
        stem = frame.stem.copy()
        stem.update(escaped.join(["", *frame.rest]).encode("utf-8", "surrogatepass"))
        return stem

    def _request(self, text: str, messages: tuple[Message, ...], stem: Any, vote: int, label: str | None) -> Request:
        stem.update(self._end(vote))
        return Request(stem.hexdigest(), text, messages, vote, self._seed(vote), label)

    def _seed(self, vote: int) -> int | None:
        return None if self.params.seed is None else self.params.seed + vote - 1

    def _end(self, vote: int) -> bytes:
        """How the identity of a vote ends."""
        seed = self._seed(vote)
        return f'{"null" if seed is None else seed},"vote":{vote}}}'.encode()

    def _check(self, example: Example, number: int) -> Example:
        """An example of the prompt with its label in the canonical form."""
        place = f"the prompt {self.params.prompt}, example {number}"
        label = self.form.read_example(example.label, example.text, self.labels, place)
        if self.params.json_schema:
            check_reason(example.reason, place)
        return example.model_copy(update={"label": label})

    def _make_frame(self, label: str | None, prompt: Prompt, examples: Sequence[Example]) -> _Frame:
        body = fill_labels(prompt.body, self.labels, label)
        system = [("system", "".join(fill_labels(prompt.system, self.labels, label)))] if prompt.system else []
        identities = {name: _frame_identity(self._fixed, name) for name in ("prompt", "messages")}

        def show(example: Example) -> tuple[Message, Message]:
            return ("user", example.text.join(body)), ("assistant", self._show_answer(example, label))

        opening = (*system, *(message for example in examples for message in show(example)))
        empty = (*opening, ("user", "".join(body)))
        first, *rest = self._identify(identities, (*opening, ("user", HOLE.join(body)))).split(_encode(HOLE)[1:-1])
        stem = hashlib.sha256(first.encode("utf-8", "surrogatepass"))
        characters = sum(len(content) for _, content in empty)
        return _Frame(label, body, opening, identities, functools.cache(show), stem, rest, characters)

    def _show_answer(self, example: Example, label: str | None) -> str:
        if self.params.json_schema:  # of a prompt's examples this is known, of a file's perhaps not
            check_reason(example.reason, f"the example {example.text[:60]!r}")
        reason = example.reason if self.params.method == "generate" else None  # scores are read where the answer begins
        if self._parts is None:
            return self.form.show_answer(example.label, example.text, reason)
        return self._parts.show_answer(example.label, label or "", example.text, reason)


def _frame_identity(fixed: dict[str, Any], name: str) -> tuple[str, str]:
    """What stands in an identity's JSON before the question, and between it and the seed: the same for all texts."""
    before, _, after = _encode({**fixed, name: HOLE, "seed": 0, "vote": 0}).partition(_encode(HOLE))
    return before, after.removesuffix(VOTE_AND_SEED)


def join_messages(messages: Iterable[Message]) -> str:
    """Turns with a blank line between them; an answer stands one blank after its question."""
    turns: list[str] = []
    for role, content in messages:
        if role == "assistant":
            turns[-1] = f"{turns[-1].rstrip()} {content}"
        else:
            turns.append(content)
    return "\n\n".join(turns)


def decoding_parameters(params: AnnotateParams) -> dict[str, Any]:
    """The parameters that shape an answer, without those that are not set."""
    chosen: dict[str, Any] = {"temperature": params.temperature, "max_tokens": params.max_tokens}
    if params.top_p is not None:
        chosen["top_p"] = params.top_p
    if params.method == "score":
        chosen["top_logprobs"] = params.top_logprobs
    return chosen | ({"extra": params.extra} if params.extra else {})
