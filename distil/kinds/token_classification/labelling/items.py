"""The names that annotation tools, their exports and language models give to the parts of a span in JSON.

Known are lists of {start, end, label}, of [start, end, label] (doccano, spaCy) and of {text, label}; {entity_type,
start_position, end_position} (presidio), {start_offset, end_offset} (doccano), {entity_group, start, end}
(transformers), Label Studio's results {value: {start, end, labels}}; and objects that hold such a list: {"entities":
[...]} and the like.
"""

import ast
import json
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

START = ["start", "start_offset", "start_position", "start_char", "begin"]
END = ["end", "end_offset", "end_position", "end_char", "stop"]
LABEL = ["label", "labels", "entity_type", "entity_group", "type", "category", "class", "tag", "entity"]
SURFACE = ["text", "entity_value", "surface", "word", "span", "mention", "name", "entity", "value"]
HOLDERS = ["entities", "spans", "ents", "result", "annotations", "label", "labels", "gold", "items", "names"]
LONGEST_LITERAL = 10_000  # characters; Python's parser is slow on long nonsense


class Item(NamedTuple):
    """What is said of one span; None is what is not said."""

    label: str
    surface: str | None
    start: int | None = None
    end: int | None = None


def read_items(cell: str) -> list[Item] | None:
    """The spans that a cell lists, as JSON or as Python prints it; None if it is no such list."""
    try:
        values = list_items(parse_value(cell))
    except ValueError:
        return None
    items = [read_item(value) for value in values or []]
    return None if values is None or None in items else [item for item in items if item]


def parse_value(cell: str) -> Any:
    """A cell that is JSON, or a list as Python prints it; raises ValueError for anything else."""
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        value = read_literal(cell)
        if value is None:
            raise ValueError("is not JSON") from None
        return value


def read_literal(text: str) -> Any:
    """A list or an object in Python's notation; None if it is anything else."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that Python does not know
            value = ast.literal_eval(text.strip()) if len(text) <= LONGEST_LITERAL else None
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return value if isinstance(value, list | dict) else None


def list_items(value: Any) -> list[Any] | None:
    """The list that a value is or holds; None if there is none. An object that describes a span is a list of one."""
    if isinstance(value, dict):
        if read_item(value) is not None:
            return [value]
        held = next((value[key] for key in HOLDERS if isinstance(value.get(key), list)), None)
        return None if held is None else list_items(held)
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) and "result" in value[0]:
        return list_items(value[0])  # the annotation that Label Studio has of a task
    return value if isinstance(value, list) else None


def read_item(value: Any) -> Item | None:
    """What an object, or a list of offsets and label or of text and label, says of a span; None if it is no span."""
    if isinstance(value, dict):
        return _read_object({str(key).lower(): field for key, field in value.items()})
    if isinstance(value, list | tuple):
        return _read_list(value)
    return None


def _read_object(fields: dict[str, Any]) -> Item | None:
    if isinstance(fields.get("value"), dict):
        return _read_object({str(key).lower(): field for key, field in fields["value"].items()})
    label_key = next((key for key in LABEL if _read_label(fields.get(key)) is not None), None)
    label = None if label_key is None else _read_label(fields[label_key])
    if label is None:
        return None
    surface = next((fields[key] for key in SURFACE if key != label_key and isinstance(fields.get(key), str)), None)
    start, end = (next((fields[key] for key in keys if key in fields), None) for keys in (START, END))
    whole = _read_offset(start), _read_offset(end)
    return Item(label, surface, *whole) if surface is not None or None not in whole else None


def _read_list(value: Sequence[Any]) -> Item | None:
    match value:
        case [start, end, str(label), *_] if _read_offset(start) is not None and _read_offset(end) is not None:
            return Item(label, None, _read_offset(start), _read_offset(end))
        case [str(surface), str(label)]:
            return Item(label, surface)
    return None


def _read_label(value: Any) -> str | None:
    """A label may be a string or a list of one."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, str) else None


def _read_offset(value: Any) -> int | None:
    """A whole number, however it is written; a missing one in a table turns those beside it into floats."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
