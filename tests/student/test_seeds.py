from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny_model import TEXTS, make_tiny_model
from tiny_training import freeze, make_tuner
from toy_rows import make_rows, make_texts

from distil.kinds.classification.learning.teaching import score_student
from distil.kinds.classification.learning.training_set import prepare_lessons
from distil.student.fine_tuner import FineTuner, Training
from distil.student.seeds import Trial, average_answers, choose_median, distill_trials, run_trials

ROWS = make_rows(make_texts())
HELD_OUT = ROWS.iloc[:10]  # what is held out does not matter here
DONE = Training(model=None, curve=pd.DataFrame(), steps=0)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("base"), [*TEXTS, *make_texts()])


def try_seeds(tuner: FineTuner, held_out: pd.DataFrame) -> Iterator[Trial]:
    lessons = prepare_lessons(tuner, ROWS, freeze(tuner, ROWS))
    return run_trials(
        tuner,
        lessons.targets,
        lessons.epochs,
        lessons.places,
        lambda training: score_student(tuner, training, held_out),
    )


@pytest.mark.parametrize(
    ("agreements", "kept"),
    [
        ([0.9, 0.7, 0.8], 2),
        ([0.9, 0.7], 1),
        ([0.8, 0.8, 0.8], 1),
        ([0.5], 0),
        ([None, None, None], 0),
    ],
)
def test_median(agreements: list[float | None], kept: int) -> None:
    trials = [Trial(seed, DONE, agreement) for seed, agreement in enumerate(agreements)]
    assert choose_median(trials).seed == kept


def test_seeds_differ_and_each_is_what_it_would_be_alone(base: Path) -> None:
    tuner = make_tuner(base, ROWS, seeds=2, seed=5)
    trials = list(try_seeds(tuner, HELD_OUT))
    assert [trial.seed for trial in trials] == [5, 6]
    weights = [trial.training.model.classifier.weight.detach().numpy() for trial in trials]
    assert not np.array_equal(weights[0], weights[1])
    alone = next(try_seeds(make_tuner(base, ROWS, seed=6), HELD_OUT))
    assert np.array_equal(alone.training.model.classifier.weight.detach().numpy(), weights[1])


def test_without_held_out_rows_there_is_no_agreement(base: Path) -> None:
    tuner = make_tuner(base, ROWS)
    trial = next(try_seeds(tuner, HELD_OUT.iloc[:0]))
    assert trial.agreement is None


def test_one_student_learns_what_the_ensemble_says(base: Path) -> None:
    tuner = make_tuner(base, ROWS, seeds=2, learning_rate=3e-3, epochs=6)
    trials = list(try_seeds(tuner, HELD_OUT))
    answers = average_answers(tuner, trials)
    assert answers.shape == (80, 2)
    assert answers.sum(axis=1).tolist() == pytest.approx([1] * 80, abs=1e-5)
    student = distill_trials(tuner, 6, trials, lambda training: score_student(tuner, training, HELD_OUT))
    shares = tuner.predict_proba(student.training, tuner.texts)
    assert (shares.argmax(axis=1) == answers.argmax(axis=1)).mean() > 0.95
    assert student.agreement == 1.0
