"""Taggers in torch beside the pipeline of transformers, which says what a folder's spans are."""

from pathlib import Path
from typing import Any

import pytest
from tiny_bases import make_base, write_sentence_pieces
from tiny_export import SPAN_LABELS
from tiny_model import TEXTS, make_tiny_tagger
from transformers import pipeline

from distil.core.errors import InputError
from distil.encoders.bases import load_base
from distil.encoders.opening import open_torch
from distil.encoders.outputs import Outputs
from distil.encoders.torch_model import TorchClassifier, TorchMultiLabel
from distil.encoders.torch_tagger import TorchTagger
from distil.tagging.words import name_tags

ORDINARY = [  # the pipeline begins a word within a character of several pieces that follows a blank
    *TEXTS,
    "Dr. Smith's  caf\u00e9, tea (on\nday 2)",
    "a\U0001f600b profit",
    "It is a very nice phone, so good.",
    "the camera broke; it was a poor one!",
    "naïve (漢字) abc\tdef",
    "",
]


def make_tagger(folder: Path, kind: str) -> Path:
    if kind in ("bert", "roberta"):
        return make_tiny_tagger(folder, SPAN_LABELS, kind=kind)  # type: ignore[arg-type]
    base = make_base(folder / "base", kind, vocab_size=160)
    write_sentence_pieces(base)
    for part in load_base(base, Outputs(tuple(name_tags(SPAN_LABELS)), per_token=True)):
        part.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta", "deberta-v2"])
@pytest.mark.filterwarnings("ignore:Tokenizer does not support real words")
def test_spans_are_those_of_the_pipeline(tmp_path: Path, kind: str) -> None:
    tagger = open_torch(make_tagger(tmp_path, kind), "cpu")
    assert isinstance(tagger, TorchTagger)
    assert tagger.labels == list(SPAN_LABELS)
    options: dict[str, Any] = {"device": "cpu", "aggregation_strategy": "first"}
    usual: Any = pipeline("token-classification", str(tmp_path), trust_remote_code=False, **options)
    found = 0
    for text, ours in zip(ORDINARY, tagger.predict(ORDINARY), strict=True):
        expected = [
            (*strip(text, span["start"], span["end"]), span["entity_group"], span["score"]) for span in usual(text)
        ]
        expected = [span for span in expected if span[0] < span[1]]
        assert [entity[:3] for entity in ours] == [span[:3] for span in expected]
        assert [entity.probability for entity in ours] == pytest.approx([span[3] for span in expected], abs=1e-5)
        found += len(ours)
    assert found


def strip(text: str, start: int, end: int) -> tuple[int, int]:
    inside = text[start:end]
    return end - len(inside.lstrip()), start + len(inside.rstrip())


def test_a_folder_of_another_kind_names_the_class_that_opens_it(tmp_path: Path) -> None:
    folder = make_tiny_tagger(tmp_path, SPAN_LABELS)
    for wrong in (TorchClassifier, TorchMultiLabel):
        with pytest.raises(InputError, match=r"answers with tags of tokens, .* with TorchTagger, or with open_torch"):
            wrong(folder, "cpu")
