"""How a teacher's spans are read, asked for and shown.

Read are JSON and lines (`listed.py`), inline tags (`tagged.py`), and plain words for: nothing is there. What is named
is found again in the text (`finding.py`): asked for its words, a model is right, asked for offsets it is not, so
offsets in an answer count for nothing. In particular:

- What has no place in the text, or has a label that the task has not, is left out and counted in `Reading.unplaced`. An
  answer of which no label is the task's is out_of_set.
- An answer that was cut off counts only if it is JSON with its end, or the whole text with its tags: a list without its
  end would be a label without its last spans.
- An answer of more than LONGEST_REPLY characters is not read, and a list that is said a thousand times is found as
  often as it stands in the text.
"""

import contextlib
import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from distil.core.errors import InputError
from distil.forms.answers import Answer
from distil.forms.label_names import LabelNames
from distil.forms.reading import CUT_OFF, LONGEST_REPLY, REFUSAL, Reading, skip_thoughts
from distil.kinds.token_classification.labelling.alignment import is_same
from distil.kinds.token_classification.labelling.canonical.label import read_label, write_label
from distil.kinds.token_classification.labelling.canonical.spans import Span
from distil.kinds.token_classification.labelling.finding import Named, find_spans
from distil.kinds.token_classification.labelling.form import describe_overlap, describe_wrong
from distil.kinds.token_classification.labelling.items import list_items, parse_value, read_item
from distil.kinds.token_classification.labelling.listed import (
    BrokenError,
    Listed,
    is_nothing,
    read_json,
    read_lines,
)
from distil.kinds.token_classification.labelling.locating import locate_items
from distil.kinds.token_classification.labelling.tagged import read_tags, strip_tags

FENCED = re.compile(r"```[\w-]*\n(.*?)\n?```", re.DOTALL)
CLOSING = re.compile(r"</[^<>]|\[/[^\[\]]")  # of some label's tag, perhaps
HOW_TO_LABEL = "write a list of {text, label} or of {start, end, label}, the text with tags, or none"
NONE = "none"  # an answer of its own
MAJORITY = True


def read_reply(answer: Answer, labels: Sequence[str], text: str) -> Reading:
    """Read what was generated about a text; never raises, whatever the text."""
    said, has_ended = skip_thoughts((answer.reply or "").strip())
    cut_off = not has_ended or answer.finish_reason in CUT_OFF
    if len(said) > LONGEST_REPLY:
        return Reading("truncated" if cut_off else "parse_failed")
    reading = _read(said, _label_names(tuple(labels)), text, cut_off=cut_off)
    if reading.status == "ok":
        return reading
    if answer.refused or REFUSAL.match(said):
        return Reading("refused")
    return Reading("truncated") if cut_off else reading


def answer_schema(labels: Sequence[str]) -> dict[str, Any]:
    """The JSON schema that holds an endpoint to answers that can be read, the reason first."""
    item = {
        "type": "object",
        "properties": {"text": {"type": "string"}, "label": {"type": "string", "enum": list(labels)}},
        "required": ["text", "label"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"reason": {"type": "string"}, "entities": {"type": "array", "items": item}},
        "required": ["reason", "entities"],
        "additionalProperties": False,
    }


def show_answer(label: str, text: str, reason: str | None) -> str:
    """The answer that an example shows: JSON where there is a reason, else the text with its tags, or `none`.

    Tags say which occurrence is meant, and models write them most reliably. JSON cannot: it names spans in the order of
    the text, and one within a word is not found again. A text in which tags would be mistaken is shown as JSON all the
    same.
    """
    spans = read_label(label)
    named = [{"text": text[span.start : span.end], "label": span.label} for span in spans]
    if reason is not None:
        return json.dumps({"reason": reason, "entities": named}, ensure_ascii=False)
    if not spans:
        return NONE
    tagged = write_tags(text, spans)
    reading = read_reply(Answer(tagged), list({span.label: None for span in spans}), text)
    is_plain = not CLOSING.search(text) and (reading.label, reading.unplaced) == (label, 0)
    return tagged if is_plain else json.dumps(named, ensure_ascii=False)


