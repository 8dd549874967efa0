"""Cut a line into names of labels, although a name may itself hold what stands between names.

The line is cut at each separator, and pieces that stand beside each other may together be one name. Where that can be
done in several ways, all are told, so that nobody has to guess.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

MOST_WAYS = 2  # more than one is too many already


class NameList(NamedTuple):
    """The labels that a line names, and how many names it has: more than labels where one is repeated."""

    labels: frozenset[str]
    names: int


def cut_names(
    line: str, separator: re.Pattern[str], longest: int, look_up: Callable[[str], str | None]
) -> set[NameList]:
    """Return the ways to read all of a line as names, two at most.

    Args:
        line: names with something between them.
        separator: what stands between names.
        longest: of how many pieces a name consists at most, see `count_pieces`.
        look_up: the label that a name means, or None.
    """
    cuts = [found.span() for found in separator.finditer(line)]
    starts, ends = [0, *(end for _, end in cuts)], [*(start for start, _ in cuts), len(line)]
    ways: list[set[NameList]] = [{NameList(frozenset(), 0)}, *(set() for _ in starts)]
    for last, end in enumerate(ends):
        for first in range(max(0, last + 1 - longest), last + 1):
            label = look_up(line[starts[first] : end].strip()) if ways[first] else None
            if label is not None:
                ways[last + 1] |= {NameList(way.labels | {label}, way.names + 1) for way in ways[first]}
        ways[last + 1] = set(sorted(ways[last + 1], key=lambda way: way.names)[:MOST_WAYS])
    return ways[-1]


def count_pieces(name: str, separator: re.Pattern[str]) -> int:
    """Into how many pieces a name is cut."""
    return 1 + sum(1 for _ in separator.finditer(name))
