"""The section `annotate`: which teacher is asked, or which teachers, what, and how often."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, field_validator, model_validator

from distil.core.params import Number, Params

ONE_RECORDING = "one recording, so the same answers: give each a recording of its own"


def explain_first(error: ValidationError) -> str:
    """The first thing that is wrong, as pydantic or a check of ours says it, after the key where it is one key's."""
    first = error.errors()[0]
    return ": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, "))))


def _check_json(value: Any) -> Any:
    try:
        json.dumps(value, allow_nan=False, sort_keys=True)
    except (TypeError, ValueError):
        raise ValueError("cannot be sent as JSON (a date has to be in quotes)") from None
    return value


Extra = dict[str, Annotated[Any, AfterValidator(_check_json)]]
"""Fields of a request's body: what JSON can say."""


STAND_IN = "stand-in"  # for the tokenizer of a teacher, where none is named


class RecordingParams(Params):
    """A table of answers that a teacher gave earlier; each vote's reply is a JSON object made of some columns."""

    files: list[str] = Field(min_length=1)  # https://...#sha256=... or path#sha256=...
    text: str  # the column that holds the text
    votes: list[dict[str, str]] = Field(min_length=1)  # a vote each: key of the reply -> column
    tokenizer: str | None = STAND_IN  # an asset that counts tokens, which no recording has; null: they stay unknown


class ExamplesParams(Params):
    """A small labelled file, of which the texts nearest to the one in question are shown to the teacher."""

    file: str  # csv with a header: text, label and perhaps reason
    nearest: int = Field(default=0, ge=0)  # how many; 0: none
    show_reason: bool = True  # false: none of the file's reasons is shown, for a prompt that asks for the label alone
    embeddings: str | None = None  # encoder that says what is near, an asset such as train.base

    @model_validator(mode="after")
    def _check_encoder(self) -> Self:
        if self.nearest and not self.embeddings:
            raise ValueError(
                f"nearest is {self.nearest}, but annotate.examples.embeddings is missing; name the encoder that says "
                "what is near, such as that of train.base"
            )
        return self


class VotesParams(Params):
    """How many answers a text gets; more than `min` only as long as they disagree."""

    min: int = Field(ge=1)
    max: int = Field(ge=1)

    @property
    def fixed(self) -> bool:
        """Whether all texts get the same number of answers."""
        return self.min == self.max

    def describe(self) -> str:
        """The number in words."""
        if not self.fixed:
            return f"{self.min} to {self.max} votes a text"
        return "1 vote a text" if self.max == 1 else f"{self.max} votes a text"

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min is {self.min}, but max is {self.max}")
        if self.min == 1 < self.max:
            raise ValueError("one answer disagrees with nothing; min has to be 2 or more where max is larger")
        return self


