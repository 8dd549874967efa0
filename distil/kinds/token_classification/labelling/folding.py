"""Fold a text so that two ways of writing the same words are equal, with the way back to every character.

Folded away are case, blanks of any kind and number, accents and other marks over and under letters, characters without
width, kinds of quotation marks and dashes, ligatures and other forms that Unicode holds to be compatible (NFKD). What
is left is compared as it is: a letter for another, or one too many, is never overlooked.
"""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

QUOTES = dict.fromkeys("'\u2018\u2019\u201a\u201b\u2032`\u00b4\u02bc\uff07", "'") | dict.fromkeys(
    '"\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\uff02', "''"
)
DASHES = dict.fromkeys("-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d", "-")
SIGNS = QUOTES | DASHES
LEAST_ACCENT = 10  # canonical combining class; below are signs that make another letter: nuktas, viramas, vowel signs
VARIATION_SELECTORS = range(0xFE00, 0xFE10)


@dataclass(frozen=True)
class Folded:
    """A folded text; `origin` has for each of its characters the place of the one that it came from."""

    text: str
    origin: list[int]

    def begins(self, index: int) -> bool:
        """Whether the character at `index` is the first that came from its origin."""
        return index == 0 or self.origin[index - 1] != self.origin[index]

    def ends(self, index: int) -> bool:
        """Whether what came from one character ends before `index`."""
        return index == len(self.origin) or self.origin[index - 1] != self.origin[index]


def fold(text: str) -> Folded:
    """The folded text."""
    pieces, origin = [], []
    for place, sign in enumerate(text):
        piece = fold_sign(sign)
        pieces.append(piece)
        origin.extend([place] * len(piece))
    return Folded("".join(pieces), origin)


@lru_cache(maxsize=4096)
def fold_sign(sign: str) -> str:
    """What a character folds to: nothing, itself, or several."""
    if sign in SIGNS:
        return SIGNS[sign]
    return "".join(map(_reduce, unicodedata.normalize("NFKD", sign.casefold())))


def is_mark(sign: str) -> bool:
    """Whether a character belongs to the one before it."""
    return sign > "\u02ff" and unicodedata.category(sign)[0] == "M"


def _reduce(sign: str) -> str:
    """Nothing of a blank, an accent, or a character without width; else the character, without case."""
    if sign.isascii() and sign.isalnum():
        return sign.lower()
    if sign.isspace() or unicodedata.category(sign) == "Cf" or ord(sign) in VARIATION_SELECTORS:
        return ""
    return "" if unicodedata.combining(sign) >= LEAST_ACCENT else SIGNS.get(sign, sign.casefold())
