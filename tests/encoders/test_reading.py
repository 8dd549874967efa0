from pathlib import Path
from typing import Any

import pytest
from tiny_model import MAX_TOKENS, make_tiny_model

from distil.encoders.reading import describe_reading, measure_cut, measure_words
from distil.encoders.torch_model import load_tokenizer

KNOWN = ["a good product, it works very well", "很 好 的 产 品"]
FOREIGN = ["Das Gerät ist gut verarbeitet", "Прибор сделан хорошо", "ऐसा सामान अच्छा है", "제품이 좋아요"]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Knows the words and the Chinese characters of KNOWN, and of all else a to z and 0 to 9."""
    return load_tokenizer(make_tiny_model(tmp_path_factory.mktemp("base"), KNOWN))


def test_tokens_that_are_not_read_are_counted(tokenizer: Any) -> None:
    texts = ["good " * 8, "good " * 18, "a good product"]  # two more tokens each: where a text begins and where it ends
    assert measure_cut(tokenizer, texts, 10) == {"texts_cut": 1, "unread_share": 10 / 35}
    assert measure_cut(tokenizer, texts, 5) == {"texts_cut": 2, "unread_share": 20 / 35}
    assert measure_cut(tokenizer, [], 10) == {"texts_cut": 0, "unread_share": 0.0}
    assert measure_cut(tokenizer, texts, None) == {"texts_cut": 0, "unread_share": 0.0}


@pytest.mark.parametrize(
    ("text", "broken", "unknown"),
    [
        ("Good, a VERY good product!", 0.0, 0.0),
        ("products", 0.0, 0.0),  # product, s: long pieces
        ("good btw", 3 / 7, 0.0),  # b, t, w
        ("good Прибор", 0.0, 6 / 10),
        ("good e\N{COMBINING ACUTE ACCENT}te\N{COMBINING ACUTE ACCENT}", 3 / 7, 0.0),  # marks are no letters
        ("产品很好", 0.0, 0.0),  # each character is a word
        ("产品坏", 0.0, 1 / 3),
        ("good \N{PARTY POPPER}\N{FIRE}", 0.0, 2 / 6),  # so is each emoji
    ],
)
def test_letters_in_broken_and_unknown_words(tokenizer: Any, text: str, broken: float, unknown: float) -> None:
    assert measure_words(tokenizer, [text]) == {"broken_share": broken, "unknown_share": unknown}


@pytest.mark.parametrize("texts", [[], ["", "42 !"], ["\N{EURO SIGN}"]])
def test_texts_without_a_letter(tokenizer: Any, texts: list[str]) -> None:
    assert measure_words(tokenizer, texts) == {"broken_share": 0.0, "unknown_share": 0.0}
    assert describe_reading(tokenizer, texts, 16, MAX_TOKENS)["warnings"] == []


def test_characters_in_pieces_of_bytes_are_broken(tmp_path: Path) -> None:
    byte_level = load_tokenizer(make_tiny_model(tmp_path, KNOWN[:1], kind="roberta"))
    assert measure_words(byte_level, KNOWN[:1])["broken_share"] == 0.0
    assert measure_words(byte_level, ["产品", "Прибор"])["broken_share"] == 1.0


@pytest.mark.parametrize("text", FOREIGN)
def test_a_language_that_the_base_does_not_know_is_told(tokenizer: Any, text: str) -> None:
    assert describe_reading(tokenizer, KNOWN, 16, MAX_TOKENS)["warnings"] == []
    (warning,) = describe_reading(tokenizer, [KNOWN[0], text, text], 64, MAX_TOKENS)["warnings"]
    assert warning.startswith("The base's tokenizer breaks up ")
    assert "; name a train.base that knows these" in warning


@pytest.mark.parametrize(
    ("max_length", "limit", "remedy"),
    [
        (16, MAX_TOKENS, "raise train.max_length (the base takes 64), or write auto"),
        (16, None, "raise train.max_length, or write auto"),
        (MAX_TOKENS, MAX_TOKENS, "the base takes no more: name one that does, or divide the texts"),
    ],
)
def test_what_to_do_about_long_texts(tokenizer: Any, max_length: int, limit: int | None, remedy: str) -> None:
    (warning,) = describe_reading(tokenizer, ["good " * 198, "good"], max_length, limit)["warnings"]
    assert warning.startswith(f"The student reads {max_length} tokens of a text: 1 of 2 are longer, and ")
    assert remedy in warning


def test_a_few_tokens_cut_off_are_counted_and_no_warning(tokenizer: Any) -> None:
    reading = describe_reading(tokenizer, ["good " * 15, *["good product " * 7] * 20], 16, MAX_TOKENS)
    assert (reading["texts_cut"], reading["warnings"]) == (1, [])
