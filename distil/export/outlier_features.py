"""Make an ONNX graph ready for int8: take the few features apart whose values are far larger than all others.

Encoders of BERT's kind have them (Kovaleva et al. 2021, "BERT Busters"): a handful of channels, most of all at the
first token, and in every text the same ones. Int8 has 255 steps from the least to the greatest value that a product
reads, so one such channel makes the steps of all the others coarse. Two remedies leave the graph's answers as they are:

- Divide the channel before the product, and multiply its weights instead, at the price of one multiplication.
  Source: SmoothQuant (Xiao et al. 2023), here for these channels alone: in 7 bits, weights have nothing to give away.
- Behind an activation function the weights of such channels are large too. Both products of the feed-forward layer
  leave these channels out, and a narrow pair beside them computes them in fp32.
  Source: LLM.int8() (Dettmers et al. 2022), here with channels that are known beforehand.

Which product gets one, and for how many channels, follows from the error that rounding would make: with steps of width
w it is w^2 / 12 in the mean square (Widrow 1956), in activations and in weights.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper

WORTH = 1 / 3  # a remedy is taken where it leaves so much of the product's error at most, since each takes time
MOST_SCALED, MOST_IN_FP32 = (
    32,
    16,
)  # channels of a product; the latter are as many floats as a register of AVX-512 holds
STEP = 0.9  # one more channel is kept in fp32 only where the error falls to this share
ACTIVATION_STEPS = 255
ZERO_AT_ZERO = {"Gelu", "Relu"}  # activation functions behind which a channel without weights is zero

Floats = NDArray[np.float64]
Feed = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Product:
    """Matrix products with weights that read the same activations; arrays are of shape (channels,).

    `weights`, of shape (channels, outputs), are those of all its `nodes` side by side. `high`, `low` and `square` are
    the greatest, the least and the mean square value of each channel.
    """

    nodes: Sequence[Any]
    weights: Floats
    high: Floats
    low: Floats
    square: Floats

    @property
    def largest(self) -> Floats:
        """The greatest absolute value of each channel."""
        return np.maximum(self.high, -self.low)

    def scaled(self, scale: Floats) -> "Product":
        """The same with each channel divided by its scale, and its weights multiplied."""
        return replace(
            self,
            weights=self.weights * scale[:, None],
            high=self.high / scale,
            low=self.low / scale,
            square=self.square / scale**2,
        )

    def without(self, channels: NDArray[np.intp]) -> "Product":
        """The same with these channels left out."""
        scale = np.ones(len(self.high))
        scale[channels] = 0
        return replace(
            self,
            weights=self.weights * scale[:, None],
            high=self.high * scale,
            low=self.low * scale,
            square=self.square * scale,
        )

    def error(self, weight_steps: int) -> float:
        """The mean square error of the outputs, summed over them, if activations and weights are rounded."""
        step = (max(0.0, self.high.max()) - min(0.0, self.low.min())) / ACTIVATION_STEPS
        weight_step = np.abs(self.weights).max(axis=0) / weight_steps
        return float(step**2 * (self.weights**2).sum() + (weight_step**2).sum() * self.square.sum()) / 12


def tame(model: Any, feeds: Sequence[Feed], weight_steps: int) -> list[str]:
    """Take the outlier features of a model apart, in place; returns the nodes to be left in fp32.

    `feeds` are inputs of the model, on which the features show; without any, nothing is changed. `weight_steps` is the
    greatest weight in int8: 127, or 63 where a bit is kept free. The answers stay the same but for rounding in fp32.
    """
    graph = _Graph(model.graph)
    unfit: list[str] = []
    for product in _observe(model, graph, feeds):
        layer = graph.feed_forward_before(product)
        if layer is None:
            _scale_down(graph, product, weight_steps)
        else:
            unfit += _keep_in_fp32(graph, product, layer, weight_steps)
    graph.write()
    return unfit


class _Graph:
    """A graph with its weights by name, and with nodes to be put before or after others."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph
        self.weights = {tensor.name: tensor for tensor in graph.initializer}
        self.maker = {name: node for node in graph.node for name in node.output}
        self.readers = Counter(name for node in graph.node for name in node.input)
        self.before: dict[str, list[Any]] = {}
        self.after: dict[str, list[Any]] = {}

    def array(self, name: str) -> NDArray[np.float32]:
        return numpy_helper.to_array(self.weights[name])

    def change(self, name: str, values: NDArray[np.floating]) -> None:
        self.weights[name].CopyFrom(numpy_helper.from_array(values.astype(np.float32), name))

    def add(self, name: str, values: NDArray[np.floating]) -> str:
        self.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values, dtype=np.float32), name))
        return name

    def products(self) -> dict[str, list[Any]]:
        """The products whose weights nothing else reads, by what they read."""
        found: dict[str, list[Any]] = {}
        for node in self.graph.node:
            if node.op_type == "MatMul" and self._is_own(node.input[1], 2):
                found.setdefault(node.input[0], []).append(node)
        return found

    def feed_forward_before(self, product: Product) -> tuple[Any, str, Any] | None:
        """Product, bias and activation function that make what this product alone reads; null if made otherwise."""
        function = self.maker.get(product.nodes[0].input[0])
        if len(product.nodes) > 1 or function is None or function.op_type not in ZERO_AT_ZERO:
            return None
        add = self.maker.get(function.input[0])
        if add is None or add.op_type != "Add":
            return None
        for summand, bias in (tuple(add.input), tuple(reversed(add.input))):
            first = self.maker.get(summand)
            if first is None or first.op_type != "MatMul" or not self._is_own(bias, 1):
                continue
            made = (summand, add.output[0], function.output[0])
            if self._is_own(first.input[1], 2) and all(self.readers[name] == 1 for name in made):
                return first, bias, function
        return None

    def write(self) -> None:
        """Put the new nodes into the graph."""
        nodes = list(self.graph.node)
        del self.graph.node[:]
        for node in nodes:
            self.graph.node.extend([*self.before.get(node.name, []), node, *self.after.get(node.name, [])])

    def _is_own(self, name: str, dimensions: int) -> bool:
        return name in self.weights and len(self.weights[name].dims) == dimensions and self.readers[name] == 1


