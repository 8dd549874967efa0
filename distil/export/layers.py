"""Find the layers of an ONNX graph whose rounding to int8 costs most.

A layer is a layer of the encoder, its embeddings or its head: the nodes whose weights `quantize_int8` would round,
under the name that the parameters near them tell.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from distil.core.params import Kind
from distil.export.onnx_files import quantize_int8
from distil.export.outlier_features import Feed
from distil.export.params import Int8Target

ROUNDED = {"MatMul": 1, "Gemm": 1, "Gather": 0, "Conv": 1}  # which input of an operator holds its weights
HEAD = "head"
NUMBERED = re.compile(r"(?:^|[._])(?:layers?|blocks?|h)\.(\d+)\.")  # as transformers names the layers of its encoders
Floats = NDArray[np.float64]


def list_layers(model: Any) -> dict[str, list[str]]:
    """The nodes with weights by layer, in the graph's order: embeddings, layer 0 and up, head.

    The exporter names parameters but not the matrices that it transposed. The bias that is added to a product tells its
    layer, and without one the parameter that the graph read last.
    """
    weights = {tensor.name: len(tensor.dims) for tensor in model.graph.initializer if _is_float(tensor)}
    readers = {name: node for node in model.graph.node for name in node.input}
    layers: dict[str, list[str]] = {}
    latest = ""
    for node in model.graph.node:
        own = _find_named(node, weights)
        latest = own or latest
        place = ROUNDED.get(node.op_type)
        if place is not None and weights.get(node.input[place], 0) > 1:
            told = own or _find_named(readers.get(node.output[0]), weights) or latest
            layers.setdefault(_name_layer(told) if told else node.name, []).append(node.name)
    return layers


def rank_layers(
    fp32: Path, target: Int8Target, feeds: Sequence[Feed], kind: Kind = "classification"
) -> dict[str, list[str]]:
    """The layers of a file, the costliest first: each is rounded alone, and what that does to the logits is measured.

    Of the change to the logits of `feeds` (see `feed_each`) it is the root mean square, less the mean over the labels
    (or tags), which changes no label where one of them applies. A layer whose rounding gives no numbers comes first of
    all.
    """
    layers = list_layers(onnx.load(fp32))
    exact, one_applies = _run(fp32, feeds), kind != "multi_label"
    costs = {}
    with TemporaryDirectory() as place:
        file = Path(place) / "one.onnx"
        for name in layers:
            others = [node for other, nodes in layers.items() if other != name for node in nodes]
            quantize_int8(fp32, file, target, feeds, others)
            costs[name] = measure_change(_run(file, feeds), exact, one_applies)
    return {name: layers[name] for name in sorted(layers, key=lambda name: -costs[name])}


def measure_change(logits: Floats, exact: Floats, one_applies: bool = True) -> float:
    """Root mean square of the change of logits, of shape (rows, labels); infinite where one is no number.

    Where one of the labels applies, the mean over them counts for nothing.
    """
    change = logits - exact
    mean = change.mean(axis=1, keepdims=True) if one_applies else 0.0
    size = float(np.sqrt(((change - mean) ** 2).mean()))
    return size if np.isfinite(size) else np.inf


def _run(file: Path, feeds: Sequence[Feed]) -> Floats:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    logits = [session.run(["logits"], feed)[0] for feed in feeds]  # of a tagger of shape (1, tokens, tags)
    return np.concatenate([rows.reshape(-1, rows.shape[-1]) for rows in logits]).astype(np.float64)


def _find_named(node: Any, weights: Mapping[str, int]) -> str | None:
    """The parameter among what a node reads, if it reads one under its own name."""
    return next((name for name in (node.input if node else ()) if name in weights and "." in name), None)


def _name_layer(parameter: str) -> str:
    if numbered := NUMBERED.search(parameter):
        return f"layer {numbered[1]}"
    return "embeddings" if "embed" in parameter else HEAD


def _is_float(tensor: Any) -> bool:
    return bool(tensor.data_type == onnx.TensorProto.FLOAT)
