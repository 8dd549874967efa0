import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from tiny_export import LABELS, OPSET, export_tiny_student
from tiny_model import Kind
from toy_rows import make_rows, make_texts

from distil.classifiers.onnx_classifier import OnnxClassifier
from distil.core.errors import InputError
from distil.export.onnx_files import FP16, FP32, INT8, check_onnx, convert_fp16, copy_student, quantize_int8

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
