import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from conftest import Project
from tiny_export import LABELS, OPSET, export_tiny_student
from tiny_model import Kind
from toy_rows import make_rows, make_texts

from distil.errors import InputError
from distil.metrics import read_metrics
from distil.onnx_export import FP32, INT8, check_onnx, copy_student, quantize_int8
from distil.rows import TRAIN, write_rows
from stages.export import ExportParams, check_limits, main, measure_agreement

SETTINGS = {"int8_target": "portable", "opset": OPSET, "max_logit_difference": 1e-4, "min_int8_agreement": 0.5}
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
    quantize_int8(folder / FP32, tmp_path / "vnni.onnx", "vnni")
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


def run_stage(project: Project, student: Path, rows: int = len(ROWS)) -> Path:
    folder = project(export=SETTINGS)
    write_rows(folder / "validation.parquet", TRAIN, ROWS.iloc[:rows])
    main(student, folder / "validation.parquet", folder / "onnx", folder / "export.json")
    return folder


def test_stage(project: Project, tmp_path_factory: pytest.TempPathFactory, capfd: pytest.CaptureFixture[str]) -> None:
    student, exported = export_tiny_student(tmp_path_factory)
    capfd.readouterr()
    folder = run_stage(project, student)
    metrics = read_metrics(folder / "export.json")
    assert metrics["opset"] == OPSET
    assert metrics["rows"] == len(ROWS)
    assert metrics["fp32"]["max_logit_difference"] < 1e-4
    assert metrics["fp32"]["megabytes"] == pytest.approx((folder / "onnx" / FP32).stat().st_size / 1e6, rel=1e-4)
    assert metrics["int8"]["target"] == "portable"
    assert 0 < metrics["int8"]["max_logit_difference"] < 0.5
    assert 0.5 <= metrics["int8"]["agreement_with_fp32"] <= 1
    for file in (FP32, INT8):  # the same student gives the same bytes
        assert (folder / "onnx" / file).read_bytes() == (exported / file).read_bytes()
    out, err = capfd.readouterr()
    assert out.startswith("export: fp32 within ")
    assert "20 validation rows" in out
    assert out.count("\n") == 1
    assert err == ""


def test_variants_beyond_the_limits_are_refused() -> None:
    params = ExportParams(int8_target="portable", opset=20, max_logit_difference=1e-3, min_int8_agreement=0.97)
    check_limits(1e-3, 0.97, params)
    check_limits(1e-6, None, params)
    for difference in (2e-3, float("nan")):
        with pytest.raises(InputError, match=r"by up to (0\.002|nan), more than export\.max_logit_difference = 0\.001"):
            check_limits(difference, 1.0, params)
    with pytest.raises(
        InputError, match=r"on 0\.9600 of the validation rows, less than export\.min_int8_agreement = 0\.97"
    ):
        check_limits(1e-6, 0.96, params)


def test_agreement_of_no_rows_is_not_known() -> None:
    logits = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert measure_agreement(logits, logits[::-1]) == 0
    assert measure_agreement(logits, logits + 1) == 1
    assert measure_agreement(logits[:0], logits[:0]) is None
