"""The words of a tokenized text, the tag of each, and the spans that tags say.

Tokens are grouped into words as the pipeline of transformers does it with `aggregation_strategy="first"`: a word has
the tag of its first piece, so that is the piece which is learnt and read. Tags are IOB2: O, then B- and I- of each
label. With equal tags the spans are the same as the pipeline's, but that they begin and end with no blank.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from distil.core.errors import InputError

Floats = NDArray[np.float64]
LAST_OF_ONE_UNIT = "\uffff"
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
    """A span that was found, its words, and the mean probability of their tags; the end is exclusive."""

    start: int
    end: int
    label: str
    text: str
    probability: float


def name_tags(labels: Sequence[str]) -> list[str]:
    """The names of the tags, in the order of their numbers."""
    return ["O", *(f"{prefix}-{label}" for label in labels for prefix in "BI")]


def read_labels(path: Path, tags: Sequence[str]) -> list[str]:
    """Return the labels of which a model has the tags; raises `InputError`, which names its config.json, if none."""
    labels = [tag.removeprefix("B-") for tag in tags if tag.startswith("B-")]
    if not labels or list(tags) != name_tags(labels):
        raise InputError(
            f"{path} names outputs that are not the tags O, B-LABEL, I-LABEL and so on, each pair after the other; "
            "train a student of spans anew"
        )
    return labels


def group_words(text: str, tokens: Sequence[Token], *, prefix: str | None) -> list[Word]:
    """The words of a text.

    Where tokens that go on with a word have a `prefix` (WordPiece) it tells; without, one goes on that has no blank
    before it. One that begins before the word's end (bytes of one character) always goes
    on.
    """
    words: list[Word] = []
    for token in tokens:
        if words and (_goes_on(text, token, prefix) or token.start < words[-1].end):
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
    """The spans of a text that the likeliest tags say; probabilities of shape (words, tags).

    A word goes on with the span before it if its tag is I- of the same label; every other tag but O begins one. What
    some tokenizers make of blanks alone is no span.
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
    places = [(words[inside[0]].start, words[inside[-1]].end) for _, inside in groups]
    found = [
        make_entity(text, start, end, labels[label], float(best[inside].mean()))
        for (start, end), (label, inside) in zip(places, groups, strict=True)
    ]
    return [entity for entity in found if entity.text]


def make_entity(text: str, start: int, end: int, label: str, probability: float) -> Entity:
    """A span of a text without the blanks around it, with the marks on its last letter; of blanks alone it is empty.

    Tokenizers that take accents off leave marks out of the letter that they stand on.
    """
    start, end = _strip(text, start, end)
    while start < end < len(text) and unicodedata.combining(text[end]):
        end += 1
    return Entity(start, end, label, text[start:end], probability)


def redact(text: str, entities: Iterable[Entity]) -> str:
    """Return the text with each span, which no other overlaps, replaced by its label: "[PERSON] met [PERSON]".

    Places are in code points.
    """
    parts, done = [], 0
    for entity in sorted(entities):
        parts += [text[done : entity.start], f"[{entity.label}]"]
        done = entity.end
    return "".join([*parts, text[done:]])


def count_in_utf16(text: str, entities: Sequence[Entity]) -> list[Entity]:
    """Return the spans of a text with their places counted in UTF-16 units, of which an emoji has two."""
    if text.isascii() or not entities:
        return list(entities)
    units = [0, *accumulate(1 + (character > LAST_OF_ONE_UNIT) for character in text)]
    return [entity._replace(start=units[entity.start], end=units[entity.end]) for entity in entities]


def _goes_on(text: str, token: Token, prefix: str | None) -> bool:
    if token.is_unknown:
        return False
    if prefix:
        return token.text.startswith(prefix)
    return token.start > 0 and " " not in text[token.start - 1 : token.start + 1]


def _trim(word: Word, text: str) -> Word:
    """A word without the blanks that some tokenizers count with it; one of blanks alone stays."""
    start, end = _strip(text, word.start, word.end)
    return word._replace(start=start, end=end) if start < end else word


def _strip(text: str, start: int, end: int) -> tuple[int, int]:
    """The ends of a stretch of a text without the blanks around it."""
    inside = text[start:end]
    return end - len(inside.lstrip()), start + len(inside.rstrip())