def write_tags(text: str, spans: Sequence[Span]) -> str:
    """The text with each span between tags of its label; the spans are sorted, and no two overlap."""
    pieces, done = [], 0
    for span in spans:
        pieces += [text[done : span.start], f"<{span.label}>", text[span.start : span.end], f"</{span.label}>"]
        done = span.end
    return "".join([*pieces, text[done:]])


def read_example(label: Any, text: str, labels: Sequence[str], place: str) -> str:
    """The label of an example as its file has it, in canonical form.

    Taken are a list of {text, label} or {start, end, label}, such a list as JSON, the text with tags, and `none`.
    Unlike a teacher's answer it has to be right in all: raises `InputError` with the place for what is not.
    """
    try:
        spans = _read_example(label, text, _label_names(tuple(labels)))
        wrong = next(filter(None, (describe_wrong(span, labels) for span in spans)), None) or describe_overlap(spans)
    except ValueError as error:
        wrong = str(error)
    if wrong:
        raise InputError(f"{place}: the label {str(label)[:60]!r} {wrong}")
    return write_label(spans)


def _read_example(label: Any, text: str, names: LabelNames) -> list[Span]:
    value = label.strip() if isinstance(label, str) else label
    if isinstance(value, str) and (value.casefold() == NONE or is_same(value, text)):
        return []
    if isinstance(value, str) and value.startswith(("[", "{")):
        with contextlib.suppress(ValueError):
            value = parse_value(value)
    if isinstance(value, str):
        return _read_tagged_example(value, text, names)
    values = list_items(value)
    items = [read_item(each) for each in values or []]
    if values is None or None in items:
        raise ValueError(f"is no list of spans; {HOW_TO_LABEL}")
    return locate_items([item for item in items if item], text)


def _read_tagged_example(label: str, text: str, names: LabelNames) -> list[Span]:
    tagged = strip_tags(label, names, text)
    if not tagged.spans:
        raise ValueError(f"is no list of spans; {HOW_TO_LABEL}")
    found = read_tags(label, names, text)
    if found is None or found[1] or not is_same(tagged.plain, text):
        raise ValueError("is not the text with tags around its spans")
    return found[0]


@lru_cache(maxsize=8)
def _label_names(labels: tuple[str, ...]) -> LabelNames:
    return LabelNames(labels)


def _read(said: str, names: LabelNames, text: str, *, cut_off: bool) -> Reading:
    """Read an answer without its thoughts."""
    body = FENCED.findall(said)[-1] if FENCED.search(said) else said
    if body and (is_same(body, text) or is_same(said, text)):
        return Reading("ok", write_label([]))
    is_json = body.lstrip().startswith(("{", "[{", "[["))
    reading = _try_json(said, names, text) if is_json else None
    reading = reading or _try_tags(said, names, text, whole=cut_off) or _try_json(said, names, text)
    if reading is not None:
        return reading
    if body and is_nothing(body):
        return Reading("ok", write_label([]))
    if cut_off or REFUSAL.match(said):
        return Reading("parse_failed")
    listed = read_lines(body, names, text)
    return Reading("parse_failed") if listed is None else _place(listed, names, text)


def _try_tags(said: str, names: LabelNames, text: str, *, whole: bool) -> Reading | None:
    found = read_tags(said, names, text, whole=whole)
    return None if found is None else Reading("ok", write_label(found[0]), unplaced=found[1])


def _try_json(said: str, names: LabelNames, text: str) -> Reading | None:
    try:
        listed = read_json(said, names)
    except BrokenError:
        return Reading("parse_failed")
    return None if listed is None else _place(listed, names, text)


def _place(listed: Listed, names: LabelNames, text: str) -> Reading:
    """Find what is listed in the text."""
    labelled = [(item.surface, names.spelled(item.label)) for item in listed.items]
    if labelled and not any(label for _, label in labelled):
        return Reading("out_of_set", reason=listed.reason)
    named = [Named(surface, label) for surface, label in labelled if surface is not None and label is not None]
    spans, unplaced = find_spans(text, named, by_label=listed.by_label)
    lost = unplaced + len(labelled) - len(named) + listed.unread
    return Reading("ok", write_label(spans), listed.reason, lost)
