from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_model import TEXTS, make_tiny_model
from tiny_training import make_tuner
from toy_rows import LABELS, make_rows, make_texts

from distil.core.errors import InputError
from distil.student.cross_validation import choose_epochs, draw_folds, predict_held_out, predict_held_out_frozen
from distil.student.targets import make_targets, number_labels

ROWS = make_rows(make_texts())
NUMBERS = number_labels(ROWS, LABELS)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("base"), [*TEXTS, *make_texts()])


def test_folds_hold_out_every_row_once_with_all_labels() -> None:
    folds = draw_folds(NUMBERS, 4, seed=0)
    assert sorted(np.concatenate([outside for _, outside in folds])) == list(range(80))
    for inside, outside in folds:
        assert not set(inside) & set(outside)
        assert np.bincount(NUMBERS[outside]).tolist() == [10, 10]


def test_folds_depend_on_the_seed_alone() -> None:
    one, again, other = (draw_folds(NUMBERS, 4, seed)[0][1].tolist() for seed in (0, 0, 1))
    assert one == again != other


def test_more_folds_than_rows() -> None:
    with pytest.raises(InputError, match=r"train\.folds = 5: the commonest label has 4 rows"):
        draw_folds(np.array([0, 0, 0, 0, 1, 1]), 5, 0)


def test_fold_that_would_train_on_one_label() -> None:
    with pytest.raises(
        InputError, match=r"train\.folds = 2: .*the same label.*one number for train\.epochs, and train\.suspects: none"
    ):
        draw_folds(np.array([0, 0, 0, 0, 1]), 2, 0)


def test_held_out_predictions_come_from_models_that_have_not_seen_the_row(base: Path) -> None:
    """Each text has a word of its own and a label that nothing else tells: a model that saw it would know."""
    rows = make_rows([f"{text.split()[1]} bad" for text in make_texts()[::2]])
    labels = np.random.default_rng(0).permutation(np.tile([0, 1], 20))
    rows["label"] = [LABELS[number] for number in labels]
    targets = make_targets(rows, labels, 2, "hard", 0.0)
    tuner = make_tuner(base, rows, learning_rate=3e-3, freeze_word_embeddings=False)
    held_out = predict_held_out(tuner, labels, targets, 4)
    assert held_out.sum(axis=1).tolist() == pytest.approx([1] * 40)
    assert (held_out.argmax(axis=1) == labels).mean() < 0.75


def test_student_learns_what_the_label_depends_on(base: Path) -> None:
    tuner = make_tuner(base, ROWS, learning_rate=3e-3)
    held_out = predict_held_out(tuner, NUMBERS, make_targets(ROWS, NUMBERS, 2, "soft", 0.0), 6)
    assert (held_out.argmax(axis=1) == NUMBERS).mean() > 0.9


def test_frozen_base(base: Path) -> None:
    held_out = predict_held_out_frozen(make_tuner(base, ROWS, ["negative", "other", "positive"]), 2 * NUMBERS)
    assert held_out.shape == (80, 3)
    assert held_out.sum(axis=1).tolist() == pytest.approx([1] * 80)
    assert (held_out[:, 1] == 0).all()  # no row has this label
    assert (held_out.argmax(axis=1) == 2 * NUMBERS).mean() > 0.8


def test_no_memory_left_for_the_frozen_base(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_out(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr("distil.student.cross_validation.TorchEncoder.encode", run_out)
    with pytest.raises(InputError, match=r"^train: out of memory on cpu while it labels texts"):
        predict_held_out_frozen(make_tuner(base, ROWS), NUMBERS)


def test_epochs_with_the_best_agreement_and_the_fewest_of_equals() -> None:
    truth = np.array([0, 1, 1])
    right, wrong = np.eye(2)[truth], np.eye(2)[1 - truth]
    assert choose_epochs({5: right, 3: right, 1: wrong}, truth) == (3, {1: 0.0, 3: 1.0, 5: 1.0})
