"""Read out of a line, or of pairs of label and value, which labels apply.

`None` is what cannot be read, an empty set an answer: that no label applies.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from distil.forms.label_names import JOINTS, MARKS, LabelNames
from distil.kinds.multi_label.labelling.name_lists import count_pieces, cut_names

Chosen = frozenset[str]

SEPARATOR = re.compile(r"\s*[,;|]\s*(?:(?:and|&)\s+)?|\s+(?:and|&)\s+")
EXPLANATION = re.compile(r"[.;]\s|\s+[-\u2013\u2014(]")  # what may follow a list on its line
BULLET = re.compile(r"\s*(?:[-*+\u2022]|\d{1,3}[.)])\s+")
SAID = re.compile(r"(.+?)\s*[:=]\s*(\w+)\W*")  # a label, and whether it applies
NONE = re.compile(
    r"(?:none|no labels?)(?: of (?:them|these|those|the above|(?:the |these |those )(?:(?:given|listed) )?labels))?"
    r"(?: (?:apply|applies|fits?))?"
)
REASON = "reason"
TRUE, FALSE = {"true", "yes", "1"}, {"false", "no", "0"}
MOST_EXPLANATIONS = 5  # places at which a list may end that are tried
SPARE = 1000  # characters of a list, beside its names


@dataclass(frozen=True)
class Task:
    """The labels, ready to be looked for; a name has `longest` pieces at most, a list of names `most` characters."""

    labels: tuple[str, ...]
    names: LabelNames
    longest: int
    most: int

    def look_up(self, text: str) -> str | None:
        """The label that a text spells."""
        return self.names.spelled(text)


@lru_cache(maxsize=8)
def know(labels: tuple[str, ...]) -> Task:
    """Make labels ready to be looked for."""
    longest = max(count_pieces(JOINTS.sub(" ", label.casefold()), SEPARATOR) for label in labels)
    return Task(labels, LabelNames(labels), longest, SPARE + 2 * sum(map(len, labels)))


def read_lines(lines: Sequence[str], task: Task) -> Chosen | None:
    """The labels of lines that are nothing but labels, or say of each label whether it applies."""
    if len(lines) == 1 and not BULLET.match(lines[0]):
        return read_line(lines[0], task)
    bare = [line if task.look_up(line) else BULLET.sub("", line, count=1) for line in lines]
    said = [SAID.fullmatch(line.strip(MARKS)) for line in bare]
    if lines and all(said):
        return read_choices(((match[1], match[2]) for match in said if match), task)
    found = [read_list(line, task) for line in bare]
    if not found or None in found or (len(found) > 1 and frozenset() in found):
        return None
    return frozenset().union(*(chosen for chosen in found if chosen))


def read_line(line: str, task: Task) -> Chosen | None:
    """The labels that a line lists, or that it lists before an explanation that names no label."""
    chosen = read_list(line, task)
    for number, place in enumerate(EXPLANATION.finditer(line)):
        if chosen is not None or number >= MOST_EXPLANATIONS:
            break
        chosen = read_list(line[: place.start()], task)
        if chosen is not None and task.names.find(line[place.start() :]):
            return None
    return chosen


def read_list(line: str, task: Task) -> Chosen | None:
    """The labels of a line that is nothing but labels; None if it is not, or can be read in more than one way."""
    named = read_name(line, task)
    if named is not None or len(line) > task.most or is_open(line):
        return named
    ways = {way.labels for way in cut_names(line.strip(), SEPARATOR, task.longest, task.look_up)}
    return ways.pop() if len(ways) == 1 else None


def read_name(text: str, task: Task) -> Chosen | None:
    """The label that a text spells, or the empty set if it says that none applies."""
    label = task.look_up(text)
    if label is not None:
        return frozenset([label])
    is_none = len(text) <= task.most and NONE.fullmatch(JOINTS.sub(" ", text.strip(MARKS).casefold()))
    return frozenset() if is_none else None


def read_choices(pairs: Iterable[tuple[str, Any]], task: Task) -> Chosen | None:
    """The labels that are true in pairs of label and value, which name a true one or else all that there are."""
    chosen: dict[str, bool] = {}
    for name, value in pairs:
        label = task.look_up(name)
        if label is None and name.lower() == REASON:
            continue
        said = str(value).lower() if isinstance(value, bool | str) or value in (0, 1) else ""
        if label is None or said not in TRUE | FALSE or chosen.setdefault(label, said in TRUE) != (said in TRUE):
            return None
    is_whole = any(chosen.values()) or len(chosen) == len(task.labels)
    return frozenset(label for label, applies in chosen.items() if applies) if is_whole else None


def is_open(text: str) -> bool:
    """Whether a bracket is missing, as in a list that was cut off."""
    return text.count("[") != text.count("]")
