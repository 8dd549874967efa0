"""What a model reads of texts: how much of them is cut off, and whether its tokenizer knows their words.

No language is detected and none is listed. A tokenizer has whole words and long parts of words of the languages that it
was made from; of others it has letters, syllables or nothing, and a model knows little of what it saw in such crumbs.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

LEAST_LETTERS = 3  # a piece, on average, in a word that is not broken
MOST_BROKEN, MOST_UNKNOWN = 0.3, 0.05  # shares of the letters; docs/student.md has those of several languages
MOST_UNREAD = 0.01  # share of the tokens that may be cut off without a warning
SAMPLE_TEXTS, SAMPLE_CHARACTERS = 1000, 2000  # of which the words are looked at; each text from its beginning
WORD = re.compile("w|[lm]*l[lm]*")  # of what `_Kinds` makes of a text


def describe_reading(tokenizer: Any, texts: Sequence[str], max_length: int | None, limit: int | None) -> dict[str, Any]:
    """Return the figures of `measure_cut` and `measure_words`, and `warnings`, a sentence for each that is bad.

    The student reads `max_length` tokens of a text, null if it reads all; `limit` is what its base takes at most, null
    if it states none.
    """
    cut = measure_cut(tokenizer, texts, max_length)
    words = measure_words(tokenizer, texts)
    warnings = []
    if max_length is not None and cut["unread_share"] > MOST_UNREAD:
        warnings.append(
            f"The student reads {max_length} tokens of a text: {cut['texts_cut']:,} of {len(texts):,} are longer, and "
            f"{cut['unread_share']:.1%} of all tokens are not read; {_read_more(max_length, limit)}."
        )
    if words["broken_share"] > MOST_BROKEN or words["unknown_share"] > MOST_UNKNOWN:
        warnings.append(
            f"The base's tokenizer breaks up {words['broken_share']:.0%} of what these texts say, and does not know "
            f"{words['unknown_share']:.0%}: it was probably made for another language or without emoji; name a "
            "train.base that knows these (docs/student.md, Languages)."
        )
    return {**cut, **words, "warnings": warnings}


def measure_cut(tokenizer: Any, texts: Sequence[str], max_length: int | None) -> dict[str, float]:
    """How many texts have more tokens than `max_length`, special ones included, and what share of all tokens that is.

    `unread_share` is 0 without texts, and nothing is cut where `max_length` is null.
    """
    if max_length is None:
        return {"texts_cut": 0, "unread_share": 0.0}
    lengths = np.array([len(ids) for ids in tokenizer(list(texts), verbose=False)["input_ids"]] if texts else [0])
    unread = np.maximum(lengths - max_length, 0)
    return {"texts_cut": int((unread > 0).sum()), "unread_share": float(unread.sum() / max(1, lengths.sum()))}


def measure_words(tokenizer: Any, texts: Sequence[str]) -> dict[str, float]:
    """The shares of the letters of some texts that stand in broken and in unknown words; 0 if there is no letter.

    A word is unknown if the tokenizer does not know a part of it, and broken if it makes several pieces of it, with
    less than `LEAST_LETTERS` letters each on average. Each Chinese, Japanese or Korean character is a word, and so is
    each emoji.
    """
    sample = [text[:SAMPLE_CHARACTERS] for text in texts[:: max(1, len(texts) // SAMPLE_TEXTS)]]
    if not sample:
        return {"broken_share": 0.0, "unknown_share": 0.0}
    encoded = tokenizer(sample, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    found = [
        _count_letters(text, np.array(spans).reshape(-1, 2), np.array(ids) == tokenizer.unk_token_id)
        for text, spans, ids in zip(sample, encoded["offset_mapping"], encoded["input_ids"], strict=True)
    ]
    letters, broken, unknown = map(int, np.sum(found, axis=0))
    return {"broken_share": broken / max(1, letters), "unknown_share": unknown / max(1, letters)}


def _count_letters(text: str, spans: Any, unknown: Any) -> tuple[int, int, int]:
    """Letters of a text, those in broken words and those in unknown ones.

    `spans` are the places of its pieces, in order, and `unknown` says which of them the tokenizer does not know.
    """
    kinds = text.translate(_KINDS)
    words = [match.span() for match in WORD.finditer(kinds)]
    if not words:
        return 0, 0, 0
    starts, ends = np.array(words).T
    letters = np.array([end - start - kinds.count("m", start, end) for start, end in words])
    first, last = np.searchsorted(spans[:, 1], starts, "right"), np.searchsorted(spans[:, 0], ends, "left")
    unknown_before, pieces = np.concatenate([[0], np.cumsum(unknown)]), last - first
    is_unknown = unknown_before[last] > unknown_before[first]
    is_broken = (pieces > 1) & (letters < LEAST_LETTERS * pieces) & ~is_unknown
    return int(letters.sum()), int(letters[is_broken].sum()), int(letters[is_unknown].sum())


def _read_more(max_length: int, limit: int | None) -> str:
    if limit is None or max_length < limit:
        most = "" if limit is None else f" (the base takes {limit})"
        return f"raise train.max_length{most}, or write auto"
    return "the base takes no more: name one that does, or divide the texts (docs/student.md, Long texts)"


class _Kinds(dict[int, str]):
    """For `str.translate`: w for a wide letter or an emoji, which is a word or syllable by itself, l for any other
    letter, m for a mark on a letter, a blank for the rest.
    """

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        wide = unicodedata.east_asian_width(character) == "W"
        self[code] = kind = "w" if category == "So" else {"L": "w" if wide else "l", "M": "m"}.get(category[0], " ")
        return kind


_KINDS = _Kinds()
