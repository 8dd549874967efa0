"""Find the answer in JSON that may stand among prose, or be broken, or be written as Python writes it."""

import ast
import json
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from distil.forms.label_names import DENIED_BEFORE, WINDOW
from distil.forms.reading import LONGEST_LITERAL, LONGEST_NUMBER, MOST_BROKEN_OBJECTS, Reading
from distil.kinds.multi_label.labelling.canonical.label import order_names
from distil.kinds.multi_label.labelling.worded import (
    REASON,
    Chosen,
    Task,
    read_choices,
    read_line,
    read_name,
)

KEYS = ("labels", "label")
FIELD = re.compile(r"""(["'])labels?\1\s*:\s*""", re.IGNORECASE)
STRING = re.compile(r"""(["'])(.*?)\1""")
MORE = re.compile(r"[^\n\w]*\w")  # a word on the same line
REVISED = re.compile(r"\w(?<!\bor)\W*\Z")  # words between two answers, of which the second then counts


class Fields(tuple[tuple[str, Any], ...]):
    """A JSON object as its pairs of key and value, so that a key that stands twice is seen."""

    __slots__ = ()

    def get_all(self, *keys: str) -> list[Any]:
        """The values under some keys, in any case."""
        return [value for name, value in self if name.lower() in keys]


DECODER = json.JSONDecoder(strict=False, object_pairs_hook=Fields)
Found = tuple[Any, int, int]  # a value, its start and its end


def load_list(text: str) -> list[Any] | None:
    """A text that is a JSON list and nothing else, or None."""
    try:
        return DECODER.decode(text) if text.startswith("[") else None
    except (ValueError, RecursionError):
        return None


def judge(chosen: Chosen | None, task: Task, reason: Any = None) -> Reading:
    """The reading of a value that was found: labels, or something that is none of them."""
    kept = reason.encode("utf-8", "replace").decode() if isinstance(reason, str) else None  # no half characters
    if chosen is None:
        return Reading("out_of_set", None, kept)
    return Reading("ok", order_names(chosen, task.labels), kept)


def read_objects(text: str, task: Task) -> Reading | None:
    """Read the last object that is an answer, or else a field of one that is broken; None if there is no trace."""
    answers = [found for found in _find_json(text, "{") if _is_answer(found[0], task)]
    if not answers:
        return _read_broken(text, task)
    fields, chosen = answers[-1][0], _choose_last(text, answers, lambda fields: _read_fields(fields, task))
    return judge(*chosen, task, next(iter(fields.get_all(REASON)), None)) if chosen else Reading("parse_failed")


def read_lists(text: str, task: Task) -> Reading | None:
    """Read the last list of names in prose that neither takes it back nor goes on about labels; None if there is none.

    Other lists (numbers of notes, boxes to tick) are passed over.
    """
    lists = [found for found in _find_json(text, "[") if _is_list_of_names(found[0])]
    lists = [found for found in lists if found[0] or not MORE.match(text, found[2], found[2] + WINDOW)]
    if not lists:
        return None
    _, start, end = lists[-1]
    chosen = _choose_last(text, lists, lambda values: read_value(values, task))
    is_denied = DENIED_BEFORE.search(text[max(0, start - WINDOW) : start].casefold())
    if not chosen or is_denied or task.names.find(text[end:]):
        return Reading("parse_failed")
    return judge(*chosen, task)


def read_value(value: Any, task: Task) -> Chosen | None:
    """The labels that a value of JSON names, or None if that is not what it does."""
    if isinstance(value, list):
        names = [_read_item(item, task) for item in value]
        if None in names or (len(set(names)) > 1 and frozenset() in names):
            return None
        return frozenset().union(*(name for name in names if name))
    if isinstance(value, Fields):
        return read_choices(value, task)
    return read_line(value, task) if isinstance(value, str) else _read_item(value, task)


def _read_item(value: Any, task: Task) -> Chosen | None:
    """The label that a name, a number or an object with a label means."""
    if isinstance(value, Fields):
        named = value.get_all("label")
        value = named[0] if len(named) == 1 else None
    if isinstance(value, int):
        value = str(value) if value.bit_length() < LONGEST_NUMBER else None
    return read_name(value, task) if isinstance(value, str) else None


def _choose_last(
    text: str, answers: Sequence[Found], read: Callable[[Any], Chosen | None]
) -> tuple[Chosen | None] | None:
    """What the last answer says, or None if the one before stands beside it and says something else."""
    *earlier, (last, start, _) = answers
    chosen = read(last)
    if earlier and not REVISED.search(text[earlier[-1][2] : start]) and read(earlier[-1][0]) != chosen:
        return None
    return (chosen,)


def _find_json(text: str, opening: str) -> Iterator[Found]:
    """The outermost objects or lists; of an object without an answer the one in it."""
    start, broken = text.find(opening), 0
    while start >= 0 and broken <= MOST_BROKEN_OBJECTS:
        try:
            value, end = DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            value, end = _read_python(text, start)
        if value is None:
            broken += 1
        else:
            yield _enter(value), start, end
        start = text.find(opening, end)


def _enter(value: Any) -> Any:
    """An object, or the one within it that has the answer."""
    while isinstance(value, Fields) and not value.get_all(*KEYS):
        inner = [each for _, each in value if isinstance(each, Fields)]
        if len(inner) != 1:
            break
        value = inner[0]
    return value


def _read_python(text: str, start: int) -> tuple[Any, int]:
    """What stands from `start` to the next closing bracket in Python's notation, or None, and where it ends."""
    end = text.find("}" if text[start] == "{" else "]", start, start + LONGEST_LITERAL) + 1
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that Python does not know
            found = ast.literal_eval(text[start:end])
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None, start + 1
    if isinstance(found, dict) and all(isinstance(key, str) for key in found):
        return Fields(found.items()), end
    return (found, end) if isinstance(found, list) else (None, start + 1)


def _is_answer(fields: Any, task: Task) -> bool:
    return isinstance(fields, Fields) and (bool(fields.get_all(*KEYS)) or read_choices(fields, task) is not None)


def _read_fields(fields: Fields, task: Task) -> Chosen | None:
    found = {read_value(value, task) for value in fields.get_all(*KEYS)}
    if len(found) > 1:
        return None
    chosen = found.pop() if found else None
    return read_choices(fields, task) if chosen is None else chosen


def _is_list_of_names(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str | Fields) for value in values)


def _read_broken(text: str, task: Task) -> Reading | None:
    """Read the labels of what is not JSON, say for an unescaped quotation mark in the reason."""
    found: set[Chosen | None] = set()
    for number, field in enumerate(FIELD.finditer(text)):
        if number > MOST_BROKEN_OBJECTS:
            return Reading("parse_failed")
        found.add(read_value(_load_at(text, field.end()), task))
    if not found:
        return None
    chosen = found.pop()
    return Reading("parse_failed") if found or chosen is None else judge(chosen, task)


def _load_at(text: str, start: int) -> Any:
    """The list, object or string that begins at `start`, or None."""
    try:
        return DECODER.raw_decode(text, start)[0]
    except (ValueError, RecursionError):
        pass
    if text[start : start + 1] in ("[", "{"):
        return _read_python(text, start)[0]
    found = STRING.match(text, start)
    return found[2] if found else None
