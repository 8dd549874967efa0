"""A student of several labels on a tiny base: which rungs are judged, on which rows, and its thresholds."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_model import TEXTS, make_tiny_model
from toy_sets import LABELS, make_rows, make_texts, tell_labels

from distil.core.errors import InputError
from distil.encoders.bases import load_base
from distil.encoders.outputs import Outputs, read_outputs
from distil.kinds.multi_label.learning.ladder import Climbed, score
from distil.kinds.multi_label.learning.teaching import make_tuner, name_outputs, teach
from distil.student.fine_tuner import FineTuner
from distil.student.params import TrainParams
from distil.student.rungs import RUNGS
from distil.student.taught import Taught

ROWS = make_rows(make_texts())
FRESH = make_rows(["your lens is bad", "your phone is good", "your screen was here", "the lens looks good"])
SMALL: dict[str, Any] = {"max_length": 16, "precision": "fp32"}
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("base"), [*TEXTS, *make_texts()], layers=1)


def start(base: Path, rows: pd.DataFrame, **changes: Any) -> FineTuner:
    params = TrainParams(base="tiny", **SMALL | changes)
    return make_tuner(base, rows["text"].to_list(), LABELS, params, CPU)


def run(base: Path, rows: pd.DataFrame = ROWS, held_out: pd.DataFrame = FRESH, **changes: Any) -> Taught:
    return teach(start(base, rows, **changes), rows, held_out)


@pytest.fixture(scope="module")
def frozen(base: Path) -> Taught:
    return run(base, rung="frozen", pooling="mean", folds=2)


@pytest.fixture(scope="module")
def climbed(base: Path) -> Taught:
    return run(base, epochs=2, folds=2)


def test_every_rung_is_judged_on_the_same_texts_and_the_chosen_one_is_trained(climbed: Taught) -> None:
    ladder = climbed.ladder
    assert isinstance(ladder, Climbed)
    assert list(ladder.rungs) == ["most_frequent_set", "tfidf", "frozen", "fine_tuned"]
    assert {rung["rows"] for rung in ladder.rungs.values()} == {72 + 4}, "few rows: all folds are held out"
    assert [name for name, rung in ladder.rungs.items() if rung["exportable"]] == list(RUNGS)
    commonest = ladder.rungs["most_frequent_set"]
    assert 0 < commonest["agreement_low"] < commonest["agreement"] < commonest["agreement_high"] < 0.8
    assert ladder.rungs["tfidf"]["agreement"] > 0.8
    assert (climbed.rung, ladder.measure) == (ladder.chosen, "micro F1")
    assert "Micro F1 on the teacher's labels of 76 texts held out" in ladder.why
    assert [point["rows"] for point in ladder.learning_curve] == [4, 9, 18, 36]
    assert climbed.recipe is not None
    assert {"pooling", "head", "learning_rate", "thresholds"} < set(climbed.recipe)
    assert "noise" not in climbed.recipe
    assert climbed.recipe["base_share"]["value"] == 0.3
    assert climbed.recipe["thresholds"]["why"].startswith("what gives the highest micro F1 on ")
    assert climbed.lessons.suspects is None


def test_the_most_frequent_set_is_said_as_it_is(base: Path) -> None:
    """Not what thresholds would make of it: where most texts have no label, it finds none."""
    rows = pd.concat([ROWS[:9], make_rows([f"the phone {word} here" for word in ("was", "is", "looks", "stays")] * 3)])
    taught = run(base, rows.reset_index(drop=True), rung="frozen", folds=2)
    assert taught.ladder is not None
    assert taught.ladder.rungs["most_frequent_set"]["agreement"] == 0


def test_the_frozen_student_says_what_words_say(frozen: Taught, base: Path) -> None:
    assert frozen.ladder is not None
    assert list(frozen.ladder.rungs) == ["most_frequent_set", "tfidf", "frozen"]
    assert frozen.ladder.why == "train.rung is frozen"
    model = frozen.kept.training.model
    shares = start(base, ROWS).predict_proba(frozen.kept.training, ROWS["text"].to_list())
    thresholds = np.array([model.config.thresholds[label] for label in LABELS])
    known = np.array([[label in tell_labels(text) for label in LABELS] for text in ROWS["text"]])
    assert ((shares >= thresholds) == known).mean() > 0.95
    assert frozen.kept.agreement is not None and frozen.kept.agreement > 0.7
    assert frozen.kept.training.curve["loss"].tolist() < [0.69], "a head that knows nothing has a loss of 0.69"


def test_what_is_saved_says_that_several_apply_and_from_when_on(frozen: Taught, base: Path, tmp_path: Path) -> None:
    start(base, ROWS).save(frozen.kept.training, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert read_outputs(tmp_path, config) == name_outputs(LABELS) == Outputs(LABELS, several=True)
    assert list(config["thresholds"]) == sorted(LABELS)  # as transformers sorts
    assert all(0 < threshold < 1 for threshold in config["thresholds"].values())
    model, _ = load_base(tmp_path, Outputs(("other", "labels")))
    assert not hasattr(model.config, "thresholds"), "a base that was a student of ours"


def test_the_fine_tuned_student_learns(base: Path) -> None:
    taught = run(base, rung="fine_tuned", recipe="fixed", epochs=8, learning_rate=1e-2)
    assert (taught.rung, taught.ladder, taught.recipe) == ("fine_tuned", None, None)
    assert taught.kept.training.steps > 0
    assert taught.kept.agreement is not None and taught.kept.agreement > 0.7
    assert set(taught.kept.training.model.config.thresholds) == set(LABELS)


def test_all_of_the_base_s_weights_under_a_head_that_is_fitted_anew_are_the_frozen_student(
    base: Path, frozen: Taught
) -> None:
    like_it = run(base, rung="fine_tuned", epochs=1, pooling="mean", base_share=1.0, folds=2)
    heads = [taught.kept.training.model.classifier.weight.detach().flatten() for taught in (frozen, like_it)]
    assert torch.nn.functional.cosine_similarity(heads[0], heads[1], dim=0) > 0.999
    assert like_it.ladder is not None
    judged = like_it.ladder.rungs
    assert judged["fine_tuned"]["agreement"] == pytest.approx(judged["frozen"]["agreement"], abs=0.02)


def test_several_seeds_and_one_student_of_all(base: Path) -> None:
    taught = run(base, recipe="fixed", epochs=1, batch_size=72, seeds=2, distill_ensemble=True)
    assert [trial.seed for trial in taught.trials] == [0, 1]
    assert all(taught.kept is not trial for trial in taught.trials)
    assert set(taught.kept.training.model.config.thresholds) == set(LABELS)


@pytest.mark.parametrize("recipe", ["auto", "fixed"])
def test_too_few_rows_to_hold_any_out_have_thresholds_of_half(base: Path, recipe: str) -> None:
    taught = run(base, make_rows(["the lens is bad"]), FRESH[:0], recipe=recipe, rung="frozen")
    assert (taught.rung, taught.kept.agreement) == ("frozen", None)
    if taught.recipe is not None:
        told = {"value": "0.50", "by": "auto", "why": "too few rows to choose"}
        assert taught.recipe["thresholds"] == told
    assert taught.kept.training.model.config.thresholds == {"negative": 0.5, "positive": 1.0, "picture": 0.5}


def test_a_label_without_rows_is_never_said(base: Path) -> None:
    rows = ROWS[~ROWS["text"].str.endswith("good")].reset_index(drop=True)
    taught = run(base, rows, rung="frozen")
    assert taught.kept.training.model.config.thresholds["positive"] == 1.0


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"class_weights": "balanced"}, "train.class_weights = 'balanced': with several labels .*; write none"),
        ({"noise": "drop"}, "train.noise = 'drop': with several labels a text nobody looks .*; write keep"),
        ({"suspects": "student"}, "train.suspects = 'student': .*; write none"),
        ({"epochs": [2, 3]}, r"train.epochs = \[2, 3\]: .* write one number"),
    ],
)
def test_what_does_not_go_with_several_labels_is_refused(base: Path, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        run(base, **changes)


def test_an_interval_comes_of_drawing_texts_anew() -> None:
    known = np.array([[1, 0], [0, 1]] * 50, dtype=bool)
    decided = known.copy()
    decided[:25] = ~decided[:25]
    found = score(known, decided, 0)
    assert (found.value, found.rows) == (0.75, 100)
    assert found.low == pytest.approx(0.75 - 0.085, abs=0.015)
    assert found.high == pytest.approx(0.75 + 0.085, abs=0.015)
