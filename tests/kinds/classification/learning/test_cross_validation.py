from pathlib import Path

import numpy as np
import pytest
from tiny_model import TEXTS, make_tiny_model
from tiny_training import make_tuner
from toy_rows import LABELS, make_rows, make_texts

from distil.kinds.classification.learning.cross_validation import choose_epochs, predict_held_out
from distil.kinds.classification.learning.targets import make_targets, number_labels

ROWS = make_rows(make_texts())
NUMBERS = number_labels(ROWS, LABELS)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("base"), [*TEXTS, *make_texts()])


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


def test_epochs_with_the_best_agreement_and_the_fewest_of_equals() -> None:
    truth = np.array([0, 1, 1])
    right, wrong = np.eye(2)[truth], np.eye(2)[1 - truth]
    assert choose_epochs({5: right, 3: right, 1: wrong}, truth) == (3, {1: 0.0, 3: 1.0, 5: 1.0})
