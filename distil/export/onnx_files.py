"""Export a student to ONNX in fp32, int8 and fp16, in a folder that the Hub's tools open unchanged.

    config.json  model.safetensors  tokenizer.json  tokenizer_config.json
    onnx/model.onnx  onnx/model_quantized.onnx  onnx/model_fp16.onnx

Batch and sequence length are free. Each ONNX file holds all of its weights and nothing but standard operators. The same
student gives the same bytes.
"""

import json
import logging
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers.float16 import convert_float_to_float16

from distil.core.errors import InputError
from distil.encoders.torch_model import load_classifier, load_tokenizer
from distil.export.outlier_features import Feed, tame

WEIGHTS = "model.safetensors"
FP32, INT8, FP16 = "onnx/model.onnx", "onnx/model_quantized.onnx", "onnx/model_fp16.onnx"
INPUTS = ("input_ids", "attention_mask", "token_type_ids")  # as the Hub's ONNX models name and order them
LARGEST_BYTES = 2**31 - 1  # of one protobuf file
EXAMPLES = ["a short text", "a text that is a little longer", "one more"]
HEADS_ON_THE_FIRST_TOKEN = {"bert", "camembert", "electra", "roberta", "xlm-roberta"}  # with layers built as BERT's
STANDARD = {"", "ai.onnx"}  # two names of ONNX's own domain of operators
Int8Target = Literal["portable", "vnni"]
LARGEST_WEIGHT: dict[Int8Target, int] = {"portable": 63, "vnni": 127}  # of int8, with 7 and with 8 bits


def copy_student(student: Path, folder: Path) -> None:
    """Copy weights, configuration and tokenizer, as other tools and older versions of transformers read them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", WEIGHTS, "tokenizer.json"):
        shutil.copyfile(student / name, folder / name)
    settings = json.loads((student / "tokenizer_config.json").read_text(encoding="utf-8"))
    if settings.get("tokenizer_class") == "TokenizersBackend":  # a name that transformers 5 alone knows
        settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    text = json.dumps(settings, indent=2, ensure_ascii=False) + "\n"
    (folder / "tokenizer_config.json").write_text(text, encoding="utf-8")


def export_fp32(student: Path, file: Path, opset: int) -> None:
    """Write the student's graph, from input_ids, attention_mask (and token_type_ids) to logits, as one ONNX file."""
    tokenizer, model = load_tokenizer(student), load_classifier(student).eval()
    if sum(weights.nbytes for weights in model.parameters()) > LARGEST_BYTES:
        raise InputError(f"{student}: a model of more than 2 GB does not fit into one ONNX file; train a smaller base")
    model.set_attn_implementation("eager")  # plain products and a softmax, which every runtime has
    _leave_out_what_no_head_reads(model)
    encoded = tokenizer(EXAMPLES, padding=True, return_tensors="pt")
    names = [name for name in INPUTS if name in encoded]
    free = {0: "batch", 1: "sequence"}
    with _quietly():
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
    _save(_strip(program.model_proto), file)


def feed_each(encoded: Mapping[str, Sequence[Sequence[int]]]) -> list[Feed]:
    """Return each of the texts that `TorchClassifier.encode` tokenized as inputs of the graph, of shape (1, tokens)."""
    columns = {name: [np.array([row]) for row in rows] for name, rows in encoded.items() if name in INPUTS}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def quantize_int8(
    fp32: Path, file: Path, target: Int8Target, feeds: Sequence[Feed], in_fp32: Sequence[str] = ()
) -> None:
    """Write a copy of an ONNX file with int8 weights, a scale for each channel; activations are quantized as they come.

    Outlier features, which `feeds` (see `feed_each`) bring to light, are taken apart first. Without VNNI, products of
    8-bit numbers overflow in 16 bits, so a portable file uses 7 bits of each weight. The nodes `in_fp32`, by their
    names, stay as they are.
    Source: https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
    """
    model = onnx.load(fp32)
    made_of_gemm = [f"{name}_MatMul" for name in in_fp32]  # what the quantizer calls the product in a Gemm
    with _quietly():
        quantize_dynamic(
            model,
            file,
            per_channel=True,
            reduce_range=target == "portable",
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[*tame(model, feeds, LARGEST_WEIGHT[target]), *in_fp32, *made_of_gemm],
        )
    _save(_strip(onnx.load(file)), file)


def convert_fp16(fp32: Path, file: Path) -> None:
    """Write a copy of an ONNX file that computes in fp16, for GPUs; inputs and logits keep their types."""
    with _quietly():
        model = convert_float_to_float16(onnx.load(fp32), keep_io_types=True)
    _save(_strip(model), file)


def check_onnx(file: Path) -> None:
    """Raise `InputError` if the file is not a valid ONNX model, keeps weights elsewhere, or needs special operators."""
    model = onnx.load(file, load_external_data=False)
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in model.graph.initializer):
        raise InputError(f"{file} keeps weights in another file; export it as one file")
    if special := sorted({entry.domain for entry in model.opset_import} - STANDARD):
        raise InputError(
            f"{file} needs operators of {', '.join(special)}, which few tools have; export it without them"
        )
    try:
        onnx.checker.check_model(str(file), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise InputError(f"{file} is not a valid ONNX model ({str(error).partition(chr(10))[0]})") from None


class _Logits(torch.nn.Module):
    """A classifier that takes its inputs in a fixed order and returns nothing but logits."""

    def __init__(self, model: Any, names: list[str]) -> None:
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.model(**dict(zip(self.names, inputs, strict=True))).logits


def _leave_out_what_no_head_reads(model: Any) -> None:
    """Let the last layer go on with the first token alone once its attention has read all: the head reads no other."""
    if model.config.model_type in HEADS_ON_THE_FIRST_TOKEN:
        mixed = model.base_model.encoder.layer[-1].attention.output
        mixed.register_forward_pre_hook(lambda _, inputs: tuple(hidden[:, :1] for hidden in inputs))


def _strip(model: Any) -> Any:
    """Drop shapes that the exporter noted, on which the quantizer fails, and notes on where in our folders code lay."""
    del model.graph.value_info[:]
    for part in (model, model.graph, *model.graph.node, *model.graph.input, *model.graph.output):
        del part.metadata_props[:]
    for part in (*model.graph.node, *model.graph.initializer):
        part.doc_string = ""
    return model


def _save(model: Any, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(model.SerializeToString(deterministic=True))


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep back the exporters' advice to their developers; errors still come as exceptions."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
