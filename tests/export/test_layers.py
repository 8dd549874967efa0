"""Which layers a graph has, which of them int8 hurts most, and that those named stay in fp32."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from tiny_export import export_hard_student, export_tiny_student
from tiny_model import TEXTS

from distil.encoders.torch_model import TorchClassifier
from distil.export.layers import list_layers, measure_change, rank_layers
from distil.export.onnx_files import FP32, INT8, feed_each, quantize_int8


def test_every_node_with_weights_is_in_the_layer_that_the_parameters_tell(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    layers = list_layers(onnx.load(export_hard_student(tmp_path_factory)[1] / FP32))
    sizes = {name: len(nodes) for name, nodes in layers.items()}
    assert sizes == {"embeddings": 3, "layer 0": 6, "layer 1": 6, "head": 2}


def test_layers_that_are_named_stay_in_fp32_and_no_others(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    for folder in (export_hard_student(tmp_path_factory)[1], export_tiny_student(tmp_path_factory, "roberta")[1]):
        layers = list_layers(onnx.load(folder / FP32))
        everything = [node for nodes in layers.values() for node in nodes]
        quantize_int8(folder / FP32, tmp_path / "none.onnx", "portable", [], everything)
        assert count_int8(tmp_path / "none.onnx") == 0
        quantize_int8(folder / FP32, tmp_path / "most.onnx", "portable", [], layers["head"])
        assert count_int8(folder / INT8) - count_int8(tmp_path / "most.onnx") == len(layers["head"]) == 2


def count_int8(file: Path) -> int:
    """Matrices of weights in int8, or in uint8 as embeddings are."""
    kinds = (onnx.TensorProto.INT8, onnx.TensorProto.UINT8)
    return sum(tensor.data_type in kinds and len(tensor.dims) == 2 for tensor in onnx.load(file).graph.initializer)


def test_the_layer_that_int8_hurts_comes_first(tmp_path_factory: pytest.TempPathFactory) -> None:
    student, folder = export_hard_student(tmp_path_factory)
    ranked = rank_layers(folder / FP32, "portable", feed_each(TorchClassifier(student, "cpu").encode(TEXTS)))
    assert set(ranked) == {"embeddings", "layer 0", "layer 1", "head"}
    assert next(iter(ranked)) == "head"


def test_a_change_that_all_labels_share_is_none_and_what_is_no_number_is_the_largest() -> None:
    logits = np.array([[0.0, 1.0], [2.0, 3.0]])
    assert measure_change(logits + 5, logits) == 0
    assert measure_change(logits + 5, logits, one_applies=False) == 5, "of several labels each applies by itself"
    assert measure_change(logits + np.array([[0, 2], [0, 0]]), logits) == pytest.approx(np.sqrt(2 / 4))
    assert measure_change(logits * np.nan, logits) == np.inf
