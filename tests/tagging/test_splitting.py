"""Windows of long texts: each word is decided once, with tokens around it, and no span is lost at a seam."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_model import TEXTS, make_tiny_model
from tokenizers import Tokenizer

from distil.tagging.splitting import Splitter, find_unknown, read_spans, spread
from distil.tagging.words import Entity

LABELS = ["PER", "LOC"]
WORDS = sorted({word for text in TEXTS for word in text.replace(",", " ").split()})
TAG_OF = {word: number % 7 for number, word in enumerate(WORDS)}  # 5 and 6 are O too


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    tokenizer: Tokenizer = Tokenizer.from_file(str(make_tiny_model(tmp_path_factory.mktemp("base")) / "tokenizer.json"))
    return tokenizer


def read(tokenizer: Tokenizer, texts: list[str], limit: int | None) -> list[list[Entity]]:
    """What a model says that knows a tag for each word, in rows of at most `limit` tokens."""
    tags = np.zeros(tokenizer.get_vocab_size(), dtype=np.intp)
    for word, tag in TAG_OF.items():
        tags[tokenizer.token_to_id(word)] = tag % 7 if tag < 5 else 0
    splits = Splitter(tokenizer, limit, tokenizer.token_to_id("[UNK]")).split(texts)
    rows = [row for split in splits for row in split.rows]
    assert all(len(row) <= (limit or 1000) and row.ids[0] == 2 and row.ids[-1] == 3 for row in rows)
    batches = [
        (np.array([number]), np.eye(5, dtype=np.float32)[tags[row.ids]][None]) for number, row in enumerate(rows)
    ]
    logits = spread(splits, reversed(batches), 5)
    return [read_spans(split, of_words, LABELS) for split, of_words in zip(splits, logits, strict=True)]


@given(
    st.lists(st.sampled_from([*WORDS, "unheard", "\N{PARTY POPPER}", "\n", "\u200b"]), max_size=60), st.integers(3, 20)
)
def test_windows_find_what_the_whole_text_has(tokenizer: Tokenizer, words: list[str], limit: int) -> None:
    text = " ".join(words)
    whole = read(tokenizer, [text, "a"], None)
    assert read(tokenizer, [text, "a"], limit) == whole
    assert all(text[entity.start : entity.end] == entity.text for entity in whole[0])


def test_a_long_span_over_many_seams_stays_one(tokenizer: Tokenizer) -> None:
    begin, inside = (next(word for word in WORDS if TAG_OF[word] == tag) for tag in (1, 2))
    text = " ".join([begin, *[inside] * 50])
    assert [entity[:3] for entity in read(tokenizer, [text], 10)[0]] == [(0, len(text), "PER")]


def test_no_row_is_read_without_a_word(tokenizer: Tokenizer) -> None:
    splits = Splitter(tokenizer, 10, None).split(["", " \n", "good"])
    assert [len(split.rows) for split in splits] == [0, 0, 1]
    assert read(tokenizer, ["", " \n"], 10) == [[], []]


def test_the_token_for_the_unknown_is_found_as_each_version_of_transformers_writes_it(tokenizer: Tokenizer) -> None:
    for settings in ({"unk_token": "[UNK]"}, {"unk_token": {"content": "[UNK]"}}, {}):
        assert find_unknown(tokenizer, settings) == tokenizer.token_to_id("[UNK]")
    assert find_unknown(tokenizer, {"unk_token": 7}) is None
