"""What annotate needs of whatever answers requests, an endpoint or a recording: an answer, or why there is none."""

from dataclasses import dataclass
from typing import Protocol

from distil.forms.answers import Answer
from distil.prompting.requests import Request


@dataclass(frozen=True, slots=True)
class Asked:
    """An answer, how often the request had to be sent again, and how many of those tries may have been paid for."""

    answer: Answer
    retries: int = 0
    lost: int = 0


class FailedRequestError(Exception):
    """This request failed for good; the run goes on.

    `rejected`: the endpoint refused what was asked. `lost`: tries that may have been paid for.
    """

    def __init__(self, message: str, *, rejected: bool, lost: int = 0) -> None:
        super().__init__(message)
        self.rejected = rejected
        self.lost = lost


class Answerer(Protocol):
    """Whatever answers requests: an endpoint, or a recording."""

    async def ask(self, request: Request) -> Asked:
        """Answer one request."""

    def stop(self) -> None:
        """Begin nothing new."""

    @property
    def pause_s(self) -> float:
        """How long nothing will be asked, in seconds."""
