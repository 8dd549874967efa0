"""Texts as a model of tokens reads them: words, and windows of tokens, so that nothing of a long text is unread.

What a model says of a word stands at the word's first piece, in the window that decides this piece.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from distil.encoders.batching import batch_by_tokens
from distil.encoders.torch_model import BATCH_TOKENS
from distil.tagging.windows import choose_overlap, cut_windows
from distil.tagging.words import Token, Word, group_words

Floats = NDArray[np.float32]


class View(NamedTuple):
    """A window: its tokens, special ones included, and where in it the words from `first` to `last` begin."""

    ids: list[int]
    first: int
    last: int  # exclusive
    places: list[int]


class Reading(NamedTuple):
    """The words of a text, and the windows that decide them."""

    words: list[Word]
    views: list[View]


def read_texts(tokenizer: Any, texts: Sequence[str], max_length: int) -> list[Reading]:
    """Return what a model reads of texts in windows of `max_length` tokens at most, special ones included."""
    if not texts:
        return []
    encoded = tokenizer(
        list(texts),
        truncation=False,
        return_offsets_mapping=True,
        return_special_tokens_mask=True,
        return_attention_mask=False,
        verbose=False,
    )
    parts = zip(texts, encoded["input_ids"], encoded["offset_mapping"], encoded["special_tokens_mask"], strict=True)
    return [_read_text(tokenizer, *part, max_length) for part in parts]


def run_words(
    model: Any,
    tokenizer: Any,
    readings: Sequence[Reading],
    device: torch.device,
    width: int,
    read: Callable[[Any], torch.Tensor],
) -> list[Floats]:
    """Return what a model says of the words of each text, of shape (words, `width`).

    `read` takes it from the model's output, of shape (windows, tokens, width).
    """
    model.eval().to(device)
    said = [np.zeros((len(reading.words), width), dtype=np.float32) for reading in readings]
    views = [(number, view) for number, reading in enumerate(readings) for view in reading.views if view.places]
    with torch.inference_mode():
        for batch in batch_by_tokens([len(view.ids) for _, view in views], BATCH_TOKENS):
            inputs = tokenizer.pad({"input_ids": [views[place][1].ids for place in batch]}, return_tensors="pt")
            answers = read(model(**inputs.to(device))).float().cpu().numpy()
            for row, place in enumerate(batch):
                number, view = views[place]
                said[number][view.first : view.last] = answers[row, view.places]
    return said


def _read_text(
    tokenizer: Any, text: str, ids: list[int], spans: list[tuple[int, int]], special: list[int], max_length: int
) -> Reading:
    """`special` is 1 for each token that the tokenizer adds, before the text and after it."""
    before = (*special, 0).index(0)
    tokens = len(ids) - sum(special)
    inside = ids[before : before + tokens]
    words = group_words(
        text,
        [
            Token(number, name, *span, token == tokenizer.unk_token_id)
            for number, (token, name, span) in enumerate(
                zip(inside, tokenizer.convert_ids_to_tokens(inside), spans[before:], strict=False)
            )
        ],
        prefix=getattr(tokenizer.backend_tokenizer.model, "continuing_subword_prefix", None),
    )
    size = max(1, max_length - sum(special))
    begins = [word.token for word in words]
    views = []
    for window in cut_windows(tokens, size, choose_overlap(size)):
        first, last = np.searchsorted(begins, [window.first, window.last]).tolist()
        places = [before + token - window.start for token in begins[first:last]]
        read = [*ids[:before], *inside[window.start : window.end], *ids[before + tokens :]]
        views.append(View(read, first, last, places))
    return Reading(words, views)
