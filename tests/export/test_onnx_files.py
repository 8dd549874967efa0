import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from conftest import Project
from tiny_export import LABELS, OPSET, export_tiny_student
from tiny_model import Kind
from toy_rows import make_rows, make_texts

from distil.classifiers.onnx_classifier import OnnxClassifier
from distil.core.errors import InputError
from distil.core.metrics import read_details, read_metrics
from distil.core.tables import TRAIN, write_rows
from distil.export.onnx_files import FP16, FP32, INT8, WEIGHTS, check_onnx, convert_fp16, copy_student, quantize_int8
from stages.export import PROBES, ExportParams, check_limits, compare, main

SETTINGS: dict[str, Any] = {
    "int8_target": "portable",
    "fp16": True,
    "opset": OPSET,
    "max_logit_difference": 1e-4,
    "min_label_agreement": 0.5,
}
ROWS = make_rows(make_texts()[:20])


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        ("bert", ["input_ids", "attention_mask", "token_type_ids"]),
        ("roberta", ["input_ids", "attention_mask"]),
    ],
)
def test_graph_is_named_as_the_hub_names_it(
    tmp_path_factory: pytest.TempPathFactory, kind: Kind, inputs: list[str]
) -> None:
    _, folder = export_tiny_student(tmp_path_factory, kind)
    for file in (FP32, INT8):
        session = onnxruntime.InferenceSession(folder / file, providers=["CPUExecutionProvider"])
        assert [entry.name for entry in session.get_inputs()] == inputs
        assert {tuple(entry.shape) for entry in session.get_inputs()} == {("batch", "sequence")}
        assert [(entry.name, entry.shape) for entry in session.get_outputs()] == [("logits", ["batch", len(LABELS)])]


def test_folder_is_laid_out_as_the_hub_has_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    _, folder = export_tiny_student(tmp_path_factory)
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", FP32, INT8}
    config = json.loads((folder / "config.json").read_text())
    assert {"architectures", "id2label", "label2id", "max_position_embeddings"} <= config.keys()


def test_file_holds_the_opset_asked_for_and_nothing_of_this_machine(tmp_path_factory: pytest.TempPathFactory) -> None:
    _, folder = export_tiny_student(tmp_path_factory)
    for file in (FP32, INT8):
        check_onnx(folder / file)
        assert [(entry.domain, entry.version) for entry in onnx.load(folder / file).opset_import] == [("", OPSET)]
        assert b"site-packages" not in (folder / file).read_bytes()


