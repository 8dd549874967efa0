"""Sureness and temperature, against figures that are reckoned by hand or otherwise, and what a folder says of them."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.metrics import log_loss

from distil.classifiers.recorded import Selective, read_selective
from distil.classifiers.sureness import sure_of_label, sure_of_set, sure_of_tags
from distil.classifiers.temperature import fit_sigmoid, fit_softmax
from distil.core.errors import InputError

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 3, (400, 5)).astype(np.float32)


def test_of_one_label_it_is_its_probability() -> None:
    assert sure_of_label(LOGITS, 2.0) == pytest.approx(softmax(LOGITS / 2.0, axis=1).max(axis=1), rel=1e-5)
    assert len(sure_of_label(LOGITS[:0])) == 0


def test_of_several_labels_a_doubt_about_one_that_is_not_given_counts() -> None:
    thresholds = np.array([0.5, 0.2])
    odds = np.log(0.2 / 0.8)
    logits = np.array([[4.0, -6.0], [4.0, odds - 0.01], [4.0, odds + 0.01], [0.01, -6.0]])
    sure = sure_of_set(logits, thresholds)
    assert sure[0] == pytest.approx(expit(4.0) * expit(6.0 + odds))
    assert sure[0] > 0.9
    assert sure[1:] == pytest.approx(0.5, abs=0.02)
    never = sure_of_set(logits[:1], np.array([0.5, 1.0 + 1e-6]))
    assert never == pytest.approx(expit(4.0))


def test_of_spans_a_word_that_is_nearly_tagged_counts_though_no_span_is_found() -> None:
    sure, doubtful = [5.0, 0.0, 0.0], [0.1, 0.0, -9.0]
    logits = np.array([sure, sure, sure, doubtful, sure])
    found = sure_of_tags(logits, np.array([2, 0, 2, 1]))
    assert found[0] == found[3]
    assert found[1] == 1
    assert found[2] < 0.55 < found[0]


def test_the_temperature_is_that_with_the_least_cross_entropy() -> None:
    truth = np.array([RNG.choice(5, p=row) for row in softmax(LOGITS / 2.5, axis=1)])
    fitted = fit_softmax(LOGITS, np.eye(5)[truth])
    assert fitted == pytest.approx(2.5, abs=0.4)
    losses = [
        log_loss(truth, softmax(LOGITS / t, axis=1), labels=range(5)) for t in (fitted, 0.9 * fitted, 1.1 * fitted)
    ]
    assert losses[0] == min(losses)
    several = (RNG.random(LOGITS.shape) < expit(LOGITS / 1.7)).astype(float)
    assert fit_sigmoid(LOGITS, several) == pytest.approx(1.7, abs=0.3)
    assert fit_softmax(LOGITS[:0], np.zeros((0, 5))) == 1.0
    assert 0.1 <= fit_softmax(np.array([[9.0, 0.0]]), np.array([[1.0, 0.0]])) < 0.5, "rows that are all right"


def test_a_folder_says_its_temperature_and_threshold_or_what_is_wrong_with_them(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "config.json"
    assert read_selective(path, {}) == Selective()
    told = {"temperature": 2, "threshold": 0.8, "file": "onnx/model.onnx", "kept": 0.5}
    assert read_selective(path, {"selective": told}) == Selective(2.0, 0.8, "onnx/model.onnx")
    for wrong in ({"temperature": 0}, {"temperature": True}, {"threshold": 1.5}, {"threshold": "high"}, [1]):
        with pytest.raises(InputError, match="'dvc repro' writes it anew"):
            read_selective(path, {"selective": wrong})
