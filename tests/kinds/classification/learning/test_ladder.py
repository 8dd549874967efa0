"""The ladder on tiny bases: which rungs are judged, on which rows, and which one is taken."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_model import TEXTS, make_tiny_model
from tiny_training import freeze, make_tuner
from toy_rows import LABELS, make_rows, make_texts

from distil.kinds.classification.learning.ladder import Climbed, cut_hold_outs, score
from distil.kinds.classification.learning.rehearsal import Rehearsal
from distil.kinds.classification.learning.targets import number_labels
from distil.kinds.classification.learning.teaching import teach
from distil.kinds.classification.learning.training_set import prepare_lessons
from distil.linear.folds import draw_folds
from distil.student.rungs import RUNGS, Ladder
from distil.student.taught import Taught

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
    assert list(taught.ladder.rungs) == ["majority", "tfidf", "frozen", "fine_tuned"]
    assert {rung["rows"] for rung in taught.ladder.rungs.values()} == {80 + 2}, "few rows: all folds are held out"
    assert [name for name, rung in taught.ladder.rungs.items() if rung["exportable"]] == list(RUNGS)
    assert taught.rung == taught.ladder.chosen
    assert [point["rows"] for point in taught.ladder.learning_curve] == [8, 16, 32, 64]
    assert taught.recipe is not None
    assert taught.recipe["pooling"]["by"] == taught.recipe["epochs"]["by"] == taught.recipe["noise"]["by"] == "auto"


@pytest.mark.parametrize("rung", RUNGS)
def test_a_rung_that_is_named_is_taken_and_no_dearer_one_tried(base: Path, rung: str) -> None:
    taught = run(base, ROWS, rung=rung, epochs=1)
    assert isinstance(taught.ladder, Climbed)
    assert taught.rung == rung == list(taught.ladder.rungs)[-1]
    assert (taught.kept.training.steps > 0) == (rung == "fine_tuned")
    assert (taught.ladder.temperature is not None) == (rung == "fine_tuned")
    assert taught.ladder.why == f"train.rung is {rung}"


def test_a_fine_tuned_student_is_held_back_unless_it_is_to_be_as_trained(base: Path) -> None:
    """All of the base's weights under a head that is fitted anew are the frozen student."""
    frozen = run(base, ROWS, rung="frozen", pooling="mean")
    like_it = run(base, ROWS, rung="fine_tuned", epochs=1, pooling="mean", base_share=1.0)
    held_back = run(base, ROWS, rung="fine_tuned", epochs=1, pooling="mean")
    as_trained = run(base, ROWS, rung="fine_tuned", epochs=1, pooling="mean", base_share=None)
    weights = [
        taught.kept.training.model.bert.encoder.layer[0].output.dense.weight.detach()
        for taught in (frozen, like_it, held_back, as_trained)
    ]
    assert torch.equal(weights[0], weights[1])
    assert torch.allclose(weights[2], 0.3 * weights[0] + 0.7 * weights[3], atol=1e-7)
    assert not torch.equal(weights[0], weights[3])
    heads = [taught.kept.training.model.classifier.weight.detach().flatten() for taught in (frozen, like_it)]
    assert torch.nn.functional.cosine_similarity(heads[0], heads[1], dim=0) > 0.999
    assert like_it.ladder is not None and like_it.ladder.rungs["fine_tuned"]["agreement"] > 0.8


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
    taught = run(base, ROWS, recipe="fixed", rung="frozen", suspects="none")
    assert (taught.ladder, taught.rung) == (None, "frozen")
    assert taught.kept.agreement is not None


