"""What the benchmark times gives the same answers however it is asked."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_export import export_tiny_several, export_tiny_student, export_tiny_tagger

from distil.core.errors import InputError
from distil.core.runtime import RuntimeParams
from distil.encoders.opening import open_torch
from distil.speed.scenarios import System
from distil.speed.systems import (
    check_answers,
    computes_bf16,
    explain_failure,
    load_onnx,
    load_pipeline,
    name_gpu,
    wrap_student,
    wrap_torch,
)

TEXTS = ["a good product", "", "it works " * 200, "the loss is larger than before", "bad"]
Models = tuple[Path, Path]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return export_tiny_student(tmp_path_factory)


@pytest.fixture(scope="module")
def students(models: Models) -> dict[str, System]:
    student, folder = models
    exported = load_onnx(folder, "student_int8", RuntimeParams(device="cpu", threads=1))
    systems = [
        *wrap_torch(open_torch(student, "cpu"), "cpu"),
        *(wrap_student(name, one) for name, one in exported.items()),
    ]
    return {system.name: system for system in systems}


def test_both_halves_give_the_answers_of_the_whole(students: dict[str, System]) -> None:
    for system in students.values():
        assert system.encode and system.label_encoded
        whole: Any = system.label(TEXTS)
        assert np.array_equal(system.label_encoded(system.encode(TEXTS)), whole)  # type: ignore[arg-type]


def test_every_student_gives_the_answers_of_torch_and_bf16_rounds_them(students: dict[str, System]) -> None:
    expected: Any = students["student_torch"].label(TEXTS)
    tolerance = {"student_onnx": 1e-5, "student_int8": 0.1, "student_torch_bf16": 0.05}
    for name in students.keys() - {"student_torch"}:
        answers: Any = students[name].label(TEXTS)
        np.testing.assert_allclose(answers, expected, rtol=0, atol=tolerance[name])
    assert ("student_torch_bf16" in students) == computes_bf16(torch.device("cpu"))
    if "student_torch_bf16" in students:
        rounded: Any = students["student_torch_bf16"].label(TEXTS)
        assert not np.array_equal(rounded, expected), "computed in another precision"


def test_the_pipeline_is_asked_for_single_texts_and_for_batches(models: Models) -> None:
    system = load_pipeline(models[0], "classification", "cpu", 2)
    assert system.label_together and system.batch_size == 2
    alone: Any = [system.label([text]) for text in TEXTS]
    for answers in (system.label(TEXTS), system.label_together(TEXTS)):
        assert [answer["label"] for answer in answers] == [answer["label"] for (answer,) in alone]  # type: ignore[attr-defined]


def test_fp16_is_not_timed_without_a_gpu(models: Models) -> None:
    assert set(load_onnx(models[1], "student_int8", RuntimeParams(device="cpu"))) == {"student_onnx", "student_int8"}
    assert name_gpu("cpu", "CPUExecutionProvider") is None
    assert "torch does not see" in str(name_gpu("cpu", "CUDAExecutionProvider"))


@pytest.mark.parametrize("error", [RuntimeError("no memory\nat all"), IndexError("no memory"), MemoryError()])
def test_a_failing_model_is_named_in_one_line(error: Exception) -> None:
    reason = "no memory" if error.args else "MemoryError"
    with (
        pytest.raises(InputError, match=rf"^benchmark: toy cannot label the test texts \({reason}\)"),
        explain_failure("toy"),
    ):
        raise error


def test_answers_that_are_no_numbers_are_refused() -> None:
    check_answers("toy", np.array([[0.5, 0.5]]))
    check_answers("toy", [{"label": "positive", "score": 0.5}])
    with pytest.raises(InputError, match="toy answers NaN"):
        check_answers("toy", np.array([[0.5, np.nan]]))


def test_the_pipeline_of_a_tagger_groups_words(tmp_path_factory: pytest.TempPathFactory) -> None:
    student, folder = export_tiny_tagger(tmp_path_factory)
    usual: Any = load_pipeline(student, "token_classification", "cpu", 2).label(TEXTS[:2])
    ours: Any = wrap_student("student_onnx", load_onnx(folder, "student_onnx", RuntimeParams())["student_onnx"])
    assert [[(one["start"], one["end"], one["entity_group"]) for one in found] for found in usual] == [
        [one[:3] for one in found] for found in ours.label(TEXTS[:2])
    ]


def test_the_pipeline_of_several_labels_gives_the_probability_of_each(tmp_path_factory: pytest.TempPathFactory) -> None:
    student, folder = export_tiny_several(tmp_path_factory)
    usual: Any = load_pipeline(student, "multi_label", "cpu", 2).label(TEXTS[:2])
    ours: Any = load_onnx(folder, "student_onnx", RuntimeParams())["student_onnx"]
    scores = [[{one["label"]: one["score"] for one in found}[label] for label in ours.labels] for found in usual]
    np.testing.assert_allclose(scores, ours.predict_proba(TEXTS[:2]), atol=1e-5)
