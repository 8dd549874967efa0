"""Read a label out of what the teacher wrote.

Any text may come: JSON, JSON in fences or prose, Python-style quotes, a single word, a refusal, a sentence cut off.
What does not name exactly one label is an abstention with a status that says why, never a guess.
"""

import ast
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from distil.answers import Answer

Status = Literal["ok", "parse_failed", "out_of_set", "refused", "truncated", "http_error"]

LABEL_FIELD = re.compile(r"""["']label["']\s*:\s*["']([^"'\n]*)["']""", re.IGNORECASE)
LABEL_LINE = re.compile(r"^\W*(?:final )?(?:label|answer)\W*[:=]\s*(.+)$", re.IGNORECASE | re.MULTILINE)
REFUSAL = re.compile(
    r"^\W*(?:i['\u2019]?m sorry|sorry|i (?:cannot|can['\u2019]?t|am unable|am not able))\b", re.IGNORECASE
)
CUT_OFF = {"length", "max_tokens"}  # finish reasons of an answer that reached its limit
WORDS_OF_A_BARE_LABEL = 4
MOST_BROKEN_OBJECTS = 50  # each is scanned to where it breaks; garbage must not cost the square of its length


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer says: a label and perhaps a reason when `status` is ok."""

    status: Status
    label: str | None = None
    reason: str | None = None


def read_reply(answer: Answer, labels: Sequence[str]) -> Reading:
    """Read a generated answer; never raises, whatever the text."""
    text = (answer.reply or "").strip()
    reading = _read_json(text, labels) or _read_prose(text, labels)
    if reading.status == "ok":
        return reading
    if answer.refused or REFUSAL.match(text):
        return Reading("refused")
    if answer.finish_reason in CUT_OFF:
        return Reading("truncated")
    return reading


def _read_json(text: str, labels: Sequence[str]) -> Reading | None:
    """Read the last object with a label in it; None if the text holds no trace of one."""
    answers = [found for found in _objects(text) if "label" in found]
    if answers:
        last = answers[-1]
        reason = last.get("reason")
        return _match(last["label"], labels, reason if isinstance(reason, str) else None)
    broken = set(LABEL_FIELD.findall(text))  # not JSON, say for an unescaped quote in the reason
    if len(broken) == 1:
        return _match(broken.pop(), labels, None)
    return Reading("parse_failed") if broken or text.startswith(("{", "```")) else None


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """The objects in the text, outermost only, with keys in lower case."""
    decoder = json.JSONDecoder(strict=False)
    start, broken = text.find("{"), 0
    while start >= 0 and broken < MOST_BROKEN_OBJECTS:
        end = start + 1
        try:
            found, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            closing = text.find("}", start)
            found = _python_literal(text[start : closing + 1]) if closing >= 0 else None
            broken += 1
        if isinstance(found, dict):
            yield {str(key).lower(): value for key, value in found.items()}
        start = text.find("{", end)


def _python_literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _match(value: Any, labels: Sequence[str], reason: str | None) -> Reading:
    """The label that the value spells, in any case, quotes and full stops aside."""
    spelled = str(value).strip(" \t\r\n\"'`*.").casefold()
    for label in labels:
        if label.casefold() == spelled:
            return Reading("ok", label, reason)
    return Reading("out_of_set", reason=reason)


def _read_prose(text: str, labels: Sequence[str]) -> Reading:
    """Read a label line (`Label: x`), or else the one label that the text names."""
    lines = LABEL_LINE.findall(text)
    if lines:
        named = _labels_named(lines[-1], labels)
        if len(named) == 1:
            return Reading("ok", named.pop())
    named = _labels_named(text, labels)
    if len(named) == 1:
        return Reading("ok", named.pop())
    if not named and 0 < len(text.split()) <= WORDS_OF_A_BARE_LABEL:
        return Reading("out_of_set")
    return Reading("parse_failed")


def _labels_named(text: str, labels: Sequence[str]) -> set[str]:
    """The labels that stand in the text as whole words; of labels within one another, the longest."""
    by_name = {label.casefold(): label for label in labels}
    names = "|".join(re.escape(name) for name in sorted(by_name, key=len, reverse=True))
    return {by_name[name] for name in re.findall(rf"(?<!\w)(?:{names})(?!\w)", text.casefold())}
