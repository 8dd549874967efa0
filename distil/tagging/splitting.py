"""Texts as the rows of tokens that a tagger reads, and the spans that its answers say.

A text that is longer than the model reads makes several rows, which overlap (`distil/tagging/windows.py`); each has the
special tokens around it that a whole text has. What the model says of the first token of each word is read, once. Words
and spans are those of `distil/tagging/words.py`, found in many texts at a time, since a loop over tokens takes as long
as a tenth of the model.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from distil.core.errors import InputError
from distil.tagging.windows import choose_overlap, cut_windows
from distil.tagging.words import Entity, make_entity

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]
Place = tuple[int, int, str]  # start, end and label of a span
BLANK = ord(" ")


@dataclass(frozen=True, slots=True)
class Row:
    """Tokens that the model reads together, as numbers; `words` are the places of those that begin words it decides."""

    ids: list[int]
    type_ids: list[int]
    words: Numbers

    def __len__(self) -> int:
        return len(self.ids)


class Split(NamedTuple):
    """A text, where its words start and end, and the rows that decide on them, in the order of the text."""

    text: str
    starts: Numbers
    ends: Numbers
    rows: list[Row]


class _Tokens(NamedTuple):
    """The own tokens of texts, one text after the other, with places in all texts, each of which is a line.

    `own` says where they are among a text's tokens, `firsts` which is the first of each text (and how many there are),
    `bases` where each text begins.
    """

    own: list[slice]
    firsts: Numbers
    bases: Numbers
    starts: Numbers
    ends: Numbers


class Splitter:
    """Splits texts with a tokenizer of the library tokenizers, which neither cuts nor pads."""

    def __init__(self, tokenizer: Any, limit: int | None, unknown: int | None) -> None:
        """Take `limit` tokens a row at most, special ones included (null: any number).

        `unknown` is the number of the token for what the tokenizer does not know, if it has one.
        """
        self._tokenizer, self._unknown = tokenizer, unknown
        self._prefix: str | None = getattr(tokenizer.model, "continuing_subword_prefix", None)
        self._room = None if limit is None else max(1, limit - tokenizer.num_special_tokens_to_add(False))

    def split(self, texts: Sequence[str]) -> list[Split]:
        """Return each text split."""
        encodings = self._tokenizer.encode_batch(texts)
        tokens = _join(texts, encodings)
        begun = _find_beginnings(tokens, self._goes_on(texts, encodings, tokens))
        starts = tokens.starts[begun]
        ends = np.maximum.reduceat(tokens.ends, begun) if len(begun) else starts
        cuts = np.searchsorted(begun, tokens.firsts).tolist()
        splits = []
        for number, (text, encoding, own) in enumerate(zip(texts, encodings, tokens.own, strict=True)):
            words, base = slice(cuts[number], cuts[number + 1]), tokens.bases[number]
            rows = self._cut(encoding, own, begun[words] - tokens.firsts[number] + own.start)
            splits.append(Split(text, starts[words] - base, ends[words] - base, list(rows)))
        return splits

    def _goes_on(self, texts: Sequence[str], encodings: Sequence[Any], tokens: _Tokens) -> NDArray[np.bool_]:
        """For each token whether it goes on with a word, as `group_words` has it."""
        parts = list(zip(encodings, tokens.own, strict=True))
        if prefix := self._prefix:
            marked = (part.startswith(prefix) for encoding, own in parts for part in encoding.tokens[own])
            goes_on = np.fromiter(marked, dtype=np.bool_)
        else:
            lines = "".join(f"{text}\n" for text in texts)
            blank = np.frombuffer(lines.encode("utf-32-le"), dtype=np.uint32) == BLANK
            goes_on = ~(blank[tokens.starts] | blank[tokens.starts - 1])
            goes_on &= tokens.starts > np.repeat(tokens.bases, np.diff(tokens.firsts))
        ids = np.fromiter((number for encoding, own in parts for number in encoding.ids[own]), dtype=np.int64)
        return np.asarray(goes_on & (ids != (-1 if self._unknown is None else self._unknown)))

    def _cut(self, encoding: Any, own: slice, begun: Numbers) -> Iterator[Row]:
        """The rows of a text; `begun` are the tokens that begin a word. Where there is no word there is no row."""
        ids, types, tokens = encoding.ids, encoding.type_ids, own.stop - own.start
        room = self._room or len(ids)
        if tokens <= room:
            if len(begun):
                yield Row(ids, types, begun)
            return
        for start, end, first, last in cut_windows(tokens, room, choose_overlap(room)):
            decided = begun[(begun >= own.start + first) & (begun < own.start + last)]
            if len(decided):
                inside = slice(own.start + start, own.start + end)
                framed = [[*row[: own.start], *row[inside], *row[own.stop :]] for row in (ids, types)]
                yield Row(framed[0], framed[1], decided - start)


def list_rows(splits: Iterable[Split]) -> list[Row]:
    """Return the rows of all texts."""
    return [row for split in splits for row in split.rows]


def gather(rows: Sequence[Row], batches: Iterable[tuple[NDArray[np.intp], Floats]], tags: int) -> Floats:
    """Return the logits of the words of all texts, one text after the other, of shape (words, `tags`).

    `batches` have the numbers of some rows of all texts, and the logits of all their tokens, of shape (rows, tokens,
    tags).
    """
    ends = np.cumsum([0, *(len(row.words) for row in rows)]).tolist()
    answers = np.empty((ends[-1], tags), dtype=np.float32)
    for positions, logits in batches:
        for number, position in enumerate(positions.tolist()):
            answers[ends[position] : ends[position + 1]] = logits[number, rows[position].words]
    return answers


def read_spans(splits: Sequence[Split], logits: Floats, labels: Sequence[str]) -> list[list[Entity]]:
    """Return the spans that the logits of the words of all texts say, of shape (words, tags), as `read_tags` does."""
    found: list[list[Entity]] = [[] for _ in splits]
    if not len(logits):
        return found
    texts = np.repeat(np.arange(len(splits)), [len(split.starts) for split in splits])
    starts, ends = (np.concatenate([split[side] for split in splits]) for side in (1, 2))
    tags = logits.argmax(axis=1)
    likely = 1 / np.exp(logits - logits.max(axis=1, keepdims=True)).sum(axis=1, dtype=np.float64)
    label, is_tag = (tags - 1) // 2, tags > 0
    goes_on = is_tag & (tags % 2 == 0)
    goes_on[0] = False
    goes_on[1:] &= is_tag[:-1] & (label[1:] == label[:-1]) & (texts[1:] == texts[:-1])
    first, last = np.flatnonzero(is_tag & ~goes_on), np.flatnonzero(is_tag & ~np.append(goes_on[1:], False))
    for one, until in zip(first.tolist(), last.tolist(), strict=True):
        number, probability = int(texts[one]), float(likely[one : until + 1].mean())
        text = splits[number].text
        entity = make_entity(text, int(starts[one]), int(ends[until]), labels[label[one]], probability)
        found[number] += [entity] if entity.text else []
    return found


def check_numbers(logits: Floats, name: str) -> Floats:
    """Return logits; raises `InputError` where they are no numbers, of which no tag could be read."""
    if broken := int((~np.isfinite(logits)).any(axis=1).sum()):
        raise InputError(
            f"{name} answers NaN to {broken:,} of {len(logits):,} words; write its files anew with 'dvc repro -s -f "
            "export', or train anew with a lower train.learning_rate or with train.precision: fp32"
        )
    return logits


def place_spans(found: Iterable[Iterable[Entity]]) -> list[list[Place]]:
    """Return where the spans of each text are."""
    return [[(entity.start, entity.end, entity.label) for entity in entities] for entities in found]


def find_unknown(tokenizer: Any, settings: Mapping[str, Any]) -> int | None:
    """The number of the token for what a tokenizer does not know; `settings` are those of tokenizer_config.json."""
    stated = settings.get("unk_token", getattr(tokenizer.model, "unk_token", None))
    name = stated.get("content") if isinstance(stated, dict) else stated
    number: int | None = tokenizer.token_to_id(name) if isinstance(name, str) else None
    return number


def _find_own(special: list[int]) -> slice:
    """Where a text's own tokens are among those that are special, 1 each, and stand before and after them."""
    first = special.index(0) if 0 in special else len(special)
    last = len(special) - special[::-1].index(0) if 0 in special else len(special)
    return slice(first, last)


def _join(texts: Sequence[str], encodings: Sequence[Any]) -> _Tokens:
    own = [_find_own(encoding.special_tokens_mask) for encoding in encodings]
    firsts = np.cumsum([0, *(some.stop - some.start for some in own)])
    bases = np.cumsum([0, *(len(text) + 1 for text in texts)])[:-1]
    offsets = (encoding.offsets[some] for encoding, some in zip(encodings, own, strict=True))
    places = np.fromiter(chain.from_iterable(chain.from_iterable(offsets)), dtype=np.int64).reshape(-1, 2)
    starts, ends = (places + np.repeat(bases, np.diff(firsts))[:, None]).T
    return _Tokens(own, firsts, bases, starts, ends)


def _find_beginnings(tokens: _Tokens, goes_on: NDArray[np.bool_]) -> Numbers:
    """The numbers of the tokens that begin a word: the first of each text, and others that begin behind all before."""
    firsts = tokens.firsts[:-1][np.diff(tokens.firsts) > 0]
    begins = ~goes_on
    begins[1:] &= tokens.starts[1:] >= np.maximum.accumulate(tokens.ends)[:-1]
    begins[firsts] = True
    return np.flatnonzero(begins)
