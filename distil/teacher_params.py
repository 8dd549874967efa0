"""The section `annotate`: which teacher is asked, what, and how often."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from distil.params import Number, Params


class RecordingParams(Params):
    """A table of answers that a teacher gave earlier; each vote's reply is a JSON object made of some columns."""

    files: list[str] = Field(min_length=1)  # https://...#sha256=... or path#sha256=...
    text: str  # the column that holds the text
    votes: list[dict[str, str]] = Field(min_length=1)  # a vote each: key of the reply -> column


class AnnotateParams(Params):
    """What the teacher is asked; everything here that can change an answer is part of a request's hash."""

    prompt: str
    method: Literal["score", "generate"]
    protocol: Literal["completion", "chat", "tgi", "recorded"]
    server: Literal["local", "endpoint"] = "endpoint"
    model: str
    votes: int = Field(default=1, ge=1)
    seed: int | None = 0  # of the first vote, the next gets one more; null: none is sent
    temperature: Number = Field(default=0.0, ge=0)
    top_p: Number | None = Field(default=None, gt=0, le=1)
    max_tokens: int = Field(ge=1)
    top_logprobs: int = Field(default=20, ge=2)
    json_schema: bool = False  # hold the endpoint to {"reason": ..., "label": one of task.labels}
    extra: dict[str, Any] = Field(default_factory=dict)  # further fields of the request's body; null takes one out
    recording: RecordingParams | None = None
    max_failed_share: Number = Field(default=0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _check_combination(self) -> Self:
        if self.method == "score" and self.protocol not in ("completion", "chat"):
            raise ValueError(f"method score needs protocol completion or chat, not {self.protocol}")
        if self.method == "score" and self.votes > 1:
            raise ValueError("method score gives the same answer each time; set votes to 1")
        if self.server == "local" and self.protocol not in ("completion", "chat"):
            raise ValueError(f"server local speaks completion and chat, not {self.protocol}")
        if (self.protocol == "recorded") != (self.recording is not None):
            raise ValueError("protocol recorded and annotate.recording go together")
        if self.recording and self.votes > len(self.recording.votes):
            raise ValueError(f"votes is {self.votes}, but annotate.recording.votes lists {len(self.recording.votes)}")
        return self