def test_portable_int8_keeps_a_bit_free_and_has_a_scale_for_each_channel(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    _, folder = export_tiny_student(tmp_path_factory)
    quantize_int8(folder / FP32, tmp_path / "vnni.onnx", "vnni", [])
    largest = {}
    for name, file in (("portable", folder / INT8), ("vnni", tmp_path / "vnni.onnx")):
        tensors = onnx.load(file).graph.initializer
        weights = [
            onnx.numpy_helper.to_array(tensor) for tensor in tensors if tensor.data_type == onnx.TensorProto.INT8
        ]
        largest[name] = max(int(np.abs(weight.astype(int)).max()) for weight in weights if weight.ndim == 2)
        scales = [onnx.numpy_helper.to_array(tensor) for tensor in tensors if tensor.name.endswith("_scale")]
        assert max(scale.size for scale in scales) > 1
    assert largest["portable"] <= 64 < largest["vnni"]


def test_tokenizer_class_that_only_transformers_5_knows(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    student, _ = export_tiny_student(tmp_path_factory)
    copy_student(student, tmp_path / "one")
    settings = {"tokenizer_class": "TokenizersBackend", "model_max_length": 64}
    (tmp_path / "one/tokenizer_config.json").write_text(json.dumps(settings))
    copy_student(tmp_path / "one", tmp_path / "two")
    assert json.loads((tmp_path / "two/tokenizer_config.json").read_text()) == {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": 64,
    }


def test_weights_in_another_file_are_refused(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    _, folder = export_tiny_student(tmp_path_factory)
    file = tmp_path / "model.onnx"
    onnx.save(onnx.load(folder / FP32), file, save_as_external_data=True, location="model.onnx.data", size_threshold=0)
    with pytest.raises(InputError, match="keeps weights in another file"):
        check_onnx(file)


def test_graph_that_cannot_run_is_refused(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    _, folder = export_tiny_student(tmp_path_factory)
    model = onnx.load(folder / FP32)
    del model.graph.node[5]
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match="is not a valid ONNX model") as error:
        check_onnx(tmp_path / "model.onnx")
    assert "\n" not in str(error.value)


def test_graph_with_operators_of_one_runtime_is_refused(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    model = onnx.load(export_tiny_student(tmp_path_factory)[1] / FP32)
    model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(InputError, match=r"model\.onnx needs operators of com\.microsoft"):
        check_onnx(tmp_path / "model.onnx")


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_last_layer_goes_on_with_the_first_token_alone(tmp_path_factory: pytest.TempPathFactory, kind: Kind) -> None:
    _, folder = export_tiny_student(tmp_path_factory, kind)
    model = onnx.load(folder / FP32)
    inside = [node.output[0] for node in model.graph.node if node.op_type == "Gelu"]  # one a layer
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in inside)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    inputs = {entry.name: np.ones((3, 7), np.int64) for entry in session.get_inputs()}
    assert [values.shape[:2] for values in session.run(inside, inputs)] == [(3, 7), (3, 1)]


def test_fp16_takes_half_the_room_and_answers_in_fp32(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    _, exported = export_tiny_student(tmp_path_factory)
    shutil.copytree(exported, tmp_path / "copy")
    convert_fp16(exported / FP32, tmp_path / "copy" / FP16)
    check_onnx(tmp_path / "copy" / FP16)
    assert (tmp_path / "copy" / FP16).stat().st_size < 0.65 * (exported / FP32).stat().st_size
    texts = make_texts()
    fp16, fp32 = (OnnxClassifier(tmp_path / "copy", file, device="cpu").predict_logits(texts) for file in (FP16, FP32))
    assert fp16.dtype == np.float32
    assert 0 < np.abs(fp16 - fp32).max() < 0.01


def run_stage(project: Project, student: Path, rows: int = len(ROWS), **changes: object) -> Path:
    folder = project(export=SETTINGS | changes)
    write_rows(folder / "validation.parquet", TRAIN, ROWS.iloc[:rows])
    main(student, folder / "validation.parquet", folder / "onnx", folder / "export.json")
    return folder


def test_stage(project: Project, tmp_path_factory: pytest.TempPathFactory, capfd: pytest.CaptureFixture[str]) -> None:
    student, exported = export_tiny_student(tmp_path_factory)
    capfd.readouterr()
    folder = run_stage(project, student)
    metrics = read_details(folder / "export.json")
    shown = {"int8": {"agreement_with_fp32": metrics["int8"]["agreement_with_fp32"]}}
    assert read_metrics(folder / "export.json") == shown | {"details": [metrics]}
    assert metrics["opset"] == OPSET
    assert metrics["rows"] == len(ROWS)
    assert metrics["fp32"]["max_logit_difference"] < 1e-4
    assert metrics["fp32"]["agreement_with_torch"] == 1
    assert metrics["fp32"]["megabytes"] == pytest.approx((folder / "onnx" / FP32).stat().st_size / 1e6, rel=1e-4)
    assert metrics["torch"]["megabytes"] == pytest.approx((folder / "onnx" / WEIGHTS).stat().st_size / 1e6, rel=1e-4)
    assert metrics["int8"]["target"] == "portable"
    assert 0 < metrics["int8"]["max_logit_difference"] < 0.5
    assert 0 < metrics["fp16"]["max_logit_difference"] < 0.01
    for name in ("int8", "fp16"):
        assert 0.5 <= metrics[name]["agreement_with_fp32"] <= 1
    labels = OnnxClassifier(folder / "onnx", INT8, device="cpu").predict(ROWS["text"])
    assert metrics["int8"]["teacher_agreement"] == pytest.approx((ROWS["label"] == labels).mean(), abs=0.051)
    for file in (FP32, INT8):  # the same student gives the same bytes
        assert (folder / "onnx" / file).read_bytes() == (exported / file).read_bytes()
    out, err = capfd.readouterr()
    assert out.startswith("export: fp32 within ")
    assert "20 validation rows" in out
    assert out.count("\n") == 1
    assert err == ""


def test_stage_that_fails_leaves_no_folder_that_looks_done(
    project: Project, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    student, _ = export_tiny_student(tmp_path_factory)
    with pytest.raises(InputError, match=r"by up to .*, more than export\.max_logit_difference = 1e-12"):
        run_stage(project, student, fp16=False, max_logit_difference=1e-12)
    assert sorted(path.name for path in tmp_path.iterdir() if "onnx" in path.name or "export" in path.name) == []


def test_variants_beyond_the_limits_are_refused() -> None:
    params = ExportParams(**SETTINGS | {"max_logit_difference": 1e-3, "min_label_agreement": 0.97})

    def check(difference: float, agreement: float | None, rows: int = 100, reduced_by: float = 0.2) -> None:
        reduced = {"agreement_with_fp32": agreement, "max_logit_difference": reduced_by}
        found: dict[str, dict[str, Any]] = {"torch": {}, "fp32": {"max_logit_difference": difference}, "int8": reduced}
        check_limits(found, rows, params)

    check(1e-3, 0.97)
    check(1e-6, None, rows=0)
    check(1e-6, 19 / 20, rows=20)  # a single row of few
    for difference in (2e-3, float("nan")):
        with pytest.raises(InputError, match=r"by up to (0\.002|nan), more than export\.max_logit_difference = 0\.001"):
            check(difference, 1.0)
    for difference in (float("nan"), float("inf")):
        with pytest.raises(InputError, match=r"^export: int8 answers what is no number.*export\.int8_target"):
            check(1e-6, None, rows=0, reduced_by=difference)
    with pytest.raises(
        InputError,
        match=r"int8 .* on 0\.9600 of the validation rows, less than export\.min_label_agreement = 0\.97",
    ):
        check(1e-6, 0.96)
    with pytest.raises(InputError, match=r"on 0\.9000 of the validation rows"):
        check(1e-6, 18 / 20, rows=20)


def test_comparison_is_told_from_labels_and_from_all_logits() -> None:
    torch_logits = np.zeros((len(PROBES) + 3, 2), np.float32)
    torch_logits[:, 1] = 1
    fp32, int8 = torch_logits.copy(), torch_logits.copy()
    fp32[0, 0] = 0.5  # on a probe
    int8[-1, 0] = 2  # on the last row, where it turns the label
    found = compare({"torch": torch_logits, "fp32": fp32, "int8": int8}, np.array([1, 0, 1]))
    assert found["torch"] == {"teacher_agreement": pytest.approx(2 / 3)}
    assert found["fp32"] == {
        "teacher_agreement": pytest.approx(2 / 3),
        "agreement_with_torch": 1,
        "max_logit_difference": 0.5,
    }
    assert found["int8"] == {
        "teacher_agreement": pytest.approx(1 / 3),
        "agreement_with_fp32": pytest.approx(2 / 3),
        "max_logit_difference": 2,
    }


def test_agreement_of_no_rows_is_not_known() -> None:
    nothing = np.zeros((len(PROBES), 2), np.float32)
    found = compare({"torch": nothing, "fp32": nothing, "int8": nothing}, np.zeros(0, np.intp))
    assert found["torch"]["teacher_agreement"] is found["int8"]["agreement_with_fp32"] is None
