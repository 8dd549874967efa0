"""Tokens that nobody told are counted; the tokenizers are tiny ones, made on the spot."""

import json
from pathlib import Path

import pytest
from sentencepiece import SentencePieceTrainer
from tiny_model import TEXTS, make_tiny_model
from tokenizers import Tokenizer

from distil.assets.references import sha256_of
from distil.core.errors import AssetError, InputError
from distil.teacher.counting import TokenCounter, load_counter

SENTENCE = "a good product, it works"
QUESTION = (("system", "it is a company"), ("user", SENTENCE))
TEMPLATE = "{% for one in messages %}a {{ one.role }} a {{ one.content }} {% endfor %}it is"


def load(path: Path) -> TokenCounter:
    return load_counter(f"{path}#sha256={sha256_of(path)}", Path("assets.txt"))


def make_sentencepiece(folder: Path) -> Path:
    (folder / "texts.txt").write_text("\n".join(TEXTS))
    model = folder / "tokenizer.model.v1"
    with model.open("wb") as writer:
        SentencePieceTrainer.train(
            input=str(folder / "texts.txt"), model_writer=writer, vocab_size=60, model_type="bpe", minloglevel=2
        )
    return model


def count_with_library(folder: Path, text: str) -> int:
    return len(Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text, add_special_tokens=False))


def test_a_folder_and_its_tokenizer_file_count_the_same_and_no_special_tokens(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "base")
    words = count_with_library(folder, SENTENCE)
    assert words == 6, "five words and a comma"
    assert load(folder).count_text(SENTENCE) == load(folder / "tokenizer.json").count_text(SENTENCE) == words


def test_without_a_template_the_messages_words_are_counted(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "base")
    words = sum(count_with_library(folder, content) for _, content in QUESTION)
    assert load(folder).count_messages(QUESTION) == words


def test_a_folder_with_a_chat_template_counts_what_it_adds(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "base")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"chat_template": TEMPLATE}))
    shown = "a system a it is a company a user a a good product, it works it is"
    assert load(folder).count_messages(QUESTION) == count_with_library(folder, shown)
    assert load(folder).count_text(SENTENCE) == count_with_library(folder, SENTENCE), "a reply has no template"


def test_a_sentencepiece_file_loses_nothing_of_a_long_text(tmp_path: Path) -> None:
    counter = load(make_sentencepiece(tmp_path))
    once = counter.count_text("product")
    assert once >= 1
    assert counter.count_text("product " * 3000) == 3000 * once


@pytest.mark.parametrize(("name", "content"), [("tokenizer.json", "{}"), ("a.json", "no"), ("tokenizer.model", "no")])
def test_what_is_no_tokenizer_is_one_line(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=rf"tokenizer: .*{name} is neither .* or null to count no tokens") as caught:
        load(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_the_stand_in_is_pinned_and_says_so_where_it_is_not(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"mistral-common==.* is not pinned; add a line to .*; or set .* to null"):
        load_counter("stand-in", tmp_path / "assets.txt")
