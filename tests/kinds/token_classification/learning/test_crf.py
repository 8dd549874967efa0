from pathlib import Path

import numpy as np
import pycrfsuite
import pytest
from hypothesis import given
from kinds.token_classification.learning.odd_texts import TEXTS
from kinds.token_classification.learning.toy_spans import LABELS, make_rows

from distil.kinds.token_classification.labelling.canonical.label import read_label, write_label
from distil.kinds.token_classification.learning.crf import (
    SETTINGS,
    Crf,
    compute_marginals,
    describe,
    find_words,
    shape_of,
)


@pytest.fixture(scope="module")
def crf() -> Crf:
    rows = make_rows()
    return Crf(LABELS).fit(rows["text"].to_list(), rows["label"].to_list())


def test_it_learns_what_stands_around_a_name(crf: Crf) -> None:
    assert crf.label("mr zoe is in bern") == write_label([(3, 6, "person"), (13, 17, "place")])
    ((person, place),) = crf.predict(["mr zoe is in bern"])
    assert (person.text, place.text) == ("zoe", "bern")
    assert 0.5 < person.probability <= 1
    assert crf.predict(["", " \t", "a good product"]) == [[], [], []]


def test_probabilities_are_those_of_the_library(tmp_path: Path, crf: Crf) -> None:
    rows = make_rows()
    trainer = pycrfsuite.Trainer(algorithm="lbfgs", params=SETTINGS, verbose=False)
    tags: list[list[str]] = []
    for text, label in zip(rows["text"], rows["label"], strict=True):
        words, spans = find_words(text), read_label(label)
        tags.append(["O"] * len(words))
        for span in spans:
            inside = [number for number, word in enumerate(words) if span.start <= word.start < span.end]
            for number in inside:
                tags[-1][number] = f"{'B' if number == inside[0] else 'I'}-{span.label}"
        trainer.append(describe(text, words), tags[-1])
    trainer.train(str(tmp_path / "crf"))
    tagger = pycrfsuite.Tagger()
    tagger.open(str(tmp_path / "crf"))
    for text in rows["text"][:6]:
        words = find_words(text)
        tagger.set(describe(text, words))
        names = ["O", *(f"{side}-{label}" for label in LABELS for side in "BI")]
        expected = [[tagger.marginal(name, number) for name in names] for number in range(len(words))]
        assert np.allclose(crf.weigh_tags(text, words), expected, atol=1e-3)


def test_marginals_are_those_of_all_paths() -> None:
    rng = np.random.default_rng(0)
    scores, transitions = rng.normal(size=(3, 2)), rng.normal(size=(2, 2)).astype(np.float32)
    shares = np.zeros((3, 2))
    for path in np.ndindex(2, 2, 2):
        weight = np.exp(
            sum(scores[n, tag] for n, tag in enumerate(path)) + transitions[path[:2]] + transitions[path[1:]]
        )
        shares[range(3), path] += weight
    assert compute_marginals(scores, transitions) == pytest.approx(shares / shares.sum(axis=1, keepdims=True))
    assert compute_marginals(np.zeros((0, 2)), transitions).shape == (0, 2)


def test_without_any_word_nothing_is_found() -> None:
    assert Crf(LABELS).fit([""], ["[]"]).label("mr bob") == "[]"


@pytest.mark.parametrize(("word", "shape"), [("McDonald", "XxXx+"), ("2024", "0+"), ("a", "x"), ("ÉCOLE1", "X+0")])
def test_shapes(word: str, shape: str) -> None:
    assert shape_of(word) == shape


@given(TEXTS)
def test_any_text_is_described_word_for_word(text: str) -> None:
    words = find_words(text)
    assert len(describe(text, words)) == len(words)
    assert "".join(text[word.start : word.end] for word in words) == "".join(text.split())
