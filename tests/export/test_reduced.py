"""A file of lower precision beside fp32: what is said of it, and when it falls short."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from tiny_export import OPSET, export_tiny_student
from tiny_model import make_hard_to_round, make_tiny_student
from toy_rows import LABELS, make_texts

from distil.classifiers.onnx_classifier import OnnxClassifier
from distil.encoders.torch_model import TorchClassifier
from distil.export.fidelity import Reply
from distil.export.layers import list_layers
from distil.export.onnx_files import FP32 as FP32_FILE
from distil.export.onnx_files import INT8, copy_student, export_fp32, feed_each, quantize_int8
from distil.export.reduced import FILES, Exam, judge, write_int8

PROBES, ROWS, TEXTS = 2, 20, 63
FP32 = Reply(np.tile(np.array([[0.0, 1.0]], np.float32), (PROBES + TEXTS, 1)), ["b"] * (PROBES + TEXTS))


def make_exam(folder: Path, differing: int) -> Exam:
    """An exam in which so many of the texts get another label than fp32's, the validation rows first."""
    labels = ["b"] * PROBES + ["a"] * differing + ["b"] * (TEXTS - differing)
    return Exam(folder, lambda name: Reply(FP32.logits, labels), PROBES, taught=["b"] * ROWS)


@pytest.mark.parametrize(("differing", "falls_short"), [(0, False), (2, False), (8, True)])
def test_two_texts_of_63_are_chance_and_eight_are_not(
    tmp_path_factory: pytest.TempPathFactory, differing: int, falls_short: bool
) -> None:
    _, folder = export_tiny_student(tmp_path_factory)
    found = judge(make_exam(folder, differing), "int8", FP32, 0.97)
    assert found.falls_short == falls_short
    assert found.record["agreement_with_fp32"] == 1 - differing / TEXTS
    assert found.record["teacher_agreement"] == 1 - differing / ROWS
    assert found.record["megabytes"] == (folder / INT8).stat().st_size / 1e6


def test_without_texts_nothing_is_known_and_nothing_falls_short(tmp_path_factory: pytest.TempPathFactory) -> None:
    _, folder = export_tiny_student(tmp_path_factory)
    probes = Reply(FP32.logits[:PROBES], FP32.labels[:PROBES])
    found = judge(Exam(folder, lambda name: probes, PROBES, taught=[]), "int8", probes, 0.97)
    assert found.record["agreement_with_fp32"] is found.record["teacher_agreement"] is None
    assert (found.told, found.falls_short) == ("int8 was not compared: there are no texts", False)


def test_the_layer_that_int8_cannot_hold_goes_back_to_fp32(
    tmp_path: Path,
) -> None:
    student, folder, texts = tmp_path / "student", tmp_path / "onnx", make_texts()
    make_hard_to_round(make_tiny_student(student, LABELS), "layer.1.", "pooler")
    copy_student(student, folder)
    export_fp32(student, folder / FP32_FILE, OPSET)

    def answer(name: str) -> Reply:
        return Reply(*OnnxClassifier(folder, FILES[name], device="cpu").predict_with_logits(texts))

    exam = Exam(folder, answer, 0, taught=[])
    feeds = feed_each(TorchClassifier(student, "cpu").encode(texts[:20]))
    head = list_layers(onnx.load(folder / FP32_FILE))["head"]
    quantize_int8(folder / FP32_FILE, folder / INT8, "portable", feeds, head)
    assert judge(exam, "int8", answer("fp32"), 0.97).falls_short
    found = write_int8(exam, answer("fp32"), "portable", 0.97, feeds)
    assert found.record["fp32_layers"] == ["head", "layer 1"]
    assert not found.falls_short
    assert found.told.endswith("of 80 texts, with head, layer 1 in fp32")


def test_what_is_no_number_has_no_agreement(tmp_path_factory: pytest.TempPathFactory) -> None:
    _, folder = export_tiny_student(tmp_path_factory)
    exam = Exam(folder, lambda name: FP32._replace(logits=FP32.logits * np.nan), PROBES, taught=["b"] * ROWS)
    found = judge(exam, "int8", FP32, 0.0)
    assert found.falls_short
    assert found.record["agreement_with_fp32"] is found.record["teacher_agreement"] is None
    assert found.told == "int8 answers what is no number, where fp32 does not"
