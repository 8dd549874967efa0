"""Which requests a study needs: one a text and vote, each known by a hash of all that its answer depends on.

The hash covers the model's identity, the messages, the decoding parameters, the schema and the vote's number, and
nothing of the endpoint's address: the same model behind another address is not paid for again.

Examples are shown as turns that went before: the body of the prompt with the example's text, then the answer, as the
kind of task has it: JSON if the example has a reason, else the plain label.
"""

import functools
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from distil.forms.reading import AnswerForm
from distil.prompting.params import AnnotateParams
from distil.prompting.prompt_files import Example, Prompt, check_reason, fill_labels

Message = tuple[str, str]
"""Role (system, user or assistant) and content."""

HOLE = "\0question\0"  # where an identity differs from text to text
VOTE_AND_SEED = '0,"vote":0}'  # how an identity ends, in the order of its keys

_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Request:
    """One question to the teacher."""

    key: str  # 64 hex digits
    text: str
    messages: tuple[Message, ...]
    vote: int  # 1, 2, ...
    seed: int | None

    @property
    def prompt(self) -> str:
        """The messages as one text to be continued, for models that know no roles."""
        return join_messages(self.messages)


class Plan:
    """Turns texts into the requests of one teacher; plans of one job are told apart by `name`."""

    def __init__(
        self,
        params: AnnotateParams,
        labels: Sequence[str],
        form: AnswerForm,
        prompt: Prompt,
        model_identity: str,
        name: str | None = None,
    ) -> None:
        """Its name is the model's unless another is given; raises `InputError` if an example cannot be shown.

        Its label may not be one of the task's, or it may lack the reason that `json_schema` asks for.
        """
        self.params = params
        self.name = params.name if name is None else name
        self.labels = labels
        self.form = form
        self.schema = form.answer_schema(labels) if params.json_schema else None
        examples = [self._check(example, number) for number, example in enumerate(prompt.examples, start=1)]
        self._wire = "chat" if params.protocol == "tgi" else params.protocol
        fixed = {
            "model": model_identity,
            "form": self._wire,
            "method": params.method,
            "parameters": decoding_parameters(params),
            "schema": self.schema,
        }
        self._frames = {name: _frame_identity(fixed, name) for name in ("prompt", "messages")}
        self._body = fill_labels(prompt.body, labels)
        self._turns = functools.cache(self._make_turns)
        system = [("system", "".join(fill_labels(prompt.system, labels)))] if prompt.system else []
        self._opening = (*system, *self._show(examples))

    def request(self, text: str, vote: int, examples: Sequence[Example] = ()) -> Request:
        """The request for one vote on a text; the examples are shown after the prompt's own."""
        return self._requests(text, examples, [vote])[0]

    def requests(self, text: str, examples: Sequence[Example] = ()) -> list[Request]:
        """All requests that a text may need, a vote each."""
        return self._requests(text, examples, range(1, self.params.votes.max + 1))

    def _requests(self, text: str, examples: Sequence[Example], votes: Iterable[int]) -> list[Request]:
        messages = (*self._opening, *self._show(examples), ("user", text.join(self._body)))
        alone = len(messages) == 1 or self._wire == "completion"
        before, after = self._frames["prompt" if alone else "messages"]
        question = _encode(join_messages(messages) if alone else messages)
        stem = hashlib.sha256(f"{before}{question}{after}".encode("utf-8", "surrogatepass"))
        return [self._request(text, messages, stem.copy(), vote) for vote in votes]

    def _request(self, text: str, messages: tuple[Message, ...], stem: Any, vote: int) -> Request:
        """The request for a vote; `stem` has hashed its identity up to the seed."""
        seed = None if self.params.seed is None else self.params.seed + vote - 1
        stem.update(f'{"null" if seed is None else seed},"vote":{vote}}}'.encode())
        return Request(stem.hexdigest(), text, messages, vote, seed)

    def _check(self, example: Example, number: int) -> Example:
        """An example of the prompt with its label in the canonical form."""
        place = f"the prompt {self.params.prompt}, example {number}"
        label = self.form.read_example(example.label, example.text, self.labels, place)
        if self.params.json_schema:
            check_reason(example.reason, place)
        return example.model_copy(update={"label": label})

    def _show(self, examples: Iterable[Example]) -> list[Message]:
        return [message for example in examples for message in self._turns(example)]

    def _make_turns(self, example: Example) -> tuple[Message, Message]:
        if self.params.json_schema:  # of a prompt's examples this is known, of a file's perhaps not
            check_reason(example.reason, f"the example {example.text[:60]!r}")
        reason = example.reason if self.params.method == "generate" else None  # scores are read where the answer begins
        answer = self.form.show_answer(example.label, example.text, reason)
        return ("user", example.text.join(self._body)), ("assistant", answer)


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
