"""Bases of many architectures, each taken through a step of training and the export; tests/stages refuses others."""

from pathlib import Path

import numpy as np
import pytest
from tiny_bases import make_base
from tiny_training import CPU, freeze, make_tuner
from toy_rows import make_rows

from distil.classifiers.onnx_classifier import OnnxClassifier
from distil.encoders.heads import set_head
from distil.encoders.torch_model import TorchClassifier, predict_logits
from distil.export.onnx_files import FP32, INT8, check_onnx, copy_student, export_fp32, feed_each, quantize_int8
from distil.kinds.classification.learning.frozen import freeze_under
from distil.kinds.classification.learning.held_back import hold_back

PADDED = [
    *("bert", "roberta", "distilbert", "xlm-roberta", "deberta-v2", "electra", "albert", "modernbert", "camembert"),
    *("big_bird", "llama"),
]
LABELS = ["negative", "neutral", "positive"]
ROWS = make_rows(
    ["this camera is bad", "the phone is so very good", "it works good", "bad", "", "a nice product ! bad"]
)
TEXTS = ["", "good", "zzz", "a bad camera", "the phone broke . it was poor !", "so very nice , " * 40, "it works ."]


BASES = [*((kind, True) for kind in PADDED), ("gpt2", False)]


@pytest.mark.parametrize(("kind", "padding"), BASES)
def test_students_whose_heads_are_fitted_answer_as_these_heads(tmp_path: Path, kind: str, padding: bool) -> None:
    tuner = make_tuner(make_base(tmp_path / "base", kind, padding), ROWS, max_length="auto", base_share=0.3)
    places, texts = np.arange(len(ROWS)), tuner.texts
    frozen = freeze(tuner, ROWS)
    head, targets = frozen.fit(places), np.eye(2, dtype=np.float32)[frozen.numbers]
    student = freeze_under(tuner, head, frozen, targets)
    tuned = tuner.train(targets, 1, 0)
    its_head = hold_back(tuner, tuned, frozen, places)
    its_features = tuner.read_by(tuned.model, texts)
    set_head(tuned.model, its_head.weights, its_head.bias)
    for training, probe, features in ((student, head, frozen.features), (tuned, its_head, its_features)):
        found = predict_logits(training.model, tuner.tokenizer, texts, CPU)
        np.testing.assert_allclose(found, probe.decide(features), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "padding"), BASES)
def test_trained_and_exported(tmp_path: Path, kind: str, padding: bool) -> None:
    base = make_base(tmp_path / "base", kind, padding)
    tuner = make_tuner(base, ROWS, LABELS, max_length="auto", freeze_word_embeddings=False)
    targets = np.eye(3, dtype=np.float32)[[0, 2, 2, 0, 1, 0]]
    tuner.save(tuner.train(targets, 1, 0), tmp_path / "student")
    student, folder = tmp_path / "student", tmp_path / "onnx"
    copy_student(student, folder)
    export_fp32(student, folder / FP32, 20)
    classifier = TorchClassifier(student, "cpu", batch_tokens=20)
    quantize_int8(folder / FP32, folder / INT8, "portable", feed_each(classifier.encode(TEXTS)))
    expected = classifier.predict_logits(TEXTS)
    assert len(np.unique(expected.round(4), axis=0)) == len(TEXTS)  # so that a wrong place would show
    for file, tolerance in ((FP32, 1e-4), (INT8, 0.3)):
        check_onnx(folder / file)
        for batch_tokens in (1, 20, 1000):
            logits = OnnxClassifier(folder, file, 1, "cpu", batch_tokens).predict_logits(TEXTS)
            np.testing.assert_allclose(logits, expected, atol=tolerance)
