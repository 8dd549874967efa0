"""Cut texts into pieces of bounded size: batches of like length for a model, chunks of a stream for memory."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from distil.core.errors import InputError


def batch_by_tokens(lengths: Sequence[int], most_tokens: int) -> Iterator[NDArray[np.intp]]:
    """Yield the positions of texts that make a batch, the longest first, so that memory peaks at the start.

    `lengths` are in tokens. A batch, padded to its longest text, has `most_tokens` at most; a longer text goes alone.
    """
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
    start = 0
    while start < len(order):
        rows = max(1, most_tokens // max(1, lengths[order[start]]))
        yield order[start : start + rows]
        start += rows


def chunk_texts(texts: Iterable[str], most_texts: int, most_characters: int) -> Iterator[list[str]]:
    """Yield lists of consecutive texts; one text more than `most_characters` allows may be among them.

    Raises `InputError` at the first item that is not a string of Unicode characters, and if `texts` is itself a string.
    """
    if isinstance(texts, str):
        raise InputError(f"one text ({texts[:40]!r}) where a list of texts is wanted; put it into brackets")
    chunk: list[str] = []
    characters = 0
    for number, text in enumerate(texts):
        _check_text(number, text)
        chunk.append(text)
        characters += len(text)
        if len(chunk) == most_texts or characters >= most_characters:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def _check_text(number: int, text: object) -> None:
    if not isinstance(text, str):
        raise InputError(f"text {number} is {text!r:.40}, not a string; drop it or turn it into one")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"text {number} has half a character (a lone surrogate) at {error.start}; read its file as UTF-8"
        ) from None
