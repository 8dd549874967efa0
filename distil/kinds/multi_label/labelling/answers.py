"""Ask for a set of labels, show one as an example, and read one out of what the teacher wrote.

Any text may come. What does not say which labels apply is an abstention with a status that says why, never a guess:

- JSON counts wherever it stands: `{"labels": ["a", "b"]}`, `{"label": "a"}`, an object that gives labels true or false,
  or a list. Of several the last counts; where two stand beside each other without a word between them and differ, none.
- So does a line `Labels: a, b`, and an answer that is nothing but labels, on one line or each on its own. Labels that a
  sentence merely mentions do not count, since a sentence may as well say which ones do not apply.
- An empty list, `none` and `no label` say that no label applies, which is an answer; together with a label they say
  nothing. A label that is repeated is said once.
- An answer that names a label outside the task is out_of_set as a whole. The name may be another word for a label that
  then would be missing from the set, and a label that is missing is taught as one that does not apply.
- An answer that was cut off counts only if its list is known to have ended.
- What a reasoning model thinks aloud does not count, nor an answer of more than LONGEST_REPLY characters.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from distil.core.errors import InputError
from distil.forms.answers import Answer
from distil.forms.reading import (
    CUT_OFF,
    LONGEST_REPLY,
    REFUSAL,
    WORDS_OF_A_BARE_LABEL,
    Reading,
    skip_thoughts,
)
from distil.kinds.multi_label.labelling.canonical.label import read_label, write_label
from distil.kinds.multi_label.labelling.form import read_cell
from distil.kinds.multi_label.labelling.in_json import FIELD, judge, load_list, read_lists, read_objects, read_value
from distil.kinds.multi_label.labelling.worded import REASON, SEPARATOR, Chosen, Task, is_open, know, read_lines

LINE = re.compile(
    r"^[^\w\n]*(?:the )?(?:final |correct |best )?(?:labels?|answer)[^\w\n]*?(?:[:=]|\b(?:is|are)\b:?)[^\S\n]*(.*)$",
    re.IGNORECASE | re.MULTILINE,
)
FENCED = re.compile(r"```\w*[^\S\n]*\n?(.*?)\n?```", re.DOTALL)
MOST_LINES = 50  # that say which labels there are, and are read
MAJORITY = True


def read_reply(answer: Answer, labels: Sequence[str], text: str) -> Reading:
    """Read a generated answer; never raises, whatever it says. The text that was asked about is not looked at."""
    task = know(tuple(labels))
    said, has_ended = _skip_thoughts((answer.reply or "").strip())
    cut_off = not has_ended or answer.finish_reason in CUT_OFF
    reading = Reading("parse_failed") if len(said) > LONGEST_REPLY else _read(said, task, cut_off=cut_off)
    if reading.label is not None:
        return reading
    if answer.refused or REFUSAL.match(said):
        return Reading("refused")
    return Reading("truncated") if cut_off else reading


def answer_schema(labels: Sequence[str]) -> dict[str, Any]:
    """The JSON schema of an answer: a reason first, so that the labels follow from it, then a list of labels.

    It does not say `uniqueItems`, which the endpoints that hold a model to a schema strictly refuse; a label that is
    repeated is read once.
    """
    items = {"type": "string", "enum": list(labels)}
    return {
        "type": "object",
        "properties": {"reason": {"type": "string"}, "labels": {"type": "array", "items": items}},
        "required": ["reason", "labels"],
        "additionalProperties": False,
    }


def read_example(label: Any, text: str, labels: Sequence[str], place: str) -> str:
    """The labels of an example, a list in YAML or a cell of a csv, in their canonical form.

    Raises `InputError`, with the place, if they are neither or not labels of the task.
    """
    cell = json.dumps(label) if isinstance(label, list) else label
    if not isinstance(cell, str):
        raise InputError(f"{place}: the label is {label!r}; write a list of labels, in quotes where YAML reads another")
    try:
        return read_cell(cell, labels)
    except ValueError as error:
        raise InputError(f"{place}: the label {cell!r} {error}") from None


def show_answer(label: str, text: str, reason: str | None) -> str:
    """The answer of an example: a JSON list, or JSON with the reason.

    A list without brackets would be shorter, but which signs stand within a label only the list of labels tells, and
    examples that are written alike teach best.
    """
    if reason is None:
        return label
    return json.dumps({REASON: reason, "labels": read_label(label)}, ensure_ascii=False)


def _skip_thoughts(text: str) -> tuple[str, bool]:
    """What follows the last thought, and whether all ended; an answer that is a JSON list has none."""
    return skip_thoughts(text) if load_list(text) is None else (text, True)


def _read(text: str, task: Task, *, cut_off: bool) -> Reading:
    whole = FENCED.fullmatch(text)
    inner = whole[1].strip() if whole else text
    values = load_list(inner)
    if values is not None:
        return judge(read_value(values, task), task)
    if inner in task.names and not cut_off:
        return Reading("ok", write_label([inner]))
    found = read_objects(inner, task) or read_lists(inner, task)
    if found:
        return found
    if FIELD.search(inner) or inner.startswith(("{", "```")):
        return Reading("parse_failed")
    return _read_prose(inner, task, cut_off=cut_off)


def _read_prose(text: str, task: Task, *, cut_off: bool) -> Reading:
    """Read a line `Labels: a, b`, or else an answer that is nothing but labels."""
    told = _find_told(text, task, cut_off=cut_off)
    if told:
        found = [read_lines(lines, task) for lines in told]
        return Reading("parse_failed") if len(set(found)) > 1 else _judge_words(found[0], "\n".join(told[0]), task)
    if REFUSAL.match(text):
        return Reading("refused")
    if cut_off or len(text) > task.most:
        return Reading("truncated" if cut_off else "parse_failed")
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].rstrip().endswith(":") and not task.names.find(lines[0]):
        lines = lines[1:]
    return _judge_words(read_lines(lines, task), text, task)


def _find_told(text: str, task: Task, *, cut_off: bool) -> list[list[str]]:
    """What the last lines `Labels: ...` say that stand beside each other: their rests, or what stands below.

    A line that may have been cut off is none.
    """
    found = list(LINE.finditer(text))
    if cut_off and found and not text[found[-1].end() :].strip():
        found = []
    told: list[list[str]] = []
    for number, line in enumerate(reversed(found[-MOST_LINES:])):
        if number and re.search(r"\w", text[line.end() : found[-number].start()]):
            break
        below = text[line.end() : line.end() + task.most].strip("\n").split("\n\n")[0].splitlines()
        told.append([line[1]] if line[1].strip(" \t*_:") else below)
    return told


def _judge_words(chosen: Chosen | None, text: str, task: Task) -> Reading:
    """The reading of words: labels, other names, or something that lists no names."""
    if chosen is not None:
        return judge(chosen, task)
    if len(text) > task.most or is_open(text):
        return Reading("parse_failed")
    pieces = SEPARATOR.split(text)
    others = [piece for piece in pieces if task.look_up(piece) is None]
    is_short = 0 < len(text.split()) < WORDS_OF_A_BARE_LABEL + len(pieces)
    is_list = is_short and not any(task.names.find(piece) for piece in others)
    return Reading("out_of_set" if others and is_list else "parse_failed")
