"""Export: turn the student into ONNX files that give its answers, and prove that they do.

Reads the student and the validation rows, writes a folder that the Hub's tools open. Where fp32 strays from torch, or
int8 or fp16 from fp32, by more than the params allow, the stage fails and leaves no folder.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from distil.classifiers.onnx_classifier import OnnxClassifier
from distil.core.command import run
from distil.core.errors import InputError
from distil.core.metrics import write_metrics
from distil.core.params import Number, Params, load_params
from distil.core.runtime import RuntimeParams
from distil.core.tables import TRAIN, read_rows
from distil.encoders.torch_model import TorchClassifier, use_threads
from distil.export.onnx_files import (
    FP16,
    FP32,
    INT8,
    WEIGHTS,
    Int8Target,
    check_onnx,
    convert_fp16,
    copy_student,
    export_fp32,
    feed_each,
    quantize_int8,
)
from distil.export.outlier_features import Feed

PROBES = ["", "a", "!", "Ünï 漢字 🙂", "two words", "a longer text beside shorter ones " * 3, "more than fits " * 4000]
CALIBRATION_TEXTS = 64  # outlier features are the same in all texts
REMEDIES = {
    "int8": "try another export.int8_target, or train the student anew with a lower train.learning_rate",
    "fp16": "its numbers do not fit into fp16: write export.fp16: false, or train the student anew",
}
Floats = NDArray[np.float32]


class ExportParams(Params):
    """What to build, and how far it may stray."""

    int8_target: Int8Target = "portable"
    fp16: bool = False
    opset: int = Field(default=20, ge=18)  # 20: the first that has GELU as one operator
    max_logit_difference: Number = Field(default=1e-4, gt=0)  # fp32 against torch, on all texts; more fails the stage
    min_label_agreement: Number = Field(default=0.97, ge=0, le=1)  # of int8 and fp16 with fp32, on validation rows


def main(
    student: Annotated[Path, "folder: the student as transformers saves it"],
    validation: Annotated[Path, "table: texts and labels that are held out of training"],
    onnx: Annotated[Path, "folder: the student as the Hub's tools open it, with ONNX files"],
    metrics: Annotated[Path, "json: sizes, and how far each file strays from the student"],
) -> None:
    """Write the folder `onnx` and compare all that is in it on the validation texts and on a few hard ones."""
    params = load_params("export", ExportParams)
    runtime = load_params("runtime", RuntimeParams)
    rows = read_rows(validation, TRAIN)
    use_threads(runtime.threads)
    onnx.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=onnx.parent, prefix=f"{onnx.name}.") as place:  # so that what fails the checks is gone
        folder = Path(place) / onnx.name
        classifier = TorchClassifier(student, device="cpu")
        feeds = feed_each(classifier.encode(PROBES + rows["text"].to_list()[:CALIBRATION_TEXTS]))
        files = build(student, folder, params, feeds)
        taught = pd.Index(classifier.labels).get_indexer(rows["label"])
        found = compare(answer(classifier, folder, files, PROBES + rows["text"].to_list(), runtime), taught)
        check_limits(found, len(rows), params)
        sizes = {name: (folder / file).stat().st_size / 1e6 for name, file in {"torch": WEIGHTS, **files}.items()}
        shutil.rmtree(onnx, ignore_errors=True)
        folder.rename(onnx)
    found["int8"]["target"] = params.int8_target
    details: dict[str, Any] = {"opset": params.opset, "rows": len(rows)}
    details |= {name: {"megabytes": size} | found[name] for name, size in sizes.items()}
    write_metrics(metrics, {"int8": {"agreement_with_fp32": found["int8"]["agreement_with_fp32"]}}, details)
    print(f"export: {describe(found, len(rows))} -> {onnx}")


def build(student: Path, folder: Path, params: ExportParams, feeds: Sequence[Feed]) -> dict[str, str]:
    """Write the folder; returns the checked ONNX files in it by their names in the metrics.

    `feeds` are tokenized texts, on which int8 sees how large activations get.
    """
    copy_student(student, folder)
    files = {"fp32": FP32, "int8": INT8}
    export_fp32(student, folder / FP32, params.opset)
    quantize_int8(folder / FP32, folder / INT8, params.int8_target, feeds)
    if params.fp16:
        files["fp16"] = FP16
        convert_fp16(folder / FP32, folder / FP16)
    for file in files.values():
        check_onnx(folder / file)
    return files


def answer(
    student: TorchClassifier, folder: Path, files: Mapping[str, str], texts: list[str], runtime: RuntimeParams
) -> dict[str, Floats]:
    """The logits of torch and of each file; batches differ in size, so that texts are padded in different ways."""
    logits = {"torch": student.predict_logits(texts)}
    for name, file in files.items():
        logits[name] = OnnxClassifier(folder, file, device="cpu", **runtime.threading).predict_logits(texts)
    return logits


def compare(logits: Mapping[str, Floats], taught: NDArray[np.intp]) -> dict[str, dict[str, Any]]:
    """What metrics/export.json says of each: logits on all texts, labels on the validation rows, at the end.

    `taught` holds the number of the label that each validation row would have been trained on: the teacher's.
    """
    labels = {name: values[len(PROBES) :].argmax(axis=1) for name, values in logits.items()}
    found: dict[str, dict[str, Any]] = {}
    for name, values in logits.items():
        found[name] = {"teacher_agreement": share_equal(labels[name], taught)}
        if name != "torch":
            model = "torch" if name == "fp32" else "fp32"
            found[name] |= {
                f"agreement_with_{model}": share_equal(labels[name], labels[model]),
                "max_logit_difference": float(np.abs(values - logits[model]).max()),
            }
    return found


def share_equal(one: NDArray[np.intp], other: NDArray[np.intp]) -> float | None:
    """Share of the rows with the same label; null without rows."""
    return float((one == other).mean()) if len(one) else None


def check_limits(found: Mapping[str, Mapping[str, Any]], rows: int, params: ExportParams) -> None:
    """Raise `InputError` with the figures if a file strays further than the params allow; one row may always differ."""
    difference = found["fp32"]["max_logit_difference"]
    if not difference <= params.max_logit_difference:  # so that NaN fails too
        raise InputError(
            f"export: fp32 logits differ from torch's by up to {difference:.2g}, more than "
            f"export.max_logit_difference = {params.max_logit_difference:g}; try another export.opset"
        )
    for name in found.keys() - {"torch", "fp32"}:
        if not np.isfinite(found[name]["max_logit_difference"]):
            raise InputError(f"export: {name} answers what is no number, where fp32 does not; {REMEDIES[name]}")
        agreement = found[name]["agreement_with_fp32"]
        if agreement is not None and agreement < min(params.min_label_agreement, (rows - 1) / rows):
            raise InputError(
                f"export: {name} gives fp32's label on {agreement:.4f} of the validation rows, less than "
                f"export.min_label_agreement = {params.min_label_agreement:g}; lower it if that is good enough for you"
            )


def describe(found: Mapping[str, Mapping[str, Any]], rows: int) -> str:
    """The comparison in one line."""
    agreement = found["int8"]["agreement_with_fp32"]
    agreed = "int8 not compared: no validation rows" if agreement is None else f"int8 agrees on {agreement:.1%}"
    compared = f"{rows:,} validation rows and {len(PROBES)} probes"
    return f"fp32 within {found['fp32']['max_logit_difference']:.1e} of torch on {compared}, {agreed}"


if __name__ == "__main__":
    run(main)
