from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_model import TEXTS, make_tiny_model
from tiny_training import freeze, make_tuner
from toy_rows import make_rows, make_texts

from distil.core.errors import InputError
from distil.kinds.classification.learning.frozen import freeze_under, learn_shares, validate_frozen
from distil.kinds.classification.learning.targets import number_labels
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


@pytest.mark.parametrize("telling", [True, False])
def test_heads_learn_shares_where_votes_tell_errors(base: Path, telling: bool) -> None:
    """Every third label is wrong, and votes differ on these texts, or on as many others."""
    truth = NUMBERS // 2
    wrong = np.arange(80) % 3 == 0
    numbers = np.where(wrong, 1 - truth, truth)
    differ = wrong if telling else np.arange(80) % 3 == 1
    soft = np.where(differ[:, None], 2 / 3, 1.0) * np.eye(2)[numbers]
    soft += (1 - soft.sum(axis=1, keepdims=True)) * np.eye(2)[1 - numbers]
    rows = ROWS.assign(soft=list(soft))
    known = replace(freeze(make_tuner(base, ROWS), ROWS), numbers=numbers, held_out=0.1 + 0.8 * np.eye(2)[truth])
    taught = learn_shares(known, rows)
    every = np.arange(80)
    said, by_labels = (frozen.fit(every).predict_proba(frozen.features) for frozen in (taught, known))
    assert taught.describe()["head_learns"]["value"] == ("shares of votes" if telling else "labels")
    if telling:
        assert said[wrong, numbers[wrong]].mean() < by_labels[wrong, numbers[wrong]].mean()
        assert (said.argmax(axis=1) == truth).mean() > (by_labels.argmax(axis=1) == truth).mean()
    else:
        np.testing.assert_array_equal(said, by_labels)


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
