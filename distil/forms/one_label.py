"""Read one of several names out of what the teacher wrote: a label of the task, or yes or no to one.

Any text may come: JSON, JSON in fences or prose, Python-style quotes, a single word, a refusal, a sentence cut off.
What does not name exactly one label is an abstention with a status that says why, never a guess. In particular:

- Of several objects with a label the last counts, as of several lines `Label: x`; two that differ in one list do not.
- A label in prose counts if it is the only one named and the words around it do not take it back ("not positive").
- An answer of more than LONGEST_REPLY characters is not read: a label from a part of it would be a guess.
- Prose that was cut off counts only if it leads with the label, since the thought may have gone on to another.
"""

import ast
import json
import re
import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from distil.forms.answers import Answer
from distil.forms.label_names import LabelNames
from distil.forms.reading import (
    CUT_OFF,
    LONGEST_LITERAL,
    LONGEST_NUMBER,
    LONGEST_REPLY,
    MOST_BROKEN_OBJECTS,
    REFUSAL,
    WORDS_OF_A_BARE_LABEL,
    Reading,
    skip_thoughts,
)

Fields = dict[str, Any]

LABEL_KEY = re.compile(r"""(["'])label\1\s*:""", re.IGNORECASE)
LABEL_FIELD = re.compile(LABEL_KEY.pattern + r"""\s*(["'])(.*?)\2""", re.IGNORECASE)
LABEL_LINE = re.compile(
    r"^[^\w\n]*(?:the )?(?:final |correct |best )?(?:label|answer)[^\w\n]*(?:[:=]|\bis\b)\s*(.+)$",
    re.IGNORECASE | re.MULTILINE,
)


def ask_for_one(labels: Sequence[str]) -> dict[str, Any]:
    """The JSON schema of an answer: a reason first, so that the label follows from it, then one of the labels."""
    return {
        "type": "object",
        "properties": {"reason": {"type": "string"}, "label": {"type": "string", "enum": list(labels)}},
        "required": ["reason", "label"],
        "additionalProperties": False,
    }


def show_one(label: str, reason: str | None) -> str:
    """The label alone, or as JSON after its reason."""
    return json.dumps({"reason": reason, "label": label}, ensure_ascii=False) if reason else label


def read_one(answer: Answer, labels: Sequence[str]) -> Reading:
    """Read which of the labels a generated answer names; never raises, whatever it says."""
    names = _label_names(tuple(labels))
    said, has_ended = skip_thoughts((answer.reply or "").strip())
    cut_off = not has_ended or answer.finish_reason in CUT_OFF
    if len(said) > LONGEST_REPLY:
        return Reading("truncated" if cut_off else "parse_failed")
    reading = _read_text(said, names, cut_off=cut_off)
    if reading.label is not None and not (cut_off and names.may_go_on(said, reading.label)):
        return reading
    if answer.refused or REFUSAL.match(said):
        return Reading("refused")
    return Reading("truncated") if cut_off else reading


@lru_cache(maxsize=8)
def _label_names(labels: tuple[str, ...]) -> LabelNames:
    return LabelNames(labels)


def _read_text(text: str, names: LabelNames, *, cut_off: bool) -> Reading:
    label = None if text.startswith("{") and text not in names else names.spelled(text)
    if label is not None:
        return Reading("ok", label)
    return _read_json(text, names) or _read_prose(text, names, cut_off=cut_off)


def _read_json(text: str, names: LabelNames) -> Reading | None:
    """Read the last object with a label in it; None if the text holds no trace of one."""
    answers = _find_answers(text)
    if answers:
        *earlier, (fields, start, _) = answers
        if earlier and text[earlier[-1][2] : start].strip() == "," and earlier[-1][0]["label"] != fields["label"]:
            return Reading("parse_failed")
        return _read_value(fields["label"], names, fields.get("reason"))
    broken = {field[3] for field in LABEL_FIELD.finditer(text)}  # not JSON, say for an unescaped quote in the reason
    if len(broken) == 1:
        return _read_value(broken.pop(), names, None)
    return Reading("parse_failed") if broken or text.startswith(("{", "```")) else None


def _find_answers(text: str) -> list[tuple[Fields, int, int]]:
    """The outermost objects with a label, each with its start and end; none if too much of the text is broken."""
    answers: list[tuple[Fields, int, int]] = []
    start, broken = text.find("{"), 0
    while start >= 0:
        try:
            fields, end = DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            broken += 1
            if broken > MOST_BROKEN_OBJECTS:
                return []
            fields, end = _read_python(text, start) or ({}, start + 1)
        if "label" in fields:
            answers.append((fields, start, end))
        start = text.find("{", end)
    return answers


def _read_python(text: str, start: int) -> tuple[Fields, int] | None:
    """The object in Python's notation from `start` to the next brace, if it has one label, and its end."""
    end = text.find("}", start) + 1
    literal = text[start : min(end, start + LONGEST_LITERAL)]
    if len(LABEL_KEY.findall(literal)) != 1:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that Python does not know
            found = ast.literal_eval(literal)
        return {str(key).lower(): value for key, value in found.items()}, end
    except (ValueError, SyntaxError, TypeError, AttributeError, MemoryError, RecursionError):
        return None


def _lower_keys(pairs: list[tuple[str, Any]]) -> Fields:
    """An object's fields; one with two labels that differ has no label."""
    fields: Fields = {}
    for key, value in pairs:
        name = key.lower()
        fields[name] = None if name == "label" and fields.get(name, value) != value else value
    return fields


DECODER = json.JSONDecoder(strict=False, object_pairs_hook=_lower_keys)


def _read_value(value: Any, names: LabelNames, reason: Any) -> Reading:
    """The label that a field spells, or that it leads with before an explanation."""
    kept = reason.encode("utf-8", "replace").decode() if isinstance(reason, str) else None  # no half characters
    label = None
    if isinstance(value, int):
        value = str(value) if value.bit_length() < LONGEST_NUMBER else None
    if isinstance(value, str):
        label = names.spelled(value) or names.only(names.find(value), leading=True)
    return Reading("out_of_set" if label is None else "ok", label, kept)


def _read_prose(text: str, names: LabelNames, *, cut_off: bool) -> Reading:
    """Read a label line (`Label: x`), or else the one label that the text names."""
    lines = LABEL_LINE.findall(text)
    if lines:
        reading = _read_words(lines[-1], names, leading=False)
        if reading.status == "ok" or len(lines[-1].split()) <= WORDS_OF_A_BARE_LABEL:
            return reading
    if REFUSAL.match(text):
        return Reading("refused")
    return _read_words(text, names, leading=cut_off)


def _read_words(text: str, names: LabelNames, *, leading: bool) -> Reading:
    mentions = names.find(text)
    label = names.spelled(text) or names.only(mentions, leading=leading)
    if label is not None:
        return Reading("ok", label)
    if not mentions and 0 < len(text.split()) <= WORDS_OF_A_BARE_LABEL:
        return Reading("out_of_set")
    return Reading("parse_failed")
