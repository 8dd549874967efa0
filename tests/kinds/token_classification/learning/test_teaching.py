import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from kinds.token_classification.learning.toy_spans import LABELS, label_rows, make_rows, tune
from tiny_model import make_tiny_model

from distil.core.errors import InputError
from distil.encoders.heads import find_head
from distil.kinds.token_classification.learning import teaching
from distil.kinds.token_classification.learning.ladder import HoldOut
from distil.kinds.token_classification.learning.probes import Material
from distil.kinds.token_classification.learning.reading import Reading
from distil.kinds.token_classification.learning.recall import choose_shift
from distil.kinds.token_classification.learning.recipe import fit_recipe
from distil.student.params import TrainParams
from distil.student.taught import Taught
from distil.tagging.words import Word

ROWS = make_rows()
HELD_OUT = label_rows([("mr zoe is in bern", [(3, 6, "person"), (13, 17, "place")]), ("a day in bern", [])])
NONE = ROWS[:0]
Train = Any


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("base"), ROWS["text"].to_list(), layers=1)


def teach(base: Path, rows: pd.DataFrame = ROWS, held_out: pd.DataFrame = NONE, **changes: Any) -> tuple[Train, Taught]:
    tuner = tune(base, rows, **changes)
    return tuner, teaching.teach(tuner, rows, held_out)


@pytest.mark.slow
def test_the_ladder_and_the_student_that_it_chooses(base: Path, tmp_path: Path) -> None:
    tuner, taught = teach(base, held_out=HELD_OUT, recipe="auto", recall_target=1.0)
    ladder = taught.ladder
    assert ladder is not None
    exportable = {name: rung["exportable"] for name, rung in ladder.rungs.items()}
    assert exportable == {"gazetteer": False, "crf": False, "frozen": True, "fine_tuned": True}
    assert ladder.measure == "exact F1"
    assert ladder.why.startswith("On 74 held-out texts exact F1 with the teacher's spans is: the frozen base with ")
    assert {rung["rows"] for rung in ladder.rungs.values()} == {74}
    assert [point["share"] for point in ladder.learning_curve] == [0.125, 0.25, 0.5, 1.0]
    assert ladder.learning_curve[-1]["agreement"] > ladder.learning_curve[0]["agreement"]
    tuned = ladder.rungs["fine_tuned"]
    assert tuned["agreement"] > 0.5
    assert tuned["agreement_low"] <= tuned["agreement"] <= tuned["agreement_high"]
    assert taught.recipe is not None
    by = {name: knob["by"] for name, knob in taught.recipe.items()}
    named = dict.fromkeys(("head_learning_rate", "learning_rate", "epochs"), "params")
    assert by == named | {"label_smoothing": "auto", "head": "auto"}
    assert min(targets.min() for targets in taught.lessons.targets) == pytest.approx(0.1 / 5), "of five tags"
    assert 0 <= (taught.kept.agreement or 0.0) <= 1
    told = taught.figures["recall"]
    assert (told["words"], told["recall_after"]) == (104, 1.0)
    tuner.save(taught.kept.training, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["architectures"] == ["BertForTokenClassification"]
    assert list(config["id2label"].values()) == ["O", "B-person", "I-person", "B-place", "I-place"]
    assert config["recall_shift"] == told["shift"]


def test_a_frozen_base_has_the_layer_that_was_fitted(base: Path) -> None:
    tuner, taught = teach(base, held_out=HELD_OUT, rung="frozen")
    assert (taught.rung, taught.ladder, taught.recipe) == ("frozen", None, None)
    assert taught.kept.training.steps == 0
    said = teaching.score_student(tuner, taught.kept.training, ROWS)
    assert said is not None
    assert said > 0.5
    loss = taught.kept.training.curve["loss"].iloc[0]
    answers = np.concatenate(tuner.predict_proba(taught.kept.training, ROWS["text"].to_list()))
    known = np.concatenate([each.argmax(axis=1) for each in taught.lessons.targets])
    assert loss == pytest.approx(-np.log(answers[np.arange(len(known)), known]).mean(), rel=1e-3)


@pytest.mark.slow
def test_seeds_and_what_they_know_together(base: Path) -> None:
    _, taught = teach(base, ROWS[:12], HELD_OUT, seeds=2, epochs=1, distill_ensemble=True)
    assert [trial.seed for trial in taught.trials] == [0, 1]
    assert not any(taught.kept is trial for trial in taught.trials)


def test_too_few_texts_to_hold_any_out(base: Path) -> None:
    rows = ROWS[:2]
    _, taught = teach(base, rows, recipe="auto", epochs=1)
    assert taught.ladder is not None
    assert (taught.rung, taught.ladder.rungs) == ("frozen", {})
    with pytest.raises(InputError, match=r"train\.recall_target = 0\.9: recall is measured on training texts"):
        teach(base, rows, recall_target=0.9, epochs=1)


@pytest.mark.parametrize(
    "changes",
    [
        {"pooling": "mean"},
        {"recall_target": 0.9, "distill_ensemble": True, "seeds": 2},
        {"class_weights": "balanced"},
        {"suspects": "student"},
        {"base_share": 0.3},
        {"noise": "drop", "suspects": "embeddings"},
        {"epochs": [1, 2]},
    ],
)
def test_what_is_for_whole_texts_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=rf"train\.{next(iter(changes))} = "):
        tune(Path("nowhere"), ROWS, **changes)


