"""Find out before a model is trained whether it can be exported: untrained as it is, it goes the whole way.

That takes seconds, and what it finds would otherwise show when the training is paid for.
"""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from onnxruntime.capi import onnxruntime_pybind11_state as failures

from distil.core.errors import InputError
from distil.encoders.bases import load_base
from distil.encoders.outputs import Outputs
from distil.encoders.torch_model import token_limit
from distil.export.onnx_graph import INPUTS, check_size, trace

OPSET = 20  # the first that has GELU as one operator
LAYERS = 2  # of a kind's layers, which are alike; each takes a second
BATCHES = (["a"], ["two words"], ["", "a text that is longer than others " * 4, "one more text"])  # of other shapes
MOST_DIFFERENCE = 1e-3  # of a logit, as a share of the largest one or of 1: what rounding does not reach
FAILURES = (  # of a model's code that the exporter runs in its own way, of the exporter, of ONNX Runtime
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    failures.Fail,
    failures.InvalidArgument,
    failures.InvalidGraph,
    failures.NotImplemented,
    failures.RuntimeException,
)


def rehearse_export(base: Path, outputs: Outputs) -> None:
    """Export a base and run the graph.

    Raises `InputError` if the base is of no use (see `load_base`) or too large, if the exporter cannot follow it, or if
    the graph gives other logits than torch.
    """
    model, tokenizer = load_base(base, outputs)
    check_size(model, base)
    cut = _cut_layers(model)
    fault = find_fault(model, tokenizer)
    if fault and cut:  # a kind may not do without its other layers
        fault = find_fault(*load_base(base, outputs))
    if fault:
        raise InputError(
            f"{base} is a {model.config.model_type}, which cannot be exported to ONNX ({fault}); name another base "
            "(docs/student.md lists kinds that work)"
        )


def find_fault(model: Any, tokenizer: Any) -> str | None:
    """Export a model, which then computes plainly, and run the graph; returns what is wrong, in one line."""
    try:
        difference = max(_compare(model, tokenizer))
    except FAILURES as error:
        return _in_one_line(error.__cause__ or error)
    if difference <= MOST_DIFFERENCE:
        return None
    return f"its graph gives logits that are off by {difference:.1g}"  # or are no numbers


def _cut_layers(model: Any) -> bool:
    """Take away all layers but the first ones, which tell the same in less time; returns whether there were more."""
    count, cut = getattr(model.config, "num_hidden_layers", 0), False
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, torch.nn.ModuleList) and len(child) == count > LAYERS:
                setattr(module, name, child[:LAYERS])
                model.config.num_hidden_layers, cut = LAYERS, True
    return cut


def _compare(model: Any, tokenizer: Any) -> Iterator[float]:
    """How far the graph is from the model, for each of the batches."""
    with contextlib.redirect_stderr(io.StringIO()):  # where the exporter prints a whole graph that it cannot follow
        graph = trace(model, tokenizer, OPSET)
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    names, limit = {entry.name for entry in session.get_inputs()}, token_limit(model, tokenizer)
    for texts in BATCHES:
        encoded = tokenizer(texts, padding=True, truncation=limit is not None, max_length=limit, return_tensors="pt")
        with torch.inference_mode():
            ours = model(**encoded).logits.numpy()
        (theirs,) = session.run(["logits"], {name: encoded[name].numpy() for name in INPUTS if name in names})
        yield float(np.abs(ours - theirs).max() / max(1, np.abs(ours).max()))


def _in_one_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
