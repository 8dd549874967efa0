"""Contrastive training on tiny bases: its batches, its loss, and the student that it makes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_model import TEXTS, make_tiny_model
from tiny_training import freeze, make_tuner
from toy_rows import make_rows, make_texts

from distil.core.errors import InputError
from distil.student.contrastive import BATCH, STEPS, contrast, draw_batches, finish, train_contrastive
from distil.student.targets import number_labels

ROWS = make_rows(make_texts())
EVERY = np.arange(len(ROWS))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("base"), [*TEXTS, *make_texts()])


@pytest.mark.parametrize(
    ("rows_of_each", "labels", "texts"), [([900, 90], 2, 64), ([90] * 10, 10, 60), ([5] * 150, 32, 64), ([1, 3], 2, 4)]
)
def test_a_batch_has_as_many_texts_of_each_label(rows_of_each: list[int], labels: int, texts: int) -> None:
    numbers = np.repeat(np.arange(len(rows_of_each)), rows_of_each)
    batches = list(draw_batches(numbers, seed=0))
    assert len(batches) == STEPS
    for places in batches:
        assert len(set(places)) == len(places) == texts <= BATCH
        counts = np.unique(numbers[places], return_counts=True)[1]
        assert len(counts) == labels
        assert len(set(counts)) == 1 or min(rows_of_each) < counts.max()
    assert any((one != two).any() for one, two in zip(batches, draw_batches(numbers, seed=1), strict=True))


def test_the_loss_is_that_of_its_formula() -> None:
    vectors, numbers = torch.randn(6, 4, generator=torch.manual_seed(0)), [0, 0, 1, 1, 1, 2]
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    similar = (unit @ unit.T / 0.1).numpy()
    losses = []
    for one in range(5):  # the last text is the only one of its label
        others = [other for other in range(6) if other != one]
        total = np.log(np.exp(similar[one, others]).sum())
        losses.append(-np.mean([similar[one, other] - total for other in others if numbers[other] == numbers[one]]))
    assert contrast(vectors, torch.tensor(numbers)).item() == pytest.approx(np.mean(losses), rel=1e-4)


def test_without_two_texts_of_a_label_there_is_nothing_to_learn() -> None:
    vectors = torch.randn(3, 4, requires_grad=True)
    loss = contrast(vectors, torch.tensor([0, 1, 2]))
    torch.autograd.backward(loss)
    assert loss.item() == 0
    assert vectors.grad is not None
    assert (vectors.grad == 0).all()


def test_texts_of_a_label_come_nearer_and_the_student_answers_as_its_head(base: Path) -> None:
    tuner = make_tuner(base, ROWS)
    frozen = freeze(tuner, ROWS)
    training, probe = train_contrastive(tuner, frozen, EVERY, "train")
    assert training.steps == len(training.curve) == STEPS
    features = tuner.read_by(training.model, tuner.texts)
    numbers = torch.from_numpy(frozen.numbers)
    assert contrast(torch.from_numpy(features), numbers) < contrast(torch.from_numpy(frozen.features), numbers)
    shares = tuner.predict_proba(finish(training, probe.cool(2.0)), tuner.texts)
    np.testing.assert_allclose(shares, probe.cool(2.0).predict_proba(features), atol=1e-5)
    assert (shares.argmax(axis=1) == number_labels(ROWS, tuner.labels)).mean() > 0.9


def test_the_same_seed_gives_the_same_weights(base: Path) -> None:
    tuner = make_tuner(base, ROWS)
    frozen = freeze(tuner, ROWS)
    one, two = (train_contrastive(tuner, frozen, EVERY[:40], "train")[0].model for _ in range(2))
    for weights, others in zip(one.base_model.parameters(), two.base_model.parameters(), strict=True):
        assert torch.equal(weights, others)


def test_a_loss_that_is_not_a_number(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tuner = make_tuner(base, ROWS)
    frozen = freeze(tuner, ROWS)
    monkeypatch.setattr("distil.student.contrastive.contrast", lambda vectors, _: vectors.sum() * torch.nan)
    with pytest.raises(InputError, match=r"^train: the contrastive loss is not a number at step 1; use precision"):
        train_contrastive(tuner, frozen, EVERY, "train")


def test_no_memory_left(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_out(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    tuner = make_tuner(base, ROWS)
    frozen = freeze(tuner, ROWS)
    monkeypatch.setattr("distil.student.contrastive.contrast", run_out)
    with pytest.raises(InputError, match=r"^train: out of memory on cpu in a contrastive step; raise train\.grad"):
        train_contrastive(tuner, frozen, EVERY, "train")
