"""Windows of long texts: each word is decided once, with tokens around it, and no span is lost at a seam."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_model import TEXTS, Kind, make_tiny_model
from tokenizers import Tokenizer

from distil.core.errors import InputError
from distil.tagging.splitting import Splitter, check_numbers, find_unknown, gather, list_rows, read_spans
from distil.tagging.words import Entity, Token, group_words, read_tags

LABELS = ["PER", "LOC"]
UNKNOWN: dict[Kind, str] = {"bert": "[UNK]", "roberta": "<unk>"}
WORDS = sorted({word for text in TEXTS for word in text.replace(",", " ").split()})
TAG_OF = {word: number % 7 for number, word in enumerate(WORDS)}  # 5 and 6 are O too


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> dict[Kind, Tokenizer]:
    folders = {kind: make_tiny_model(tmp_path_factory.mktemp(kind), kind=kind) for kind in UNKNOWN}
    return {kind: Tokenizer.from_file(str(folder / "tokenizer.json")) for kind, folder in folders.items()}


@pytest.fixture(scope="module")
def tokenizer(tokenizers: dict[Kind, Tokenizer]) -> Tokenizer:
    return tokenizers["bert"]


def read(tokenizer: Tokenizer, texts: list[str], limit: int | None) -> list[list[Entity]]:
    """What a model says that knows a tag for each word, in rows of at most `limit` tokens."""
    tags = np.zeros(tokenizer.get_vocab_size(), dtype=np.intp)
    for word, tag in TAG_OF.items():
        tags[tokenizer.token_to_id(word)] = tag % 7 if tag < 5 else 0
    splits = Splitter(tokenizer, limit, tokenizer.token_to_id("[UNK]")).split(texts)
    rows = list_rows(splits)
    assert all(len(row) <= (limit or 1000) and row.ids[0] == 2 and row.ids[-1] == 3 for row in rows)
    batches = [
        (np.array([number]), np.eye(5, dtype=np.float32)[tags[row.ids]][None]) for number, row in enumerate(rows)
    ]
    return read_spans(splits, gather(rows, reversed(batches), 5), LABELS)


@given(
    st.lists(st.sampled_from([*WORDS, "unheard", "\N{PARTY POPPER}", "\n", "\u200b"]), max_size=60), st.integers(3, 20)
)
def test_windows_find_what_the_whole_text_has(tokenizer: Tokenizer, words: list[str], limit: int) -> None:
    text = " ".join(words)
    whole = read(tokenizer, [text, "a"], None)
    assert read(tokenizer, [text, "a"], limit) == whole
    assert all(text[entity.start : entity.end] == entity.text for entity in whole[0])


TEXT = st.text(st.sampled_from("ab\u00e9\u6f22 .\n\t\u3000\N{FIRE}\u0301\u200b"), max_size=20)


@pytest.mark.parametrize("kind", ["bert", "roberta"])
@given(texts=st.lists(TEXT, max_size=4), seed=st.integers(0, 99))
def test_words_and_spans_are_those_of_one_text_at_a_time(
    tokenizers: dict[Kind, Tokenizer], kind: Kind, texts: list[str], seed: int
) -> None:
    tokenizer = tokenizers[kind]
    unknown = tokenizer.token_to_id(UNKNOWN[kind])
    splits = Splitter(tokenizer, None, unknown).split(texts)
    logits = np.random.default_rng(seed).normal(size=(sum(len(split.starts) for split in splits), 5)).astype(np.float32)
    expected, done = [], 0
    for text, split in zip(texts, splits, strict=True):
        encoding = tokenizer.encode(text, add_special_tokens=False)
        parts = zip(encoding.ids, encoding.tokens, encoding.offsets, strict=True)
        tokens = [Token(at, part, *place, number == unknown) for at, (number, part, place) in enumerate(parts, start=1)]
        words = group_words(text, tokens, prefix="##" if kind == "bert" else None)
        places = zip(split.starts.tolist(), split.ends.tolist(), strict=True)
        assert [trim(text, *place) for place in places] == [(word.start, word.end) for word in words]
        assert [place for row in split.rows for place in row.words.tolist()] == [word.token for word in words]
        some = logits[done : (done := done + len(words))].astype(np.float64)
        shares = np.exp(some) / np.exp(some).sum(axis=1, keepdims=True)
        expected.append(read_tags(words, shares, LABELS, text))
    found = read_spans(splits, logits, LABELS)
    assert [[one[:4] for one in ones] for ones in found] == [[one[:4] for one in ones] for ones in expected]
    ours, theirs = ([one.probability for ones in all_of for one in ones] for all_of in (found, expected))
    assert ours == pytest.approx(theirs, abs=1e-6)


def trim(text: str, start: int, end: int) -> tuple[int, int]:
    inside = text[start:end]
    return (end - len(inside.lstrip()), start + len(inside.rstrip())) if inside.strip() else (start, end)


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


def test_what_is_no_number_is_told_and_not_read_as_nothing() -> None:
    logits = np.zeros((3, 5), np.float32)
    assert check_numbers(logits, "model.onnx") is logits
    logits[1, 2] = np.nan
    with pytest.raises(InputError, match=r"model\.onnx answers NaN to 1 of 3 words; write its files anew"):
        check_numbers(logits, "model.onnx")
