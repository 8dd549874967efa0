"""A text as the rows of tokens that a tagger reads, and where in its answers the words of the text are.

A text that is longer than the model reads makes several rows, which overlap (`distil/tagging/windows.py`); each has the
special tokens around it that a whole text has. What the model says of the first token of each word is read, once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from distil.tagging.windows import choose_overlap, cut_windows
from distil.tagging.words import Entity, Token, Word, group_words, read_tags

Floats = NDArray[np.float32]
Place = tuple[int, int, str]  # start, end and label of a span


@dataclass(frozen=True, slots=True)
class Row:
    """Tokens that the model reads together, as numbers; `words` are the places of those that begin words it decides."""

    ids: list[int]
    type_ids: list[int]
    words: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.ids)


class Split(NamedTuple):
    """A text, its words, and the rows that decide on them, in the order of the text; none where there is no word."""

    text: str
    words: list[Word]
    rows: list[Row]


class Splitter:
    """Splits texts with a tokenizer of the library tokenizers, which neither cuts nor pads."""

    def __init__(self, tokenizer: Any, limit: int | None, unknown: int | None) -> None:
        """Take `limit` tokens a row at most, special ones included (null: any number).

        `unknown` is the number of the token for what the tokenizer does not know, if it has one.
        """
        self._tokenizer, self._unknown = tokenizer, unknown
        self._has_prefix = bool(getattr(tokenizer.model, "continuing_subword_prefix", None))
        self._room = None if limit is None else max(1, limit - tokenizer.num_special_tokens_to_add(False))

    def split(self, texts: Sequence[str]) -> list[Split]:
        """Return each text split."""
        encodings = self._tokenizer.encode_batch(texts)
        return [self._split(text, encoding) for text, encoding in zip(texts, encodings, strict=True)]

    def _split(self, text: str, encoding: Any) -> Split:
        special, ids = encoding.special_tokens_mask, encoding.ids
        first = next((number for number, mark in enumerate(special) if not mark), len(special))
        last = len(special) - next((number for number, mark in enumerate(reversed(special)) if not mark), 0)
        parts = enumerate(zip(ids, encoding.tokens, encoding.offsets, strict=True))
        tokens = [
            Token(number, part, start, end, token == self._unknown) for number, (token, part, (start, end)) in parts
        ]
        words = group_words(text, tokens[first:last], has_prefix=self._has_prefix)
        return Split(text, words, list(self._cut(encoding, words, first, last)))

    def _cut(self, encoding: Any, words: Sequence[Word], first: int, last: int) -> Iterator[Row]:
        """The rows of a text whose own tokens, without special ones around them, are those from `first` to `last`."""
        ids, types = encoding.ids, encoding.type_ids
        begun = np.array([word.token for word in words], dtype=np.intp)
        room = self._room or len(ids)
        if last - first <= room:
            if words:
                yield Row(ids, types, begun)
            return
        for start, end, decided, until in cut_windows(last - first, room, choose_overlap(room)):
            own = begun[(begun >= first + decided) & (begun < first + until)]
            inside = slice(first + start, first + end)
            if not len(own):
                continue
            framed = [[*row[:first], *row[inside], *row[last:]] for row in (ids, types)]
            yield Row(framed[0], framed[1], own - start)


def find_unknown(tokenizer: Any, settings: Mapping[str, Any]) -> int | None:
    """The number of the token for what a tokenizer does not know; `settings` are those of tokenizer_config.json."""
    stated = settings.get("unk_token", getattr(tokenizer.model, "unk_token", None))
    name = stated.get("content") if isinstance(stated, dict) else stated
    number: int | None = tokenizer.token_to_id(name) if isinstance(name, str) else None
    return number


def spread(splits: Sequence[Split], batches: Iterable[tuple[NDArray[np.intp], Floats]], tags: int) -> list[Floats]:
    """Return the logits of each text's words, of shape (words, `tags`).

    `batches` have the numbers of some rows of all texts, and the logits of all their tokens, of shape (rows, tokens,
    tags).
    """
    rows = [row for split in splits for row in split.rows]
    nothing = np.zeros((0, tags), dtype=np.float32)
    answers = [nothing] * len(rows)
    for positions, logits in batches:
        for number, position in enumerate(positions):
            answers[position] = logits[number, rows[position].words]
    of_rows = iter(answers)
    return [np.concatenate([nothing, *(next(of_rows) for _ in split.rows)]) for split in splits]


def read_spans(split: Split, logits: Floats, labels: Sequence[str]) -> list[Entity]:
    """The spans that logits of a text's words say, of shape (words, tags)."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    return read_tags(split.words, powers / powers.sum(axis=1, keepdims=True), labels, split.text)


def place_spans(found: Sequence[Sequence[Entity]]) -> list[list[Place]]:
    """Return where the spans of each text are."""
    return [[(entity.start, entity.end, entity.label) for entity in entities] for entities in found]
