from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_model import TEXTS, make_tiny_model
from tiny_training import freeze, make_tuner
from toy_rows import make_rows, make_texts

from distil.core.errors import InputError
from distil.kinds.classification.learning.frozen import freeze_under, learn_shares, validate_frozen
from distil.kinds.classification.learning.targets import number_labels
from distil.kinds.classification.learning.teaching import teach
from distil.linear.folds import draw_folds
from distil.student.fine_tuner import Pooling

ROWS = make_rows(make_texts())
LABELS = ["negative", "other", "positive"]
NUMBERS = 2 * number_labels(ROWS, ["negative", "positive"])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("base"), [*TEXTS, *make_texts()])


def test_held_out_predictions(base: Path) -> None:
    held_out = validate_frozen(make_tuner(base, ROWS, LABELS), NUMBERS, 2, None).held_out
    assert held_out is not None
    assert held_out.shape == (80, 3)
    assert held_out.sum(axis=1).tolist() == pytest.approx([1] * 80)
    assert (held_out[:, 1] == 0).all()  # no row has this label
    assert (held_out.argmax(axis=1) == NUMBERS).mean() > 0.8


def test_the_student_answers_as_the_probe(base: Path) -> None:
    tuner = make_tuner(base, ROWS)
    frozen, targets = freeze(tuner, ROWS), np.stack(ROWS["soft"].to_list()).astype(np.float32)
    probe = frozen.fit(np.arange(80))
    training = freeze_under(tuner, probe, frozen, targets)
    shares = tuner.predict_proba(training, tuner.texts)
    np.testing.assert_allclose(shares, probe.predict_proba(frozen.features), atol=1e-5)
    assert training.curve["loss"].tolist() == pytest.approx([-(targets * np.log(shares)).sum(axis=1).mean()])


def make_votes(telling: bool) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Rows of which every third label is wrong, their labels, and the right ones.

    Votes differ on these, or on as many others.
    """
    truth, wrong = NUMBERS // 2, np.arange(80) % 3 == 0
    numbers = np.where(wrong, 1 - truth, truth)
    differ = wrong if telling else np.arange(80) % 3 == 1
    soft = np.where(differ[:, None], [[2 / 3, 1 / 3]], [[1.0, 0.0]])
    soft = np.where(numbers[:, None] == 0, soft, soft[:, ::-1])
    return ROWS.assign(soft=list(soft), label=np.array(["negative", "positive"])[numbers]), numbers, truth


@pytest.mark.parametrize("telling", [True, False])
def test_heads_learn_shares_where_votes_tell_errors(base: Path, telling: bool) -> None:
    rows, numbers, truth = make_votes(telling)
    known = replace(freeze(make_tuner(base, ROWS), ROWS), numbers=numbers, held_out=0.1 + 0.8 * np.eye(2)[truth])
    every, wrong = np.arange(80), numbers != truth
    taught = learn_shares(known, rows, draw_folds(numbers, 2, 0))
    said, by_labels = (frozen.fit(every).decide(frozen.features) for frozen in (taught, known))
    assert taught.describe()["head_learns"]["value"] == ("shares of votes" if telling else "labels")
    if telling:
        assert (said.argmax(axis=1) == truth).mean() > (by_labels.argmax(axis=1) == truth).mean()
        assert (said.argmax(axis=1) == numbers)[wrong].mean() < (by_labels.argmax(axis=1) == numbers)[wrong].mean()
        assert taught.temperature != known.temperature
    else:
        np.testing.assert_array_equal(said, by_labels)


@pytest.mark.parametrize(("targets", "learnt"), [("soft", "shares of votes"), ("hard", "labels")])
def test_a_student_that_learns_labels_has_a_head_that_does(
    base: Path, monkeypatch: pytest.MonkeyPatch, targets: str, learnt: str
) -> None:
    monkeypatch.setattr("distil.kinds.classification.learning.label_noise.TELLING", 1.5)  # the base knows little
    rows, _, _ = make_votes(telling=True)
    tuner = make_tuner(base, rows)
    changes: dict[str, Any] = {"max_length": 16, "precision": "fp32", "rung": "frozen", "targets": targets}
    tuner.params = type(tuner.params)(base="tiny", **changes)
    taught = teach(tuner, rows, rows[:4])
    assert taught.recipe is not None
    assert taught.recipe["head_learns"]["value"] == learnt


@pytest.mark.parametrize(("named", "found"), [(None, {"mean", "base"}), ("base", set())])
def test_what_the_head_reads_is_compared_unless_it_is_named(base: Path, named: str | None, found: set[str]) -> None:
    frozen = validate_frozen(make_tuner(base, ROWS), NUMBERS // 2, 2, named)  # type: ignore[arg-type]
    assert set(frozen.pooled) == found
    assert frozen.pooling == (named or max(frozen.pooled, key=lambda way: frozen.pooled[way]))
    assert frozen.describe()["pooling"]["by"] == ("params" if named else "auto")


def test_pooling_is_compared_on_some_rows_only(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("distil.kinds.classification.learning.frozen.COMPARED", 40)
    tuner = make_tuner(base, ROWS)
    read, asked = tuner.read, []

    def note(texts: list[str], way: Pooling) -> object:
        asked.append((len(texts), way))
        return read(texts, way)

    monkeypatch.setattr(tuner, "read", note)
    frozen = validate_frozen(tuner, NUMBERS // 2, 2, None)
    assert asked[:2] == [(80, "mean"), (40, "base")]
    assert len(frozen.features) == 80


def test_no_memory_left(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_out(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr("distil.student.fine_tuner.predict_logits", run_out)
    with pytest.raises(InputError, match=r"^train: out of memory on cpu while it labels texts"):
        freeze(make_tuner(base, ROWS), ROWS)
