from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_model import TEXTS, Kind, make_tiny_model

from distil.kinds.token_classification.canonical.label import read_label, soften, write_label
from distil.tagging.words import (
    Token,
    Word,
    group_words,
    name_tags,
    read_tags,
    soften_words,
)

LABELS = ["PER", "LOC"]
TEXT = "Ann Smith in Bonn"
WORDS = [Word(1, 0, 3), Word(2, 4, 9), Word(4, 10, 12), Word(5, 13, 17)]


def test_words_are_tokens_with_what_goes_on_with_them() -> None:
    pieces = [Token(1, "ann", 0, 3), Token(2, "smi", 4, 7), Token(3, "##th", 7, 9), Token(4, "in", 10, 12)]
    assert group_words(TEXT, pieces, has_prefix=True) == WORDS[:3]
    unknown = [Token(1, "[UNK]", 0, 3, is_unknown=True), Token(2, "[UNK]", 3, 4, is_unknown=True)]
    assert group_words("Ann!", unknown, has_prefix=True) == [Word(1, 0, 3), Word(2, 3, 4)]
    spaced = [Token(1, "_Ann", 0, 3), Token(2, "_Smi", 3, 7), Token(3, "th", 7, 9), Token(4, "_in", 9, 12)]
    assert group_words(TEXT, spaced, has_prefix=False) == WORDS[:3]


def test_a_span_has_its_share_on_its_first_word_and_on_the_others() -> None:
    votes = [0, 9, 0, 0.75, 4, 9, 0, 0.25, 13, 17, 1, 0.5]
    shares = soften_words(WORDS, votes, LABELS)
    assert name_tags(LABELS) == ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    assert shares.tolist() == [
        [0.25, 0.75, 0, 0, 0],
        [0, 0.25, 0.75, 0, 0],
        [1, 0, 0, 0, 0],
        [0.5, 0, 0, 0.5, 0],
    ]
    assert soften_words(WORDS, [], LABELS)[:, 0].tolist() == [1, 1, 1, 1]
    assert soften_words(WORDS[:1], [0, 1, 0, 1, 1, 3, 1, 1], LABELS).tolist() == [[0, 0.5, 0, 0.5, 0]]
    assert soften_words([], [], LABELS).shape == (0, 5)


def test_tags_of_words_go_back_to_their_spans() -> None:
    label = write_label([(0, 3, "PER"), (4, 9, "PER"), (10, 17, "LOC")])
    found = read_tags(WORDS, soften_words(WORDS, soften(label, LABELS), LABELS), LABELS, TEXT)
    assert [span[:3] for span in found] == read_label(label)
    assert [span.text for span in found] == ["Ann", "Smith", "in Bonn"]
    assert {span.probability for span in found} == {1}
    assert read_tags([], np.zeros((0, 5)), LABELS, "") == []


def test_an_i_that_continues_nothing_begins_a_span() -> None:
    tags = [2, 4, 0, 4]  # I-PER, I-LOC, O, I-LOC
    found = read_tags(WORDS, np.eye(5)[tags] * 0.8, LABELS, TEXT)
    assert [span[:3] for span in found] == [(0, 3, "PER"), (4, 9, "LOC"), (13, 17, "LOC")]
    assert found[0].probability == pytest.approx(0.8)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_spans_are_those_of_the_pipeline_of_transformers(tmp_path: Path, kind: Kind) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForTokenClassification, AutoTokenizer, pipeline

    make_model: Any = AutoModelForTokenClassification.from_config

    folder = make_tiny_model(tmp_path, kind=kind)
    tags = dict(enumerate(name_tags(LABELS)))
    numbers = {tag: number for number, tag in tags.items()}
    config = AutoConfig.from_pretrained(folder, id2label=tags, label2id=numbers, trust_remote_code=False)
    torch.manual_seed(0)
    model, tokenizer = make_model(config).eval(), AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    torch.nn.init.normal_(model.classifier.weight)
    reader = pipeline(
        "token-classification", model=model, tokenizer=tokenizer, aggregation_strategy="first", trust_remote_code=False
    )
    for text in [*TEXTS, "Dr.Smith's  caf\u00e9, cafe\u0301 (on\nday 2)", "a\U0001f600b profit"]:
        expected: list[Any] = [
            (span["start"], span["end"], span["entity_group"], span["score"]) for span in reader(text)
        ]
        found = _read_spans(text, model, tokenizer, has_prefix=kind == "bert")
        trimmed = [_trim(text, start, end, label) for start, end, label, _ in expected if label != "O"]
        assert [span[:3] for span in found] == trimmed
        assert [span.probability for span in found] == pytest.approx(
            [span[3] for span in expected if span[2] != "O"], abs=1e-5
        )


def _read_spans(text: str, model: Any, tokenizer: Any, *, has_prefix: bool) -> list[Any]:
    encoded = tokenizer(text, return_offsets_mapping=True, return_tensors="pt")
    offsets = encoded.pop("offset_mapping")[0].tolist()
    probabilities = model(**encoded).logits[0].softmax(-1).detach().numpy().astype(np.float64)
    ids = encoded["input_ids"][0].tolist()
    tokens = [
        Token(number, tokenizer.convert_ids_to_tokens(token), start, end, token == tokenizer.unk_token_id)
        for number, (token, (start, end)) in enumerate(zip(ids, offsets, strict=True))
        if token not in (tokenizer.cls_token_id, tokenizer.sep_token_id)
    ]
    words = group_words(text, tokens, has_prefix=has_prefix)
    return list(read_tags(words, probabilities[[word.token for word in words]], LABELS, text))


def _trim(text: str, start: int, end: int, label: str) -> tuple[int, int, str]:
    inside = text[start:end]
    return end - len(inside.lstrip()), start + len(inside.rstrip()), label