def test_the_recipe_fits_what_is_not_named() -> None:
    params, told = fit_recipe(TrainParams(base="x"), 2500, 384)
    assert (params.epochs, params.learning_rate, params.head_learning_rate) == (4, 3e-4, 1e-3)
    assert {knob["by"] for knob in told.values()} == {"auto"}
    assert fit_recipe(TrainParams(base="x"), 10, 768)[0].epochs == 20
    assert fit_recipe(TrainParams(base="x"), 10**6, 768)[0].learning_rate == pytest.approx(7.5e-5)
    assert fit_recipe(TrainParams(base="x", epochs=2), 10, 768)[0].epochs == 2


def test_recall_first_moves_the_bias_of_o(base: Path) -> None:
    _, plain = teach(base, rung="frozen")
    _, taught = teach(base, rung="frozen", recall_target=0.99)
    told = taught.figures["recall"]
    assert told["recall_before"] < 0.99 <= told["recall_after"]
    assert told["precision_after"] < told["precision_before"]
    moved = find_head(taught.kept.training.model).bias - find_head(plain.kept.training.model).bias
    assert moved.tolist() == pytest.approx([told["shift"], 0, 0, 0, 0], abs=1e-4)


def hold(*words: tuple[int, list[float]]) -> tuple[list[HoldOut], list[list[Any]]]:
    """A held-out text: of each word the number of its tag, and logits."""
    reading = Reading([Word(number, 2 * number, 2 * number + 1) for number in range(len(words))], [])
    text = " ".join("a" for _ in words)
    label = json.dumps(
        [{"start": 2 * n, "end": 2 * n + 1, "label": LABELS[0]} for n, (tag, _) in enumerate(words) if tag]
    )
    numbers = [np.array([tag for tag, _ in words])]
    judged = Material([text], [label], [reading], [np.zeros((len(words), 1), np.float32)], numbers)
    return [HoldOut(np.arange(0), judged)], [[np.array([logits for _, logits in words])]]


def test_the_shift_is_the_smallest_that_reaches_the_target() -> None:
    holds, answers = hold((1, [0, 2, 0]), (1, [3, 2, 0]), (1, [5, 0, 0]), (0, [4, 2.5, 0]), (1, [9, 0, 0]))
    found = choose_shift(holds, answers, LABELS, 0.75)
    assert found.shift == pytest.approx(-5, abs=1e-3)
    assert found.figures == {
        "target": 0.75,
        "shift": found.shift,
        "words": 4,
        "recall_before": 0.25,
        "precision_before": 1.0,
        "exact_f1_before": 0.4,
        "recall_after": 0.75,
        "precision_after": 0.75,
        "exact_f1_after": 0.75,
    }
    assert choose_shift(holds, answers, LABELS, 0.25).shift == 0
    everything = choose_shift(holds, answers, LABELS, 1.0)
    assert everything.figures["recall_after"] == 1
    with pytest.raises(InputError, match="too few with spans"):
        choose_shift(*hold((0, [1, 0, 0])), LABELS, 0.5)


def test_spans_that_end_within_words_are_told_before_training(base: Path) -> None:
    tuner = tune(base, ROWS)
    assert teaching.list_warnings(tuner, ROWS) == []
    inside = label_rows([("mr zoe is in bern", [(4, 6, "person")]), ("a day in bern", [(9, 13, "place")])])
    (warning,) = teaching.list_warnings(tune(base, inside), inside)
    assert "with every word right, exact F1 would be 50.0%" in warning
    assert teaching.list_warnings(tune(base, inside), inside.assign(label="[]")) == []


def test_of_many_words_some_are_learnt(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("distil.kinds.token_classification.learning.probes.MOST_WORDS", 60)
    _, taught = teach(base, ROWS, recipe="fixed", rung="frozen")
    assert taught.kept.training.curve["loss"].iloc[0] < 1.5, "a layer that knows nothing has a loss of 1.6"
