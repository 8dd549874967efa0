"""Export: turn the student into ONNX files that give its answers, and prove that they do.

Reads the student and the validation rows, writes a folder that the Hub's tools open. The stage fails where fp32 strays
from torch or int8 from fp32 by more than the params allow.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from distil.classifier import OnnxClassifier
from distil.command import run
from distil.errors import InputError
from distil.metrics import write_metrics
from distil.onnx_export import FP32, INT8, Int8Target, check_onnx, copy_student, export_fp32, quantize_int8
from distil.params import Number, Params, load_params
from distil.rows import TRAIN, read_rows
from distil.runtime import RuntimeParams
from distil.torch_model import TorchClassifier, use_threads

PROBES = ["", "a", "!", "Ünï 漢字 🙂", "two words", "a longer text beside shorter ones " * 3, "more than fits " * 4000]


class ExportParams(Params):
    """What to build, and how far it may stray."""

    int8_target: Int8Target
    opset: int = Field(ge=18)
    max_logit_difference: Number = Field(gt=0)
    min_int8_agreement: Number = Field(ge=0, le=1)


def main(student: Path, validation: Path, onnx: Path, metrics: Path) -> None:
    """Write the folder `onnx` and compare torch, fp32 and int8 on the validation texts and on a few hard ones."""
    params = load_params("export", ExportParams)
    runtime = load_params("runtime", RuntimeParams)
    texts = PROBES + read_rows(validation, TRAIN)["text"].to_list()
    use_threads(runtime.threads)
    copy_student(student, onnx)
    export_fp32(student, onnx / FP32, params.opset)
    quantize_int8(onnx / FP32, onnx / INT8, params.int8_target)
    for file in (FP32, INT8):
        check_onnx(onnx / file)
    torch_logits = TorchClassifier(student, device="cpu").predict_logits(texts)
    fp32, int8 = (  # another batch size, so that texts are padded in another way
        OnnxClassifier(onnx, file, runtime.threads, "cpu", batch_size=5).predict_logits(texts) for file in (FP32, INT8)
    )
    difference = float(np.abs(fp32 - torch_logits).max())
    agreement = measure_agreement(fp32[len(PROBES) :], int8[len(PROBES) :])
    check_limits(difference, agreement, params)
    write_metrics(
        metrics,
        {
            "opset": params.opset,
            "fp32": {"megabytes": _megabytes(onnx / FP32), "max_logit_difference": difference},
            "int8": {
                "megabytes": _megabytes(onnx / INT8),
                "target": params.int8_target,
                "agreement_with_fp32": agreement,
                "max_logit_difference": float(np.abs(int8 - fp32).max()),
            },
            "rows": len(texts) - len(PROBES),
        },
    )
    compared = f"{len(texts) - len(PROBES):,} validation rows and {len(PROBES)} probes"
    agreed = "int8 not compared: no validation rows" if agreement is None else f"int8 agrees on {agreement:.1%}"
    print(f"export: fp32 within {difference:.1e} of torch on {compared}, {agreed} -> {onnx}")


def measure_agreement(one: NDArray[Any], other: NDArray[Any]) -> float | None:
    """Share of the rows on which two systems' logits name the same label; null without rows."""
    return float((one.argmax(axis=1) == other.argmax(axis=1)).mean()) if len(one) else None


def check_limits(difference: float, agreement: float | None, params: ExportParams) -> None:
    """Raise `InputError` with the figures if fp32 or int8 strays further than the params allow."""
    if not difference <= params.max_logit_difference:  # so that NaN fails too
        raise InputError(
            f"export: fp32 logits differ from torch's by up to {difference:.2g}, more than "
            f"export.max_logit_difference = {params.max_logit_difference:g}; try another export.opset"
        )
    if agreement is not None and agreement < params.min_int8_agreement:
        raise InputError(
            f"export: int8 gives fp32's label on {agreement:.4f} of the validation rows, less than "
            f"export.min_int8_agreement = {params.min_int8_agreement:g}; lower it if that is good enough for you"
        )


def _megabytes(file: Path) -> float:
    return file.stat().st_size / 1e6


if __name__ == "__main__":
    run(main)
