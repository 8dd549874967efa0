"""Read CoNLL files: a token a line, its tag in the last column, sentences separated by blank lines.

The first column is the token, the last one the tag; columns are separated by tabs, or where a line has none by blanks.
Lines that begin with -DOCSTART- are skipped, as are comments (`# ...`) before the first token of a sentence. A
sentence's text is its tokens joined by blanks.

Tags are O, or a prefix, a hyphen and a label: B and I (IOB2), E or L for the last token and S or U for an only one
(IOBES, BILOU). An I that continues nothing begins a span, as in IOB1; how many did is told.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from distil.core.errors import InputError

DOCUMENT = "-DOCSTART-"
COMMENT = "# "
OUTSIDE = "O"
ALONE, LAST, FIRST, INSIDE = "SU", "EL", "B", "I"
HOW = "a tag is O, or one of B, I, E, L, S, U with a hyphen and a label, such as B-PER"


class Sentences(NamedTuple):
    """A file's sentences, each with its gold as JSON; `lines` says where each begins."""

    texts: list[str]
    gold: list[str]
    lines: list[int]
    notes: list[str]


class _Token(NamedTuple):
    line: int
    word: str
    prefix: str
    label: str


def read_conll(content: str, name: str) -> Sentences:
    """Read the text of a file, of which `name` is the name in messages.

    Raises `InputError` with the line's number for a line without a tag, or with one that is none.
    """
    texts, gold, lines, loose = [], [], [], []
    for sentence in _split(content.removeprefix("\ufeff").split("\n"), name):
        text, spans, begun = _join(sentence)
        texts.append(text)
        gold.append(json.dumps(spans, ensure_ascii=False))
        lines.append(sentence[0].line)
        loose += begun
    where = f"{len(loose):,} (the first in line {loose[0]})" if loose else ""
    notes = [f"{name}: spans that begin with I-, not B-: {where}; read as IOB1"] if loose else []
    return Sentences(texts, gold, lines, notes)


def join_tagged(words: Sequence[str], tags: Sequence[str], place: str) -> tuple[str, str]:
    """The text of a sentence whose words and tags are at hand, and its gold as JSON; raises `InputError`."""
    if len(words) != len(tags):
        raise InputError(f"{place}: {len(words)} tokens and {len(tags)} tags; each token has one")
    if None in words or None in tags:
        raise InputError(f"{place}: a token or a tag is missing; each token has a tag")
    for tag in tags:
        if not _is_tag(tag):
            raise InputError(f"{place}: the tag {tag[:60]!r} is none; {HOW}")
    parts = [(word, *tag.partition("-")) for word, tag in zip(words, tags, strict=True)]
    text, spans, _ = _join([_Token(0, word, prefix, label) for word, prefix, _, label in parts])
    return text, json.dumps(spans, ensure_ascii=False)


def _split(lines: Iterable[str], name: str) -> Iterator[list[_Token]]:
    """The tokens of each sentence."""
    sentence: list[_Token] = []
    for number, line in enumerate(lines, start=1):
        is_comment = not sentence and line.startswith(COMMENT) and "\t" not in line and not _is_tag(line.split(" ")[-1])
        if not line.strip() or line.startswith(DOCUMENT):
            if sentence:
                yield sentence
            sentence = []
        elif not is_comment:
            sentence.append(_read_token(line, number, name))
    if sentence:
        yield sentence


def _read_token(line: str, number: int, name: str) -> _Token:
    columns = [column.strip() for column in line.split("\t")] if "\t" in line else re.split(" +", line.strip(" \r"))
    if len(columns) < 2 or not columns[0]:
        raise InputError(f"{name}, line {number}: {line[:60]!r} is no token with a tag behind it; {HOW}")
    tag = columns[-1]
    if not _is_tag(tag):
        raise InputError(f"{name}, line {number}: the tag {tag[:60]!r} is none; {HOW}")
    prefix, _, label = tag.partition("-")
    return _Token(number, columns[0], prefix, label)


def _is_tag(tag: str) -> bool:
    prefix, _, label = tag.partition("-")
    return tag == OUTSIDE or (len(prefix) == 1 and prefix in ALONE + LAST + FIRST + INSIDE and bool(label))


def _join(sentence: list[_Token]) -> tuple[str, list[dict[str, int | str]], list[int]]:
    """The text, its spans, and the lines on which a span begins with a tag that should continue one."""
    spans: list[dict[str, int | str]] = []
    begun, start, goes_on = [], 0, ""  # the label of a span that may go on
    for token in sentence:
        end = start + len(token.word)
        continues = token.prefix in INSIDE + LAST and token.label == goes_on and goes_on != ""
        if continues:
            spans[-1]["end"] = end
        elif token.prefix != OUTSIDE:
            spans.append({"start": start, "end": end, "label": token.label})
            begun += [token.line] * (token.prefix in INSIDE + LAST)
        goes_on = token.label if token.prefix in FIRST + INSIDE else ""
        start = end + 1
    return " ".join(token.word for token in sentence), spans, begun
