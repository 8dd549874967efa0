from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from distil.export.outlier_features import tame

CHANNELS, INNER, STEPS = 24, 48, 63
Floats = NDArray[np.float32]


def make_layer(
    inputs: float = 1, inner: float = 0, function: str = "Gelu", shared: bool = False
) -> tuple[Any, list[dict[str, Floats]]]:
    """A feed-forward layer and inputs for it; a channel of what it reads and one inside can be made large."""
    rng = np.random.default_rng(0)
    weights = {
        "scale": np.where(np.arange(CHANNELS) == 3, inputs, 1.0),
        "w1": rng.normal(size=(CHANNELS, INNER)) / np.where(np.arange(CHANNELS) == 3, inputs, 1)[:, None],
        "b1": np.where(np.arange(INNER) == 5, inner, 0.1),
        "w2": rng.normal(size=(INNER, CHANNELS)),
        "b2": rng.normal(size=CHANNELS),
    }
    nodes = [
        helper.make_node("Mul", ["x", "scale"], ["read"], name="mul"),
        helper.make_node("MatMul", ["read", "w1"], ["first"], name="first"),
        helper.make_node("Add", ["first", "b1"], ["sum"], name="sum"),
        helper.make_node(function, ["sum"], ["inside"], name="inside"),
        helper.make_node("MatMul", ["inside", "w2"], ["second"], name="second"),
        helper.make_node("Add", ["second", "b2"], ["y"], name="y"),
    ]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", CHANNELS])]
    if shared:
        nodes += [
            helper.make_node("MatMul", ["y", "w1"], ["z1"], name="z1"),
            helper.make_node("MatMul", ["z1", "w2"], ["z"], name="z"),
        ]
        outputs += [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["rows", CHANNELS])]
    graph = helper.make_graph(
        nodes,
        "layer",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", CHANNELS])],
        outputs,
        [numpy_helper.from_array(values.astype(np.float32), name) for name, values in weights.items()],
    )
    feeds = [{"x": rng.normal(size=(50, CHANNELS)).astype(np.float32)} for _ in range(3)]
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), feeds


def run(model: Any, feed: dict[str, Floats]) -> Floats:
    answers: list[Floats] = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    ).run(["y"], feed)
    return answers[0]


def round_to_int8(model: Any, unfit: list[str], file: Path) -> Any:
    quantize_dynamic(
        model, file, per_channel=True, reduce_range=True, weight_type=QuantType.QInt8, nodes_to_exclude=unfit
    )
    return onnx.load(file)


@pytest.mark.parametrize(
    ("large", "function", "added"),
    [
        ({"inputs": 40}, "Gelu", ["Mul"]),
        ({"inner": 60}, "Gelu", ["MatMul", "Add", "Gelu", "MatMul", "Add"]),
        ({"inner": 60}, "Relu", ["MatMul", "Add", "Relu", "MatMul", "Add"]),
        ({"inputs": 40, "inner": 60}, "Gelu", ["Mul", "MatMul", "Add", "Gelu", "MatMul", "Add"]),
    ],
)
def test_answers_stay_and_int8_errs_less(
    large: dict[str, float], function: str, added: list[str], tmp_path: Path
) -> None:
    model, feeds = make_layer(**large, function=function)  # type: ignore[arg-type]
    right = run(model, feeds[0])
    plain = run(round_to_int8(model, [], tmp_path / "plain.onnx"), feeds[0])
    before = [node.op_type for node in model.graph.node]
    unfit = tame(model, feeds, STEPS)
    onnx.checker.check_model(model, full_check=True)
    after = [node.op_type for node in model.graph.node]
    assert sorted(after) == sorted(before + added)
    np.testing.assert_allclose(run(model, feeds[0]), right, atol=1e-4)
    tamed = run(round_to_int8(model, unfit, tmp_path / "tamed.onnx"), feeds[0])
    assert np.square(tamed - right).mean() < np.square(plain - right).mean() / 3


def test_only_the_narrow_products_stay_in_fp32() -> None:
    model, feeds = make_layer(inner=60)
    unfit = tame(model, feeds, STEPS)
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    narrow = [arrays[node.input[1]] for node in model.graph.node if node.name in unfit]
    left_out = np.flatnonzero(~arrays["w2"].any(axis=1))
    assert 5 in left_out
    assert [values.shape for values in narrow] == [(CHANNELS, len(left_out)), (len(left_out), CHANNELS)]
    assert not arrays["w1"][:, left_out].any() and not arrays["b1"][left_out].any()


@pytest.mark.parametrize("options", [{}, {"inputs": 40, "inner": 60, "shared": True}], ids=["no outliers", "shared"])
def test_a_graph_is_left_as_it_is(options: dict[str, Any]) -> None:
    model, feeds = make_layer(**options)
    before = model.SerializeToString(deterministic=True)
    assert tame(model, feeds, STEPS) == []
    assert model.SerializeToString(deterministic=True) == before


def test_without_inputs_nothing_is_known_and_nothing_done() -> None:
    model, _ = make_layer(inputs=40, inner=60)
    before = model.SerializeToString(deterministic=True)
    assert tame(model, [], STEPS) == []
    assert model.SerializeToString(deterministic=True) == before


def test_the_rounding_error_is_told_beforehand(tmp_path: Path) -> None:
    """What `Product.error` reckons is what quantization then does, within a factor of two."""
    from distil.export.outlier_features import _Graph, _observe

    model, feeds = make_layer(inner=20)
    wide = {"x": np.concatenate([feed["x"] for feed in feeds])}
    expected = sum(product.error(STEPS) for product in _observe(model, _Graph(model.graph), [wide])[1:]) / CHANNELS
    right = run(model, wide)
    found = np.square(run(round_to_int8(model, [first_product(model)], tmp_path / "m.onnx"), wide) - right).mean()
    assert expected / 2 < found < 2 * expected


def first_product(model: Any) -> str:
    return str(next(node.name for node in model.graph.node if node.op_type == "MatMul"))
