"""Ask for a label, show one as an example, and read one out of what the teacher wrote (`distil.forms.one_label`)."""

from collections.abc import Sequence
from typing import Any

from distil.core.errors import InputError
from distil.forms.answers import Answer
from distil.forms.one_label import ask_for_one, read_one, show_one
from distil.forms.reading import Reading

MAJORITY = False


def answer_schema(labels: Sequence[str]) -> dict[str, Any]:
    """The JSON schema of an answer: a reason, then one of the labels."""
    return ask_for_one(labels)


def read_example(label: Any, text: str, labels: Sequence[str], place: str) -> str:
    """The label of an example; raises `InputError`, with the place, if it is not one of the labels."""
    if not isinstance(label, str):
        raise InputError(f"{place}: the label {label!r} is not a string (write it in quotes)")
    if label not in labels:
        raise InputError(f"{place}: the label {label!r} is not in task.labels, which has {', '.join(labels)}")
    return label


def show_answer(label: str, text: str, reason: str | None) -> str:
    """The label alone, or as JSON after its reason."""
    return show_one(label, reason)


def read_reply(answer: Answer, labels: Sequence[str], text: str) -> Reading:
    """Read a generated answer; never raises. The text that was asked about is not looked at."""
    return read_one(answer, labels)
