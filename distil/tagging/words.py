"""The words of a tokenized text, the tag of each, and the spans that tags say.

Tokens are grouped into words as the pipeline of transformers does it with `aggregation_strategy="first"`: a word has
the tag of its first piece, so that is the piece which is learnt and read. Tags are IOB2: O, then B- and I- of each
label. With equal tags the spans are the same as the pipeline's, but that they begin and end with no blank.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
NUMBERS_OF_A_SPAN = 4  # start, end, number of the label, share


class Token(NamedTuple):
    """A token that is not special, where it stands in the text, and its number in the row."""

    number: int
    text: str
    start: int
    end: int
    is_unknown: bool = False


class Word(NamedTuple):
    """The number of a word's first token, and where the word stands in the text."""

    token: int
    start: int
    end: int


class Entity(NamedTuple):
    """A span that was found, what it says, and the mean probability of its words' tags."""

    start: int
    end: int
    label: str
    text: str
    probability: float


def name_tags(labels: Sequence[str]) -> list[str]:
    """The names of the tags, in the order of their numbers."""
    return ["O", *(f"{prefix}-{label}" for label in labels for prefix in "BI")]


def group_words(text: str, tokens: Sequence[Token], *, has_prefix: bool) -> list[Word]:
    """The words of a text.

    With `has_prefix` (WordPiece) a token that is longer or shorter than what it stands for goes on with a word;
    without, one that has no blank before it. One that begins before the word's end (bytes of one character) always goes
    on.
    """
    words: list[Word] = []
    for token in tokens:
        if words and (_goes_on(text, token, has_prefix=has_prefix) or token.start < words[-1].end):
            words[-1] = words[-1]._replace(end=max(words[-1].end, token.end))
        else:
            words.append(Word(token.number, token.start, token.end))
    return [_trim(word, text) for word in words]


def soften_words(words: Sequence[Word], soft: Sequence[float] | Floats, labels: Sequence[str]) -> Floats:
    """The share of each tag, shape (words, tags), each row summing to 1.

    `soft` has four numbers for each span: start, end, number of the label, share. A span's first word has its share for
    B-, the others for I-; a word belongs to a span that has some of its characters.
    """
    shares = np.zeros((len(words), 1 + 2 * len(labels)))
    starts, ends = (np.array([word[side] for word in words], dtype=np.int64) for side in (1, 2))
    for start, end, label, share in np.reshape(np.asarray(soft, dtype=np.float64), (-1, NUMBERS_OF_A_SPAN)):
        inside = np.flatnonzero((starts < end) & (ends > start))
        shares[inside[:1], 1 + 2 * int(label)] += share
        shares[inside[1:], 2 + 2 * int(label)] += share
    shares[:, 0] = np.maximum(0, 1 - shares.sum(axis=1))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


def read_tags(words: Sequence[Word], probabilities: Floats, labels: Sequence[str], text: str) -> list[Entity]:
    """The spans that the likeliest tags say of the words of a text; probabilities of shape (words, tags).

    A word goes on with the span before it if its tag is I- of the same label; every other tag but O begins one.
    """
    groups: list[tuple[int, list[int]]] = []
    tags, before = probabilities.argmax(axis=1), 0
    for number, tag in enumerate(tags.tolist()):
        label = (tag - 1) // 2
        is_inside = tag > 0 and tag % 2 == 0
        if is_inside and before > 0 and label == (before - 1) // 2:
            groups[-1][1].append(number)
        elif tag > 0:
            groups.append((label, [number]))
        before = tag
    best = probabilities.max(axis=1, initial=0)
    found = [(words[inside[0]].start, words[inside[-1]].end, label, best[inside].mean()) for label, inside in groups]
    return [
        Entity(start, end, labels[label], text[start:end], float(probability))
        for start, end, label, probability in found
    ]


def _goes_on(text: str, token: Token, *, has_prefix: bool) -> bool:
    if token.is_unknown:
        return False
    if has_prefix:
        return len(token.text) != token.end - token.start
    return token.start > 0 and " " not in text[token.start - 1 : token.start + 1]


def _trim(word: Word, text: str) -> Word:
    """A word without the blanks that some tokenizers count with it; one of blanks alone stays."""
    inside = text[word.start : word.end]
    if not inside.strip():
        return word
    return word._replace(start=word.end - len(inside.lstrip()), end=word.start + len(inside.rstrip()))
