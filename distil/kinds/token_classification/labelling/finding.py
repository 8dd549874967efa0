"""Find again in a text what a teacher says stands there, in the order of its answer.

What is named takes the first occurrence that is free and at the bounds of words, at or after the last one found; if
there is none, the first that is free anywhere. One that begins or ends with a sign which is glued to a word beside it,
as an @ to a name, comes after all that stand apart. If there is none either, the same under folding (`folding.py`).
What still has no place is counted, never guessed: no search for something similar, no occurrence within a word. So of
two names that overlap that which is named first has its place. A name that is named more often than it stands in the
text has as many places as it stands there.

A text of any kind takes time that grows with its length and that of the answer, up to MOST_STEPS.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from distil.kinds.token_classification.labelling.canonical.spans import Span
from distil.kinds.token_classification.labelling.folding import Folded, fold, is_mark

MOST_STEPS = 300_000  # occurrences looked at; thousands of names, of which none stands in a long text, end here
CHARACTERS_A_STEP = 200  # that are searched in the time that an occurrence takes
MARGIN = " \t\r\n\u00a0"
UNSPACED = [  # scripts that put no blanks between words
    range(0xE00, 0xF00),  # Thai, Lao
    range(0x1000, 0x10A0),  # Burmese
    range(0x1780, 0x1800),  # Khmer
    range(0x3040, 0x3100),  # kana
    range(0x3400, 0xA000),  # Chinese characters, and those of the next two
    range(0xF900, 0xFB00),
    range(0x20000, 0x40000),
]


class Named(NamedTuple):
    """What is said to stand in a text, and the label it is given."""

    surface: str
    label: str


def find_spans(text: str, named: Sequence[Named], *, by_label: bool = False) -> tuple[list[Span], int]:
    """The spans, sorted, and how many of those named have no place.

    With `by_label` the answer is in the order of the text within each label alone, and each begins at its start.
    """
    page = _Page(text)
    spans = []
    for surface, label in named:
        place = page.take(surface, label if by_label else "")
        if place is not None:
            spans.append(Span(*place, label))
    return sorted(spans), len(named) - len(spans)


def find_places(text: str, surfaces: Iterable[str]) -> list[tuple[int, int] | None]:
    """Start and end of each of the surfaces, in their order; None of one that has no place."""
    page = _Page(text)
    return [page.take(surface) for surface in surfaces]


def mark_bounds(text: str) -> bytearray:
    """For each place of a text, its end included: 1 where a word may begin or end."""
    bounds = bytearray(b"\1") * (len(text) + 1)
    was_word = False
    for place, sign in enumerate(text):
        mark = is_mark(sign)
        word = (mark and was_word) or sign == "_" or (sign.isalnum() and not _is_unspaced(sign))
        bounds[place] = not (place and mark) and not (word and was_word)
        was_word = word
    return bounds


def _is_word(sign: str) -> bool:
    return sign.isalnum() or sign == "_" or is_mark(sign)


def _is_unspaced(sign: str) -> bool:
    code = ord(sign)
    return code >= UNSPACED[0].start and any(code in script for script in UNSPACED)


class _Occurrences:
    """Where something stands in a text, in order, and which of these places may still be free."""

    def __init__(self, places: list[tuple[int, int]]) -> None:
        self._places = places
        self._next = list(range(len(places) + 1))  # the first at or after a place that was not seen taken

    def take(self, cursor: int, taken: bytearray) -> tuple[int, int] | None:
        for first in (bisect_left(self._places, (cursor, 0)), 0):
            index = self._skip(first)
            while index < len(self._places):
                start, end = self._places[index]
                if taken.find(1, start, end) < 0:
                    return start, end
                self._next[index] = index + 1
                index = self._skip(index)
        return None

    def _skip(self, index: int) -> int:
        while self._next[index] != index:
            self._next[index] = self._next[self._next[index]]
            index = self._next[index]
        return index


class _Page:
    """A text in which names are looked for one after the other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._bounds = mark_bounds(text)
        self._taken = bytearray(len(text))
        self._cursors: dict[str, int] = defaultdict(int)
        self._steps = MOST_STEPS
        self._exact: dict[str, list[_Occurrences]] = {}
        self._by_fold: dict[str, list[_Occurrences]] = {}
        self._folded: tuple[Folded, bytearray] | None = None

    def take(self, surface: str, group: str = "") -> tuple[int, int] | None:
        """The place of what is named next in a group, which is free no more."""
        cursor = self._cursors[group]
        place = self._take_exact(surface.strip(MARGIN), cursor) or self._take_folded(surface, cursor)
        if place is not None:
            start, end = place
            self._cursors[group] = end
            self._taken[start:end] = b"\1" * (end - start)
        return place

    def _take_exact(self, surface: str, cursor: int) -> tuple[int, int] | None:
        if surface not in self._exact:
            self._exact[surface] = self._search(self._text, self._bounds, surface, lambda start, end: (start, end))
        return self._take_first(self._exact[surface], cursor)

    def _take_folded(self, surface: str, cursor: int) -> tuple[int, int] | None:
        wanted = fold(surface).text
        if wanted not in self._by_fold:
            folded, begins = self._fold()
            self._by_fold[wanted] = self._search(folded.text, begins, wanted, self._unfold)
        return self._take_first(self._by_fold[wanted], cursor)

    def _take_first(self, ways: list[_Occurrences], cursor: int) -> tuple[int, int] | None:
        places = (occurrences.take(cursor, self._taken) for occurrences in ways)
        return next((place for place in places if place is not None), None)

    def _fold(self) -> tuple[Folded, bytearray]:
        """The folded text, and where in it a word may begin."""
        if self._folded is None:
            folded = fold(self._text)
            begins = bytearray(self._bounds[at] and folded.begins(index) for index, at in enumerate(folded.origin))
            self._folded = folded, begins
        return self._folded

    def _unfold(self, start: int, end: int) -> tuple[int, int] | None:
        """The place in the text of a place in the folded one, with the marks that belong to its last letter."""
        folded, _ = self._fold()
        if not folded.ends(end):
            return None
        last = folded.origin[end - 1] + 1
        while last < len(self._text) and is_mark(self._text[last]):
            last += 1
        return folded.origin[start], last

    def _search(
        self, text: str, begins: bytearray, wanted: str, locate: Callable[[int, int], tuple[int, int] | None]
    ) -> list[_Occurrences]:
        """All places of what is wanted that begin and end as words do: that stand apart, and that do not."""
        apart: list[tuple[int, int]] = []
        glued: list[tuple[int, int]] = []
        self._steps -= len(text) // CHARACTERS_A_STEP
        start = text.find(wanted) if wanted and self._steps > 0 else -1
        while start >= 0 and self._steps > 0:
            self._steps -= 1
            place = locate(start, start + len(wanted)) if begins[start] else None
            if place is not None and self._bounds[place[1]]:
                (glued if self._is_glued(*place) else apart).append(place)
            following = begins.find(1, start + 1)
            start = text.find(wanted, following) if following >= 0 else -1
        return [_Occurrences(apart), _Occurrences(glued)]

    def _is_glued(self, start: int, end: int) -> bool:
        """Whether a sign at one of the ends has a word beside it."""
        text = self._text
        before = start > 0 and not _is_word(text[start]) and _is_word(text[start - 1])
        return before or (end < len(text) and not _is_word(text[end - 1]) and _is_word(text[end]))
