"""The form of a set of labels in a cell that a person fills in, and whether one has the canonical form.

In a cell a person writes any of these; the first that it can be read as counts:

1. a JSON list of labels, or a JSON object that gives labels 1 or 0 (or true or false);
2. one label, whatever signs it has in it;
3. `none`, in small letters: no label applies;
4. a list in Python's notation, as pandas writes one into a csv;
5. labels with `;`, `|` or `,` between them, the same sign all through.

A label may itself hold such a sign. A cell that can be read in more than one way is refused, never guessed at. `None`
is refused too: programs write it where nothing is known.
"""

import ast
import json
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from distil.kinds.multi_label.labelling.canonical.label import name_labels, order_names, soften
from distil.kinds.multi_label.labelling.name_lists import count_pieces, cut_names

__all__ = ["check_label", "name_labels", "parse_cell", "read_cell", "soften"]

NONE = "none"
SEPARATORS = tuple(map(re.compile, (r"\s*;\s*", r"\s*\|\s*", r"\s*,\s*")))
CHOSEN = {  # as JSON, csv and pandas write it; True == 1, False == 0
    **dict.fromkeys((True, "1", "1.0", "true", "True"), True),
    **dict.fromkeys((False, "0", "0.0", "false", "False"), False),
}
LONGEST_LITERAL = 10_000  # characters; Python's parser is slow on long nonsense
LONGEST_SHOWN = 40  # characters of a value in a message


def check_label(label: str, labels: Sequence[str], text: str = "") -> str | None:
    """Return what is wrong with a string that should be canonical, or None if nothing is."""
    names = _load_json(label)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return "is not a JSON list of labels"
    unknown = [name for name in names if name not in labels]
    if unknown:
        return f"names {unknown[0]!r}, which is not in task.labels ({', '.join(labels)})"
    if label != order_names(names, labels):
        return f"does not name each label once and in the order of task.labels ({', '.join(labels)})"
    return None


def read_cell(cell: str, labels: Sequence[str]) -> str:
    """Return the canonical form of what a person wrote into a cell; raises `ValueError` with what is wrong with it."""
    return order_names(parse_cell(cell, {label: label for label in labels}, labels), labels)


def parse_cell(cell: str, vocabulary: Mapping[str, str], labels: Sequence[str]) -> frozenset[str]:
    """Return the labels that a cell names.

    Args:
        cell: see above.
        vocabulary: the label that each name stands for.
        labels: all labels, for messages.

    Raises:
        ValueError: what is wrong, as the end of a sentence that begins with the cell.
    """
    text = cell.strip()
    if not text:
        raise ValueError("is empty; write none where no label applies")
    values = _load_json(text)
    if isinstance(values, list | dict) and (names := _translate(values, vocabulary)) is not None:
        return names
    if text in vocabulary:
        return frozenset([vocabulary[text]])
    if text == NONE:
        return frozenset()
    if text.casefold() == NONE:
        raise ValueError("is not a label; write none, in small letters, where no label applies")
    if not isinstance(values, list | dict):
        values = _load_python(text)
    if isinstance(values, list | dict):
        return _read_values(values, vocabulary, labels)
    return _read_line(text, vocabulary, labels)


def shorten(value: object) -> str:
    """A value as a message shows it."""
    shown = repr(value)
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}..."


def _load_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _load_python(text: str) -> Any:
    if not text.startswith("[") or len(text) > LONGEST_LITERAL:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that Python does not know
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _translate(values: list[Any] | dict[str, Any], vocabulary: Mapping[str, str]) -> frozenset[str] | None:
    """The labels of a list or an object that is as it should be, else None."""
    try:
        return _read_values(values, vocabulary, ())
    except ValueError:
        return None


def _read_values(
    values: list[Any] | dict[str, Any], vocabulary: Mapping[str, str], labels: Sequence[str]
) -> frozenset[str]:
    if isinstance(values, dict):
        values = [name for name, value in values.items() if _is_chosen(name, value, vocabulary, labels)]
    names = [_read_name(value, vocabulary, labels) for value in values]
    _refuse_repeats(values)
    return frozenset(names)


def _is_chosen(name: str, value: Any, vocabulary: Mapping[str, str], labels: Sequence[str]) -> bool:
    _read_name(name, vocabulary, labels)
    if not isinstance(value, str | int | float) or value not in CHOSEN:
        raise ValueError(f"gives {name!r} the value {shorten(value)}; write 1 where a label applies, else 0")
    return CHOSEN[value]


def _read_name(value: Any, vocabulary: Mapping[str, str], labels: Sequence[str]) -> str:
    name = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(name, str) and name in vocabulary:
        return vocabulary[name]
    allowed = ", ".join(labels)
    is_name = isinstance(value, str | int)
    wrong = f"not in task.labels ({allowed})" if is_name else f"no name; a list holds names alone ({allowed})"
    raise ValueError(f"{'names' if is_name else 'holds'} {shorten(value)}, which is {wrong}")


def _refuse_repeats(written: Sequence[Any]) -> None:
    """Refuse what is written twice; two names of the data may stand for one label."""
    repeated = next((name for number, name in enumerate(written) if name in written[:number]), None)
    if repeated is not None:
        raise ValueError(f"names {repeated!r} twice; name each label once")


def _read_line(text: str, vocabulary: Mapping[str, str], labels: Sequence[str]) -> frozenset[str]:
    """Read labels with the same sign between them."""
    ways = set()
    for separator in SEPARATORS:
        longest = max(count_pieces(name, separator) for name in vocabulary)
        ways |= cut_names(text, separator, longest, vocabulary.get)
    if len(ways) > 1:
        raise ValueError('can be read in more than one way; write a JSON list, such as ["a", "b"]')
    if not ways:
        separator = next((sign for sign in SEPARATORS if sign.search(text)), SEPARATORS[0])
        unknown = next((name for name in separator.split(text) if name not in vocabulary), text)
        raise ValueError(f"names {shorten(unknown)}, which is not in task.labels ({', '.join(labels)})")
    (way,) = ways
    if way.names > len(way.labels):
        for separator in SEPARATORS:
            _refuse_repeats(separator.split(text))
    return way.labels
