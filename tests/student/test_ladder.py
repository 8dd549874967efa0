"""The ladder on tiny bases: which rungs are judged, on which rows, and which one is taken."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tiny_model import TEXTS, make_tiny_model
from tiny_training import make_tuner
from toy_rows import LABELS, make_rows, make_texts

from distil.student.ladder import RUNGS, Ladder, choose, score
from distil.student.teaching import Taught, teach

ROWS = make_rows(make_texts())
VALIDATION = make_rows(["your tripod is bad", "your tripod is good"])
SMALL: dict[str, Any] = {"max_length": 16, "precision": "fp32"}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("base"), [*TEXTS, *make_texts()])


def run(base: Path, rows: pd.DataFrame, labels: tuple[str, ...] = LABELS, **changes: Any) -> Taught:
    tuner = make_tuner(base, rows, labels)
    tuner.params = type(tuner.params)(base="tiny", **SMALL | changes)
    validation = VALIDATION.copy()
    validation["soft"] = [[0.0] * (len(labels) - 2) + shares for shares in validation["soft"]]
    return teach(tuner, rows, validation)


def test_every_rung_is_judged_on_the_same_rows_and_the_chosen_one_is_trained(base: Path) -> None:
    taught = run(base, ROWS)
    assert taught.ladder is not None
    assert list(taught.ladder.rungs) == ["majority", "tfidf", "frozen", "contrastive", "fine_tuned"]
    assert {rung["rows"] for rung in taught.ladder.rungs.values()} == {80 // 5 + 2}
    assert [name for name, rung in taught.ladder.rungs.items() if rung["exportable"]] == list(RUNGS)
    assert taught.rung == taught.ladder.chosen
    assert [point["rows"] for point in taught.ladder.learning_curve] == [8, 16, 32, 64]
    assert taught.recipe is not None
    assert taught.recipe["frozen_pooling"]["by"] == taught.recipe["epochs"]["by"] == "auto"


def test_contrastive_training_is_not_tried_where_fine_tuning_is_far_ahead(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distil.student.ladder.FAR_AHEAD", -1.0)
    ladder = run(base, ROWS).ladder
    assert ladder is not None
    assert list(ladder.rungs) == ["majority", "tfidf", "frozen", "fine_tuned"]
    assert "contrastive training was not tried" in ladder.why


@pytest.mark.parametrize("rung", RUNGS)
def test_a_rung_that_is_named_is_taken_and_fine_tuning_is_not_tried_beside(base: Path, rung: str) -> None:
    taught = run(base, ROWS, rung=rung, epochs=1)
    assert taught.ladder is not None
    assert "fine_tuned" not in taught.ladder.rungs
    assert taught.rung == rung
    assert (taught.kept.training.steps > 0) == (rung != "frozen")
    assert (taught.ladder.temperature is not None) == (rung == "contrastive")
    assert taught.ladder.why == f"train.rung is {rung}"


def test_the_frozen_student_answers_as_its_probe(base: Path) -> None:
    taught = run(base, ROWS, rung="frozen", pooling="mean")
    assert taught.ladder is not None
    assert taught.ladder.rungs["frozen"]["agreement"] > 0.8
    assert taught.kept.training.curve["loss"].tolist() < [0.69], "a head that knows nothing has a loss of 0.69"
    names = {name for name, _ in taught.kept.training.model.named_parameters()}
    assert "bert.encoder.layer.2.output.dense.weight" in names, "a layer more, that reads the mean"


@pytest.mark.parametrize("texts", [["it is bad", "it is good"], ["it is bad", "it is good", "it was good"]])
def test_too_few_rows_to_compare_give_a_student_all_the_same(base: Path, texts: list[str]) -> None:
    taught = run(base, make_rows(texts))
    assert taught.ladder is not None
    assert taught.ladder.rungs == {}
    assert taught.rung == "frozen"
    assert "too few rows" in taught.ladder.why
    assert taught.lessons.suspects is None


def test_a_label_without_rows(base: Path) -> None:
    rows = ROWS.copy()
    rows["soft"] = [[0.0, *shares] for shares in rows["soft"]]
    taught = run(base, rows, ("other", *LABELS), rung="fine_tuned", epochs=1, suspects="embeddings")
    assert taught.kept.agreement is not None


def test_the_recipe_that_is_fixed_compares_nothing(base: Path) -> None:
    taught = run(base, ROWS, recipe="fixed", epochs=1, suspects="none")
    assert (taught.ladder, taught.recipe, taught.rung) == (None, None, "fine_tuned")


def test_a_recipe_that_is_fixed_makes_the_rung_that_is_named(base: Path) -> None:
    taught = run(base, ROWS, recipe="fixed", rung="contrastive", suspects="none")
    assert (taught.ladder, taught.rung) == (None, "contrastive")
    assert taught.kept.agreement is not None


@pytest.mark.parametrize(
    ("contrastive", "tuned", "chosen"),
    [
        (0.82, 0.9, "fine_tuned"),
        (0.899, 0.9, "contrastive"),
        (0.9, 0.804, "contrastive"),
        (0.804, 0.804, "contrastive"),
        (0.801, 0.801, "frozen"),
        (0.7, 0.7, "frozen"),
    ],
)
def test_the_best_rung_is_taken_and_the_cheaper_one_of_those_alike(
    contrastive: float, tuned: float, chosen: str
) -> None:
    agreements = {"tfidf": 0.95, "fine_tuned": tuned, "frozen": 0.8, "contrastive": contrastive}
    ladder = Ladder({name: {"agreement": value, "rows": 500} for name, value in agreements.items()})
    found, why = choose(ladder, "auto")
    assert found == chosen
    assert why.startswith("Of 500 held-out labels")
    assert ("alike" in why) == (agreements[chosen] < max(tuned, contrastive, 0.8))
    assert why.endswith(".")


def test_a_share_of_rows_has_its_interval() -> None:
    found = score(np.array([True] * 9 + [False]))
    assert 0.55 < found["agreement_low"] < found["agreement"] == 0.9 < found["agreement_high"] < 1
