"""What a teacher answered to one request, in one form for all protocols, as the store keeps it."""

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: its text, or the log-probabilities of its first token, and what it used.

    `top_logprobs` holds (token, natural log-probability) pairs of the likeliest first tokens, the likeliest first.
    Token counts are None where the endpoint does not tell them.
    """

    reply: str | None
    finish_reason: str | None = None
    refused: bool = False
    top_logprobs: tuple[tuple[str, float], ...] | None = None
    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None

    def to_json(self) -> str:
        """The answer as one line of JSON; what is None or False is left out."""
        fields = ((name, getattr(self, name)) for name in self.__slots__)
        return json.dumps({name: value for name, value in fields if value is not None and value is not False})

    @classmethod
    def from_json(cls, line: str) -> "Answer":
        """Read what `to_json` wrote."""
        fields = {"reply": None, **json.loads(line)}
        if "top_logprobs" in fields:
            fields["top_logprobs"] = tuple((token, logprob) for token, logprob in fields["top_logprobs"])
        return cls(**fields)