@pytest.mark.parametrize(
    ("tuned", "chosen", "alike"),
    [(0.9, "fine_tuned", False), (0.804, "fine_tuned", False), (0.801, "frozen", True), (0.7, "frozen", False)],
)
def test_the_best_rung_is_taken_and_the_cheaper_one_of_those_alike(tuned: float, chosen: str, alike: bool) -> None:
    agreements = {"tfidf": 0.95, "frozen": 0.8, "fine_tuned": tuned}
    ladder = Ladder("share", {name: {"agreement": value} for name, value in agreements.items()})
    ladder.choose("auto", "Of 500 held-out labels these are given")
    assert ladder.chosen == chosen
    assert ladder.why.startswith("Of 500 held-out labels these are given: ")
    assert ("alike" in ladder.why) == alike
    assert ladder.why.endswith(".")


def test_a_share_of_rows_has_its_interval() -> None:
    found = score(np.array([True] * 9 + [False]))
    assert found.low is not None and found.high is not None
    assert 0.55 < found.low < found.value == 0.9 < found.high < 1
    assert found.rows == 10


def test_rows_outside_have_no_say_in_which_rows_inside_are_doubted(base: Path) -> None:
    tuner = make_tuner(base, ROWS)
    tuner.params = type(tuner.params)(base="tiny", noise="drop", **SMALL)
    rows = ROWS.copy()
    wrong = np.arange(0, 60, 9)
    rows.loc[wrong, "label"] = [LABELS[1 - LABELS.index(label)] for label in rows.loc[wrong, "label"]]
    inside = np.arange(60)
    frozen = freeze(tuner, rows)
    lessons = prepare_lessons(tuner, rows, frozen)
    learnt = Rehearsal(tuner, rows, frozen, lessons).pick_learnt(inside)
    assert set(inside) - set(learnt) and set(inside) - set(learnt) <= set(wrong)
    turned = replace(frozen, numbers=np.where(np.arange(80) < 60, frozen.numbers, 1 - frozen.numbers))
    np.testing.assert_array_equal(Rehearsal(tuner, rows, turned, lessons).pick_learnt(inside), learnt)


def test_a_doubt_is_withdrawn_where_a_student_that_has_not_seen_the_row_gives_its_label(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubted = np.arange(80) % 8 == 0
    monkeypatch.setattr("distil.kinds.classification.learning.training_set.find_suspects", lambda *_: doubted)
    monkeypatch.setattr(
        "distil.kinds.classification.learning.rehearsal.find_suspects", lambda rows, *_: doubted[rows.index]
    )
    taught = run(base, ROWS, rung="fine_tuned", epochs=8)
    assert isinstance(taught.ladder, Climbed)
    absolved = set(taught.ladder.absolved)
    assert absolved and absolved <= set(np.flatnonzero(doubted))
    assert set(taught.lessons.places) == set(np.flatnonzero(~doubted)) | absolved


def test_as_many_folds_are_held_out_as_are_enough(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tuner = make_tuner(base, ROWS)
    folds, frozen = draw_folds(number_labels(ROWS, LABELS), 5, 0), freeze(tuner, ROWS)
    for enough, sizes in ((18, [18]), (19, [18, 16]), (600, [18, 16, 16, 16, 16])):
        monkeypatch.setattr("distil.kinds.classification.learning.ladder.ENOUGH", enough)
        holds = cut_hold_outs(folds, tuner, frozen, VALIDATION)
        assert [len(held.numbers) for held in holds] == sizes
        assert all(len(held.texts) == len(held.features) == len(held.numbers) for held in holds)
        assert holds[0].texts[-2:] == VALIDATION["text"].to_list()


def test_a_doubt_is_withdrawn_by_most_of_those_that_have_not_seen_the_row(base: Path) -> None:
    rehearsal = Rehearsal(make_tuner(base, ROWS), ROWS, frozen := freeze(make_tuner(base, ROWS), ROWS), None)  # type: ignore[arg-type]
    right, wrong = frozen.numbers[:4], 1 - frozen.numbers[:4]
    rehearsal.opinions = [
        (np.array([0, 1, 2]), np.array([right[0], right[1], wrong[2]])),
        (np.array([0, 1, 3]), np.array([right[0], wrong[1], right[3]])),
    ]
    assert rehearsal.absolve().tolist() == [0, 3]
