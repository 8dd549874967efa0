from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from kinds.token_classification.learning.toy_spans import LABELS, label_rows, make_rows, tune
from tiny_model import make_tiny_model

from distil.core.errors import InputError
from distil.kinds.token_classification.learning.targets import make_targets
from distil.kinds.token_classification.learning.tuner import UNREAD


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("base"), make_rows()["text"].to_list(), layers=1)


def test_first_pieces_are_learnt_and_the_rest_is_padding(base: Path) -> None:
    rows = label_rows([("mr zoe", [(3, 6, "person")]), ("a good product", [])])
    tuner = tune(base, rows)
    examples = tuner.make_examples(np.arange(2), make_targets(rows, tuner.readings, LABELS))
    tokens = tuner.tokenizer.convert_ids_to_tokens(examples[0]["input_ids"])
    assert tokens == ["[CLS]", "mr", "z", "##o", "##e", "[SEP]"]
    learnt = [token for token, row in zip(tokens, examples[0]["labels"], strict=True) if row[0] != UNREAD]
    assert learnt == ["mr", "z"]
    batch = tuner.make_collator()(examples)
    assert batch["labels"].shape == (2, 6, 5)
    assert batch["labels"][0, 2].tolist() == [0, 1, 0, 0, 0]
    assert (batch["labels"][1, 5] == UNREAD).all()


def test_the_loss_is_the_mean_over_words_in_whatever_parts_it_is_computed(base: Path) -> None:
    rows = make_rows()[:4]
    tuner = tune(base, rows)
    examples = tuner.make_examples(np.arange(4), make_targets(rows, tuner.readings, LABELS))
    words = sum(len(reading.words) for reading in tuner.readings)
    torch.manual_seed(0)
    logits = [torch.randn(len(each["input_ids"]), 5) for each in examples]
    expected = sum(
        -torch.log_softmax(said, -1)[place, int(row.argmax())].item()
        for said, each in zip(logits, examples, strict=True)
        for place, row in enumerate(each["labels"])
        if row[0] != UNREAD
    )
    every = torch.tensor(5 * words)
    parts = [
        tuner.compute_loss(SimpleNamespace(logits=said[None]), torch.from_numpy(each["labels"])[None], every)
        for said, each in zip(logits, examples, strict=True)
    ]
    assert sum(parts).item() == pytest.approx(expected / words, rel=1e-5)  # type: ignore[union-attr]


def test_a_long_text_is_learnt_and_answered_in_all_its_parts(base: Path) -> None:
    rows = label_rows([(" ".join(["mr bob is in oslo"] * 12), [])])
    tuner = tune(base, rows)
    targets = make_targets(rows, tuner.readings, LABELS)
    examples = tuner.make_examples(np.arange(1), targets)
    assert len(examples) > 3
    assert sum(int((each["labels"][:, 0] != UNREAD).sum()) for each in examples) == 60
    training = tuner.freeze(np.random.default_rng(0).normal(size=(5, tuner.width)), np.zeros(5), 0.0, "base")
    (shares,) = tuner.predict_proba(training, rows["text"].to_list())
    assert shares.shape == (60, 5)
    assert shares.sum(axis=1) == pytest.approx(1)
    assert (shares != shares[0]).any(axis=1).sum() > 50


def test_texts_without_any_word(base: Path) -> None:
    rows = label_rows([("", []), (" ", [])])
    tuner = tune(base, rows)
    with pytest.raises(InputError, match="finds no word in the texts"):
        tuner.make_examples(np.arange(2), make_targets(rows, tuner.readings, LABELS))
    assert tuner.average([[np.ones((0, 5))], [np.ones((0, 5))]])[0].shape == (0, 5)


def test_the_mean_of_several_answers(base: Path) -> None:
    tuner = tune(base, make_rows()[:1])
    (mean,) = tuner.average([[np.zeros((2, 5))], [np.ones((2, 5))]])
    assert mean.tolist() == np.full((2, 5), 0.5).tolist()
