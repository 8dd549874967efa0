"""What a request is refused with: a status and one line, in the form of text-embeddings-inference or of OpenAI.

No message repeats a text: it would end up in logs, and half a character in one has no bytes in UTF-8.
"""

from collections.abc import Mapping
from typing import Any, Literal

FaultType = Literal["Validation", "Tokenizer", "Backend", "Overloaded", "Unhealthy", "Unauthorized"]
OPENAI_PATHS = "/v1/"
OPENAI_TYPES: Mapping[FaultType, str] = {
    "Overloaded": "rate_limit_error",
    "Backend": "server_error",
    "Unhealthy": "server_error",
    "Unauthorized": "authentication_error",
}


class FaultError(Exception):
    """Ends a request; `kind` is the `error_type` of text-embeddings-inference."""

    def __init__(self, status: int, kind: FaultType, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.kind, self.message, self.headers = status, kind, message, dict(headers or {})

    def body(self, path: str) -> dict[str, Any]:
        """The JSON of the reply, in the form that clients of the path know."""
        if path.startswith(OPENAI_PATHS):
            kind = OPENAI_TYPES.get(self.kind, "invalid_request_error")
            return {"error": {"message": self.message, "type": kind, "param": None, "code": None}}
        return {"error": self.message, "error_type": self.kind}


def invalid(message: str, status: int = 413) -> FaultError:
    """Something in the request that is understood and not taken; 413 is what text-embeddings-inference says then."""
    return FaultError(status, "Validation", message)


def malformed(message: str) -> FaultError:
    """A request whose fields are not as they should be."""
    return invalid(message, 422)
