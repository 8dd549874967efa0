"""What can be read out of a teacher's answer, whatever the kind of task.

What a reasoning model thinks aloud before its answer does not count; thoughts that do not end are an answer cut off.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from distil.forms.answers import Answer

Status = Literal["ok", "parse_failed", "out_of_set", "refused", "truncated", "http_error"]

THOUGHTS_BEGIN = re.compile(r"<think(?:ing)?>|\[THINK\]", re.IGNORECASE)
THOUGHTS_END = re.compile(r"</think(?:ing)?>|\[/THINK\]", re.IGNORECASE)
REFUSAL = re.compile(
    r"^\W*(?:i['\u2019]?m sorry|sorry|i (?:cannot|can['\u2019]?t|am unable|am not able)|as an ai)\b", re.IGNORECASE
)
CUT_OFF = {"length", "max_tokens", "model_length"}  # finish reasons of an answer that reached its limit
LONGEST_REPLY = 100_000  # characters after the thoughts; looking for names in more takes seconds a row
WORDS_OF_A_BARE_LABEL = 4
MOST_BROKEN_OBJECTS = 50  # each is scanned to where it breaks; garbage must not cost the square of its length
LONGEST_NUMBER = 64  # bits; Python refuses to spell out the longest
LONGEST_LITERAL = 10_000  # characters; Python's parser is slow on long nonsense


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer says: a label, in its kind's canonical form, and perhaps a reason when `status` is ok.

    `unplaced` counts what the answer names and the label does not hold, since it has no place in the text or the task.
    """

    status: Status
    label: str | None = None
    reason: str | None = None
    unplaced: int = 0


class AnswerForm(Protocol):
    """How a kind of task has its answers: read from a reply, asked for as JSON, and shown in an example."""

    MAJORITY: bool  # whether it takes more than half of the votes, and not just most of them, to decide

    def read_reply(self, answer: Answer, labels: Sequence[str], text: str) -> Reading:
        """Read what was generated about a text; never raises."""

    def answer_schema(self, labels: Sequence[str]) -> dict[str, Any]:
        """The JSON schema that holds an endpoint to answers that can be read, the reason first."""

    def read_example(self, label: Any, text: str, labels: Sequence[str], place: str) -> str:
        """The label of an example in its canonical form; raises `InputError` with the place."""

    def show_answer(self, label: str, text: str, reason: str | None) -> str:
        """The answer that an example shows, as JSON where there is a reason."""


class PartForm(Protocol):
    """How a kind of task has its answers where each label is asked about by itself."""

    def answer_schema(self, labels: Sequence[str]) -> dict[str, Any]:
        """The JSON schema that holds an endpoint to answers that can be read, the reason first."""

    def show_answer(self, answer: str, label: str, text: str, reason: str | None) -> str:
        """What an example whose `answer` has its canonical form shows where it is asked about this label."""

    def read_reply(self, answer: Answer, label: str, text: str) -> Reading:
        """Read what was generated about this label and a text, as an answer that could name it alone; never raises."""

    def join(self, readings: Mapping[str, Reading], labels: Sequence[str]) -> Reading:
        """The answer that the readings for all labels, each of them ok, are together."""


def skip_thoughts(text: str) -> tuple[str, bool]:
    """What follows the last thought, and whether all thoughts ended; an answer that is JSON all through has none."""
    if text.startswith(("{", "```")) and text.endswith(("}", "```")):
        return text, True
    answer = THOUGHTS_END.split(text)[-1].strip()
    return ("", False) if THOUGHTS_BEGIN.search(answer) else (answer, True)
