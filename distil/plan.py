"""Which requests a study needs: one a text and vote, each known by a hash of all that its answer depends on.

The hash covers the model's identity, the filled prompt, the decoding parameters, the schema and the vote's number, and
nothing of the endpoint's address: the same model behind another address is not paid for again.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from distil.prompts import fill_prompt
from distil.teacher_params import AnnotateParams


@dataclass(frozen=True, slots=True)
class Request:
    """One question to the teacher."""

    key: str  # 64 hex digits
    text: str
    prompt: str
    vote: int  # 1, 2, ...
    seed: int | None


class Plan:
    """Turns texts into requests."""

    def __init__(self, params: AnnotateParams, labels: Sequence[str], template: str, model_identity: str) -> None:
        self.params = params
        self.labels = labels
        self.template = template
        self.fixed = {
            "model": model_identity,
            "form": "chat" if params.protocol == "tgi" else params.protocol,
            "method": params.method,
            "parameters": decoding_parameters(params),
            "schema": answer_schema(labels) if params.json_schema else None,
        }

    def requests(self, text: str) -> list[Request]:
        """The requests of one text, a vote each."""
        prompt = fill_prompt(self.template, text, self.labels)
        return [self._request(text, prompt, vote) for vote in range(1, self.params.votes + 1)]

    def _request(self, text: str, prompt: str, vote: int) -> Request:
        seed = None if self.params.seed is None else self.params.seed + vote - 1
        identity = {**self.fixed, "prompt": prompt, "vote": vote, "seed": seed}
        canonical = json.dumps(identity, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        key = hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()
        return Request(key, text, prompt, vote, seed)


def decoding_parameters(params: AnnotateParams) -> dict[str, Any]:
    """The parameters that shape an answer, without those that are not set."""
    chosen: dict[str, Any] = {"temperature": params.temperature, "max_tokens": params.max_tokens}
    if params.top_p is not None:
        chosen["top_p"] = params.top_p
    if params.method == "score":
        chosen["top_logprobs"] = params.top_logprobs
    return chosen | ({"extra": params.extra} if params.extra else {})


def answer_schema(labels: Sequence[str]) -> dict[str, Any]:
    """The JSON schema of an answer: a reason first, so that the label follows from it, then one of the labels."""
    return {
        "type": "object",
        "properties": {"reason": {"type": "string"}, "label": {"type": "string", "enum": list(labels)}},
        "required": ["reason", "label"],
        "additionalProperties": False,
    }
