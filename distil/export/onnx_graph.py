"""Write a classifier's graph as one ONNX file: free in batch and length, all weights in it, standard operators only."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from distil.core.errors import InputError
from distil.encoders.heads import LIKE_BERT
from distil.encoders.outputs import PER_TOKEN

INPUTS = ("input_ids", "attention_mask", "token_type_ids")  # as the Hub's ONNX models name and order them
LARGEST_BYTES = 2**31 - 1  # of one protobuf file
EXAMPLES = ["a short text", "a text that is a little longer", "one more"]


def trace(model: Any, tokenizer: Any, opset: int) -> Any:
    """Return the ONNX graph of a classifier, from input_ids, attention_mask (and token_type_ids) to logits.

    The model computes the same afterwards, but plainly, and no more than the graph needs.
    """
    model.eval().set_attn_implementation("eager")  # plain products and a softmax, which every runtime has
    model.config.use_cache = False
    _leave_out_what_no_head_reads(model)
    encoded = tokenizer(EXAMPLES, padding=True, return_tensors="pt")
    names = [name for name in INPUTS if name in encoded]
    free = {0: "batch", 1: "sequence"}
    with quietly():
        program: Any = torch.onnx.export(
            _Logits(model, names),
            tuple(encoded[name] for name in names),
            input_names=names,
            output_names=["logits"],
            dynamic_shapes=(tuple(free for _ in names),),
            opset_version=opset,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    return strip(program.model_proto)


def check_size(model: Any, name: Path) -> None:
    """Raise `InputError` if the weights do not fit into one file."""
    if sum(weights.nbytes for weights in model.parameters()) > LARGEST_BYTES:
        raise InputError(f"{name}: a model of more than 2 GB does not fit into one ONNX file; train a smaller base")


def strip(model: Any) -> Any:
    """Drop shapes that the exporter noted, on which the quantizer fails, and notes on where in our folders code lay."""
    del model.graph.value_info[:]
    for part in (model, model.graph, *model.graph.node, *model.graph.input, *model.graph.output):
        del part.metadata_props[:]
    for part in (*model.graph.node, *model.graph.initializer):
        part.doc_string = ""
    return model


def save(model: Any, file: Path) -> None:
    """Write a graph; the same graph gives the same bytes."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(model.SerializeToString(deterministic=True))


@contextmanager
def quietly() -> Iterator[None]:
    """Keep back the exporters' advice to their developers; errors still come as exceptions."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


class _Logits(torch.nn.Module):
    """A classifier that takes its inputs in a fixed order and returns nothing but logits."""

    def __init__(self, model: Any, names: list[str]) -> None:
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.model(**dict(zip(self.names, inputs, strict=True))).logits


def _leave_out_what_no_head_reads(model: Any) -> None:
    """Let the last layer go on with the first token alone once its attention has read all: the head reads no other.

    The head of a tagger reads every token.
    """
    if model.config.model_type in LIKE_BERT and not type(model).__name__.endswith(PER_TOKEN):
        mixed = model.base_model.encoder.layer[-1].attention.output
        mixed.register_forward_pre_hook(lambda _, inputs: tuple(hidden[:, :1] for hidden in inputs))
