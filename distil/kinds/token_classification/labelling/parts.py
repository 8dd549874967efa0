"""Ask for the spans of each label by itself: answers as where all are asked for, or the words of the spans alone."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from distil.forms.answers import Answer
from distil.forms.reading import CUT_OFF, LONGEST_REPLY, Reading, skip_thoughts
from distil.kinds.token_classification.labelling import answers
from distil.kinds.token_classification.labelling.canonical.label import read_label, write_label
from distil.kinds.token_classification.labelling.canonical.spans import keep_longest
from distil.kinds.token_classification.labelling.finding import Named, find_spans

BULLET = re.compile(r"^\s*(?:[-*\u2022]|\d+[.)])\s+")


def answer_schema(labels: Sequence[str]) -> dict[str, Any]:
    """The JSON schema of an answer: that to a question about all labels."""
    return answers.answer_schema(labels)


def show_answer(answer: str, label: str, text: str, reason: str | None) -> str:
    """The spans of an example that have this label, as where all are asked for."""
    spans = [span for span in read_label(answer) if span.label == label]
    return answers.show_answer(write_label(spans), text, reason)


def read_reply(answer: Answer, label: str, text: str) -> Reading:
    """Read spans of the label; a list of words that all stand in the text counts too."""
    reading = answers.read_reply(answer, [label], text)
    if reading.status == "ok" or answer.finish_reason in CUT_OFF:
        return reading
    said, has_ended = skip_thoughts((answer.reply or "").strip())
    surfaces = _list_words(said) if has_ended and len(said) <= LONGEST_REPLY else []
    spans, unplaced = find_spans(text, [Named(words, label) for words in surfaces], by_label=False)
    return Reading("ok", write_label(spans)) if spans and not unplaced else reading


def join(readings: Mapping[str, Reading], labels: Sequence[str]) -> Reading:
    """All spans; of those that overlap the longest stays, and the others are counted among what has no place."""
    named = [span for reading in readings.values() for span in read_label(reading.label or "[]")]
    spans, left_out = keep_longest(named)
    found = {label: reading for label, reading in readings.items() if reading.label != "[]"}
    told = [f"{label}: {reading.reason}" for label, reading in found.items() if reading.reason]
    unplaced = left_out + sum(reading.unplaced for reading in readings.values())
    return Reading("ok", write_label(spans), "; ".join(told) or None, unplaced)


def _list_words(said: str) -> list[str]:
    """The strings of a JSON list, or the lines, without bullets and quotes around them."""
    try:
        values = json.loads(said)
    except (ValueError, RecursionError):
        values = [BULLET.sub("", line) for line in said.splitlines()]
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        return []
    return [words for value in values if (words := value.strip().strip("\"'`*").strip())]
