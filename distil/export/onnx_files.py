"""Export a student to ONNX in fp32, int8 and fp16, in a folder that the Hub's tools open unchanged.

    config.json  model.safetensors  tokenizer.json  tokenizer_config.json
    onnx/model.onnx  onnx/model_quantized.onnx  onnx/model_fp16.onnx

Batch and sequence length are free. Each ONNX file holds all of its weights and nothing but standard operators. The same
student gives the same bytes.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers.float16 import convert_float_to_float16

from distil.core.errors import InputError
from distil.encoders.torch_model import load_classifier, load_tokenizer
from distil.export.onnx_graph import INPUTS, check_size, quietly, save, strip, trace
from distil.export.outlier_features import Feed, tame
from distil.export.params import Int8Target

WEIGHTS = "model.safetensors"
FP32, INT8, FP16 = "onnx/model.onnx", "onnx/model_quantized.onnx", "onnx/model_fp16.onnx"
STANDARD = {"", "ai.onnx"}  # two names of ONNX's own domain of operators
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
    model = load_classifier(student)
    check_size(model, student)
    save(trace(model, load_tokenizer(student), opset), file)


def feed_each(encoded: Mapping[str, Sequence[Sequence[int]]]) -> list[Feed]:
    """Return each row that `make_inputs` of a student in torch gives as inputs of the graph, of shape (1, tokens)."""
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
    with quietly():
        quantize_dynamic(
            model,
            file,
            per_channel=True,
            reduce_range=target == "portable",
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[*tame(model, feeds, LARGEST_WEIGHT[target]), *in_fp32, *made_of_gemm],
        )
    save(strip(onnx.load(file)), file)


def convert_fp16(fp32: Path, file: Path) -> None:
    """Write a copy of an ONNX file that computes in fp16, for GPUs; inputs and logits keep their types."""
    with quietly():
        model = convert_float_to_float16(onnx.load(fp32), keep_io_types=True)
    save(strip(model), file)


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
