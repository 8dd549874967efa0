"""Ask for each label by itself whether it applies: the answer is yes or no."""

from collections.abc import Mapping, Sequence
from typing import Any

from distil.forms.answers import Answer
from distil.forms.one_label import ask_for_one, read_one, show_one
from distil.forms.reading import Reading
from distil.kinds.multi_label.labelling.canonical.label import order_names, read_label, write_label

YES, NO = "yes", "no"
ELSE = {"true": YES, "1": YES, "false": NO, "0": NO}  # as JSON may say it


def answer_schema(labels: Sequence[str]) -> dict[str, Any]:
    """The JSON schema of an answer: a reason, then yes or no as its label."""
    return ask_for_one([YES, NO])


def show_answer(answer: str, label: str, text: str, reason: str | None) -> str:
    """Yes if the label is among those of the example, else no; as JSON after the reason, where there is one."""
    return show_one(YES if label in read_label(answer) else NO, reason)


def read_reply(answer: Answer, label: str, text: str) -> Reading:
    """Read yes or no: the label alone, or none. What is neither is an abstention."""
    reading = read_one(answer, [YES, NO])
    said = reading.label
    if said is None and reading.status in ("parse_failed", "out_of_set"):
        other = read_one(answer, list(ELSE))
        reading, said = (other, ELSE[other.label]) if other.label is not None else (reading, None)
    if said is None:
        return reading
    return Reading("ok", write_label([label] if said == YES else []), reading.reason)


def join(readings: Mapping[str, Reading], labels: Sequence[str]) -> Reading:
    """The labels of which it was said that they apply, with the reasons for these."""
    named = [label for label, reading in readings.items() if read_label(reading.label or "[]")]
    told = [f"{label}: {reason}" for label in named if (reason := readings[label].reason)]
    return Reading("ok", order_names(named, labels), "; ".join(told) or None)
