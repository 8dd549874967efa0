"""Set a text that a teacher wrote down again beside the text as it stands, and carry places from the one to the other.

The copy may lie within other words, and be folded otherwise (`folding.py`). Where it differs by more than that, words
that are the same in both carry over (difflib, Ratcliff & Metzener 1988), up to MOST_PAIRS of them: a place of which a
word was changed, added or left out has no counterpart, and none is guessed.
"""

import re
from bisect import bisect_left
from collections.abc import Callable
from difflib import SequenceMatcher

from distil.kinds.token_classification.labelling.folding import Folded, fold, is_mark

Place = tuple[int, int]
Carry = Callable[[int, int], Place | None]
"""From the start and end of a place in the copy to that in the text; None if it has none."""

WORD = re.compile(r"[^\W_]+|[\W_]")
LONGEST_FOLD = 20  # times the text's length is what a copy may have; one character folds to 18 at most
MOST_PAIRS = 200_000  # of words that difflib sets beside each other; its time grows with them
LEAST_COPIED = 0.5  # of the text's words; less is no copy


def align(copy: str, text: str, hint: int = 0) -> Carry | None:
    """How places in a copy are carried to the text; None if it is no copy.

    Of several copies, say one in a question that is said again, that counts which holds the place `hint`, else the
    last.
    """
    return _align_exact(copy, text, hint) or _align_folded(copy, text, hint) or _align_words(copy, text)


def is_same(copy: str, text: str) -> bool:
    """Whether a copy is the text, whole and with nothing around it, under folding."""
    if copy.strip() == text.strip():
        return True
    return len(copy) < LONGEST_FOLD * len(text) and fold(copy).text == fold(text).text


def _align_exact(copy: str, text: str, hint: int) -> Carry | None:
    core = text.strip()
    begins = len(text) - len(text.lstrip())
    at = _choose(copy, core, hint)
    if at is None:
        return None

    def carry(start: int, end: int) -> Place | None:
        first, last = start - at + begins, end - at + begins
        return (first, last) if first >= 0 and last <= len(text) and text[first:last] == copy[start:end] else None

    return carry


def _choose(copy: str, text: str, hint: int) -> int | None:
    """Where the text stands in its copy."""
    at = copy.rfind(text, 0, hint + len(text)) if text else -1
    if at < 0 or at + len(text) <= hint:
        at = copy.rfind(text) if text else -1
    return None if at < 0 else at


def _align_folded(copy: str, text: str, hint: int) -> Carry | None:
    folded_copy, folded_text = fold(copy), fold(text)
    at = _choose(folded_copy.text, folded_text.text, bisect_left(folded_copy.origin, hint))
    if at is None:
        return None

    def carry(start: int, end: int) -> Place | None:
        first, last = (bisect_left(folded_copy.origin, place) - at for place in (start, end))
        return _unfold(folded_text, text, first, last) if 0 <= first < last <= len(folded_text.text) else None

    return carry


def _unfold(folded: Folded, text: str, first: int, last: int) -> Place | None:
    if not folded.begins(first) or not folded.ends(last):
        return None
    end = folded.origin[last - 1] + 1
    while end < len(text) and is_mark(text[end]):
        end += 1
    return folded.origin[first], end


def _align_words(copy: str, text: str) -> Carry | None:
    ours, theirs = ([match for match in WORD.finditer(page) if fold(match[0]).text] for page in (text, copy))
    if not ours or len(ours) * len(theirs) > MOST_PAIRS:
        return None
    written, there = ([fold(match[0]).text for match in side] for side in (theirs, ours))
    matcher = SequenceMatcher(None, written, there, autojunk=False)
    pairs = {a + i: b + i for a, b, size in matcher.get_matching_blocks() for i in range(size)}
    if len(pairs) < LEAST_COPIED * len(ours):
        return None
    begins, ends = ([getattr(match, side)() for match in theirs] for side in ("start", "end"))

    def carry(start: int, end: int) -> Place | None:
        first, last = bisect_left(begins, start), bisect_left(ends, end)
        here = [pairs.get(word) for word in range(first, last + 1)]
        if not here or here[0] is None or here != list(range(here[0], here[0] + len(here))):
            return None
        place = ours[here[0]].start(), ours[here[0] + len(here) - 1].end()
        return place if fold(text[slice(*place)]).text == fold(copy[start:end]).text else None

    return carry