def _read_votes(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return {"min": value, "max": value}
    if not isinstance(value, dict | VotesParams):
        raise ValueError("write 3 or {min: 2, max: 5}")  # noqa: TRY004 (pydantic takes a ValueError)
    return value


Votes = Annotated[VotesParams, BeforeValidator(_read_votes)]
"""Votes that may be written as 3, which is short for {min: 3, max: 3}."""


class OwnParams(Params):
    """What one of several may have of its own, where the section says it for all."""

    protocol: Literal["completion", "chat", "tgi", "recorded"] | None = None
    server: Literal["local", "endpoint"] | None = None
    temperature: Number | None = Field(default=None, ge=0)
    top_p: Number | None = Field(default=None, gt=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1)
    seed: int | None = None
    json_schema: bool | None = None
    extra: Extra | None = None
    recording: RecordingParams | None = None  # implies protocol: recorded

    @field_validator(
        "protocol", "server", "temperature", "max_tokens", "json_schema", "extra", "recording", mode="before"
    )
    @classmethod
    def _check_given(cls, value: Any) -> Any:
        if value is None:
            raise ValueError("needs a value; leave the key out to use what annotate says for all teachers")
        return value


class TeacherParams(OwnParams):
    """One of several teachers: its model, and what is asked of it otherwise than of the others."""

    model: str


def _read_teacher(value: Any) -> Any:
    return {"model": value} if isinstance(value, str) else value


Teacher = Annotated[TeacherParams, BeforeValidator(_read_teacher)]
"""A teacher that may be written as its model's name alone."""


class AnnotateParams(Params):
    """What the teacher is asked; everything here that can change an answer is part of a request's hash."""

    prompt: str
    method: Literal["score", "generate"]
    ask: Literal["together", "each"] = "together"  # about all labels at once, or about each by itself ({label})
    protocol: Literal["completion", "chat", "tgi", "recorded"]
    server: Literal["local", "endpoint"] = "endpoint"
    model: str | None = None
    teachers: list[Teacher] | None = Field(default=None, min_length=1)  # instead of model; each gives all its votes
    votes: Votes = VotesParams(min=1, max=1)
    seed: int | None = 0  # of the first vote, the next gets one more; null: none is sent
    temperature: Number = Field(default=0.0, ge=0)
    top_p: Number | None = Field(default=None, gt=0, le=1)
    max_tokens: int = Field(ge=1)
    top_logprobs: int = Field(default=20, ge=2)
    json_schema: bool = False  # hold the endpoint to {"reason": ..., "label": one of task.labels}
    extra: Extra = Field(default_factory=dict)  # further fields of the request's body; null takes one out
    examples: ExamplesParams | None = None
    recording: RecordingParams | None = None
    max_failed_share: Number = Field(default=0.0, ge=0, le=1)  # of the requests, failed on the way; more fail the stage

    @property
    def name(self) -> str:
        """The model's name, or the names of all teachers."""
        return self.model or " + ".join(teacher.model for teacher in self.teachers or [])

    @property
    def remote(self) -> bool:
        """Whether an endpoint is asked, and not this machine or a recording."""
        return self.server == "endpoint" and self.recording is None

    def each_teacher(self) -> list["AnnotateParams"]:
        """The section as it reads for each teacher alone, with its `model` and without `teachers`."""
        teachers = self.teachers
        return [self] if teachers is None else [self.change(one.model_dump(exclude_unset=True)) for one in teachers]

    def change(self, own: Mapping[str, Any]) -> "AnnotateParams":
        """The section for one model, with some values of its own; raises pydantic's `ValidationError`.

        A recording of its own is given again and nobody asked; any other protocol leaves the section's recording aside.
        """
        section = self.model_dump(exclude={"teachers"})
        if own.get("recording"):
            section |= {"protocol": "recorded", "server": "endpoint"}
        elif own.get("protocol", "recorded") != "recorded":
            section["recording"] = None
        return AnnotateParams(**(section | dict(own)))

    @model_validator(mode="after")
    def _check_teachers(self) -> Self:
        if (self.model is None) == (self.teachers is None):
            raise ValueError("name either one model or a list of teachers")
        names = [teacher.model for teacher in self.teachers or []]
        if len(set(names)) < len(names):
            raise ValueError("a model stands twice in teachers")
        recorded: list[tuple[str, RecordingParams]] = []
        for number, teacher in enumerate(self.teachers or []):
            try:
                alone = self.change(teacher.model_dump(exclude_unset=True))
            except ValidationError as error:
                raise ValueError(f"annotate.teachers.{number} ({teacher.model}): {explain_first(error)}") from None
            for name, recording in recorded:
                if recording == alone.recording:
                    raise ValueError(f"{name} and {teacher.model} have {ONE_RECORDING}")
            recorded += [(teacher.model, alone.recording)] if alone.recording else []
        return self

    @model_validator(mode="after")
    def _check_combination(self) -> Self:
        if self.teachers is None:  # else each was checked alone
            self._check_method()
            self._check_protocol()
        return self

    def _check_method(self) -> None:
        votes = self.votes.max
        if self.method == "score":
            if self.protocol not in ("completion", "chat"):
                raise ValueError(f"method score needs protocol completion or chat, not {self.protocol}")
            if votes > 1:
                raise ValueError("method score gives the same answer each time; set votes to 1")
            if self.json_schema:
                raise ValueError(
                    "method score reads the label's first token, json_schema wants a whole answer; drop one"
                )
        elif votes > 1 and self.temperature == 0 and self.recording is None:
            raise ValueError(
                f"votes is {votes}, but the same answer comes each time: set temperature above 0, or votes to 1"
            )
        if self.json_schema and self.examples and self.examples.nearest and not self.examples.show_reason:
            raise ValueError("json_schema asks for reasons, but examples.show_reason is false; change one of them")

    def _check_protocol(self) -> None:
        if self.server == "local" and self.protocol not in ("completion", "chat"):
            raise ValueError(f"server local speaks completion and chat, not {self.protocol}")
        if self.recording and self.ask == "each":
            raise ValueError("a recording has one answer a vote for all labels; set ask: together")
        if (self.protocol == "recorded") != (self.recording is not None):
            raise ValueError("protocol recorded and annotate.recording go together")
        if self.recording and self.votes.max > len(self.recording.votes):
            raise ValueError(
                f"votes is {self.votes.max}, but annotate.recording.votes lists {len(self.recording.votes)}"
            )
