from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tiny_model import TEXTS, make_tiny_model
from tiny_training import SETTINGS, freeze, make_tuner
from toy_rows import LABELS, make_rows, make_texts

from distil.core.errors import InputError
from distil.kinds.classification.learning.training_set import keep_agreed, prepare_lessons
from distil.student.params import TrainParams
from distil.student.taught import Lessons

ROWS = make_rows(make_texts())
FLIPPED = [4, 11, 50]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("base"), [*TEXTS, *make_texts()])


@pytest.fixture(scope="module")
def noisy() -> pd.DataFrame:
    rows = make_rows(make_texts())
    for place in FLIPPED:
        rows.at[place, "label"] = LABELS[1 - LABELS.index(rows["label"][place])]
        rows.at[place, "soft"] = rows["soft"][place][::-1]
    return rows


def prepare(base: Path, rows: pd.DataFrame, **changes: Any) -> Lessons:
    tuner = make_tuner(base, rows, **changes)
    return prepare_lessons(tuner, rows, freeze(tuner, rows))


def test_rows_below_the_agreement_are_left_out_unless_people_labelled_them() -> None:
    rows = make_rows(["it is bad", "it is good", "it was good", "it was bad"])
    rows["soft"] = [[0.6, 0.4], [0.1, 0.9], [0.45, 0.55], [0.9, 0.1]]
    rows["source"] = ["teacher", "teacher", "human", "teacher"]
    assert keep_agreed(rows, LABELS, 0.8)["text"].tolist() == ["it is good", "it was good", "it was bad"]
    assert len(keep_agreed(rows, LABELS, 0.0)) == 4


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (ROWS.iloc[:0], r"and has none; see in metrics/annotate\.json .* lower aggregate\.min_agreement"),
        (ROWS[ROWS["label"] == "positive"], r"and has 40 of positive; see in metrics/annotate\.json"),
    ],
)
def test_fewer_than_two_labels(rows: pd.DataFrame, message: str) -> None:
    with pytest.raises(InputError, match=message):
        keep_agreed(rows, LABELS, 0.0)


def test_one_label_left_by_the_filter() -> None:
    rows = make_rows(["it is bad", "it is good"])
    rows["soft"] = [[0.6, 0.4], [0.1, 0.9]]
    with pytest.raises(InputError, match=r"has 1 of positive; 1 more are below train\.min_agreement = 0\.8; lower it"):
        keep_agreed(rows, LABELS, 0.8)


def test_nothing_is_suspected_where_nobody_asks(base: Path, noisy: pd.DataFrame) -> None:
    lessons = prepare(base, noisy)
    assert lessons.suspects is None
    assert lessons.places.tolist() == list(range(80))
    assert (lessons.epochs, lessons.epochs_agreement) == (1, None)


@pytest.mark.parametrize("suspects", ["embeddings", "student"])
def test_suspects_are_listed_and_learnt_all_the_same(base: Path, noisy: pd.DataFrame, suspects: str) -> None:
    lessons = prepare(base, noisy, suspects=suspects, epochs=6, learning_rate=3e-3, folds=5)
    assert lessons.suspects is not None
    assert len(lessons.suspects) >= 2
    assert {row["id"] for row in lessons.suspects} <= set(noisy["id"].iloc[FLIPPED])
    assert lessons.places.tolist() == list(range(80))
    assert lessons.targets[FLIPPED[0]].tolist() == pytest.approx(noisy["soft"][FLIPPED[0]])


def test_suspects_are_dropped(base: Path, noisy: pd.DataFrame) -> None:
    lessons = prepare(base, noisy, suspects="embeddings", noise="drop")
    dropped = noisy["id"].drop(index=lessons.places)
    assert lessons.suspects is not None
    assert set(dropped) == {row["id"] for row in lessons.suspects} != set()


@pytest.mark.parametrize("recipe", ["auto", "fixed"])
def test_dropping_all_but_one_label_is_an_error_where_the_recipe_is_fixed(
    base: Path, monkeypatch: pytest.MonkeyPatch, recipe: str
) -> None:
    positive = (ROWS["label"] == "positive").to_numpy()
    monkeypatch.setattr("distil.kinds.classification.learning.training_set.find_suspects", lambda *_: positive)
    if recipe == "auto":
        assert len(prepare(base, ROWS, suspects="embeddings", noise="drop", recipe=recipe).places) == len(ROWS)
        return
    with pytest.raises(InputError, match=r"has 40 of negative; noise: drop left out 40 rows; write noise: keep$"):
        prepare(base, ROWS, suspects="embeddings", noise="drop", recipe=recipe)


def test_suspects_weigh_less(base: Path, noisy: pd.DataFrame) -> None:
    weights = prepare(base, noisy, suspects="embeddings", noise="reweight").targets.sum(axis=1)
    assert weights.mean() == pytest.approx(1, abs=1e-5)
    assert set(np.argsort(weights)[:3].tolist()) == set(FLIPPED)


def test_classes_weigh_the_same(base: Path) -> None:
    rows = ROWS.iloc[[0, 1, 2, 4]].reset_index(drop=True)  # three negative, one positive
    targets = prepare(base, rows, class_weights="balanced").targets
    assert targets.sum(axis=1).tolist() == pytest.approx([2 / 3, 2, 2 / 3, 2 / 3])


def test_epochs_by_cross_validation(base: Path) -> None:
    lessons = prepare(base, ROWS, epochs=[1, 6], learning_rate=3e-3)
    assert lessons.epochs_agreement is not None
    assert list(lessons.epochs_agreement) == [1, 6]
    assert lessons.epochs == max(lessons.epochs_agreement, key=lambda epochs: lessons.epochs_agreement[epochs])  # type: ignore[index]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"noise": "drop"}, "noise: drop acts on suspects"),
        ({"distill_ensemble": True}, "seeds of 2 or more"),
        ({"batch_size": 9}, "batch_size 9 is no multiple of gradient_accumulation 2"),
        ({"epochs": [3]}, "at least 2"),
        ({"epochs": 0}, "greater than or equal to 1"),
    ],
)
def test_parameters_that_do_not_go_together(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainParams(**SETTINGS | changes)