def _observe(model: Any, graph: _Graph, feeds: Sequence[Feed]) -> list[Product]:
    """Run the model and see what its products read; nothing without feeds or products."""
    products = graph.products()
    if not feeds or not products:
        return []
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    probe.graph.output.extend(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in products)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # it would take values away
    session = onnxruntime.InferenceSession(probe.SerializeToString(), options, providers=["CPUExecutionProvider"])
    seen: dict[str, list[tuple[Floats, Floats, Floats]]] = {name: [] for name in products}
    for feed in feeds:
        for name, values in zip(products, session.run(list(products), feed), strict=True):
            rows = values.reshape(-1, values.shape[-1]).astype(np.float64)
            seen[name].append((rows.max(axis=0), rows.min(axis=0), (rows**2).mean(axis=0)))
    found = []
    for name, nodes in products.items():
        weights = np.concatenate([graph.array(node.input[1]) for node in nodes], axis=1).astype(np.float64)
        high, low, square = (np.stack(values) for values in zip(*seen[name], strict=True))
        found.append(Product(nodes, weights, high.max(axis=0), low.min(axis=0), square.mean(axis=0)))
    return found


def _scale_down(graph: _Graph, product: Product, weight_steps: int) -> None:
    """Divide the largest channels down to the largest of the others, where that is worth it."""
    largest = product.largest
    limits = np.sort(largest)[::-1][1 : MOST_SCALED + 1]
    scales = [np.maximum(1, largest / limit) for limit in limits if limit > 0]
    if not scales:
        return
    best = min(scales, key=lambda scale: product.scaled(scale).error(weight_steps))
    if product.scaled(best).error(weight_steps) > WORTH * product.error(weight_steps):
        return
    first = product.nodes[0]
    read = first.input[0]
    inverse = graph.add(f"{read}_inverse_scale", 1 / best)
    graph.before[first.name] = [_node("Mul", [read, inverse], f"{read}_scaled")]
    for node in product.nodes:
        graph.change(node.input[1], graph.array(node.input[1]) * best[:, None])
        node.input[0] = f"{read}_scaled"


def _keep_in_fp32(graph: _Graph, product: Product, layer: tuple[Any, str, Any], weight_steps: int) -> list[str]:
    """Compute the largest channels of a feed-forward layer beside it, if that is worth it; returns the new products."""
    order = np.argsort(-product.largest, kind="stable")
    best, error = 0, product.error(weight_steps)
    for count in range(1, min(MOST_IN_FP32, len(order) - 1) + 1):
        left = product.without(order[:count]).error(weight_steps)
        if left < STEP * error:
            best, error = count, left
    if error > WORTH * product.error(weight_steps):
        return []
    channels = np.sort(order[:best])
    first, bias, function = layer
    (second,) = product.nodes
    name, result = f"{product.nodes[0].input[0]}_few", second.output[0]
    into, shift, out = graph.array(first.input[1]), graph.array(bias), graph.array(second.input[1])
    narrow = onnx.NodeProto()
    narrow.CopyFrom(function)
    narrow.name, narrow.input[0], narrow.output[0] = f"{name}_function", f"{name}_sum", f"{name}_function"
    graph.before.setdefault(second.name, []).extend(
        [
            _node("MatMul", [first.input[0], graph.add(f"{name}_in", into[:, channels])], f"{name}_first"),
            _node("Add", [f"{name}_first", graph.add(f"{name}_bias", shift[channels])], f"{name}_sum"),
            narrow,
            _node("MatMul", [f"{name}_function", graph.add(f"{name}_out", out[channels])], f"{name}_second"),
        ]
    )
    second.output[0] = f"{name}_others"
    graph.after[second.name] = [
        helper.make_node("Add", [f"{name}_others", f"{name}_second"], [result], name=f"{name}_joined")
    ]
    kept = np.ones(len(order), dtype=np.float32)
    kept[channels] = 0
    graph.change(first.input[1], into * kept)
    graph.change(bias, shift * kept)
    graph.change(second.input[1], out * kept[:, None])
    return [f"{name}_first", f"{name}_second"]


def _node(kind: str, inputs: Sequence[str], output: str) -> Any:
    return helper.make_node(kind, inputs, [output], name=output)
