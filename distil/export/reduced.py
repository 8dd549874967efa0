"""Write the files of lower precision, int8 and fp16, and judge each by fp32's answers to the same texts.

Where int8 falls short, its costliest layers go back to fp32 one after another. What falls short all the same is taken
out of the folder, so that nobody opens it by accident.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import eq
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from distil.core.params import Kind
from distil.export.fidelity import Reply, compare
from distil.export.layers import HEAD, list_layers, rank_layers
from distil.export.onnx_files import FP16, FP32, INT8, WEIGHTS, check_onnx, convert_fp16, quantize_int8
from distil.export.outlier_features import Feed
from distil.export.params import Int8Target

FILES = {"torch": WEIGHTS, "fp32": FP32, "int8": INT8, "fp16": FP16}  # by their names in metrics/export.json
Metrics = dict[str, Any]


@dataclass(frozen=True)
class Exam:
    """A folder, and what each file in it is asked: so many probes, then the validation texts, then training texts.

    `answer` gives the reply of a file of the folder, by its name in `FILES`. `taught` has the label, in canonical form,
    that each validation row would have been trained on, and `kind` says what the texts get.
    """

    folder: Path
    answer: Callable[[str], Reply]
    probes: int
    taught: Sequence[str]
    kind: Kind = "classification"

    def record(self, name: str, reply: Reply) -> Metrics:
        """A file's size, and the share of the validation rows to which it gives just the label that they have."""
        given = reply.labels[self.probes :][: len(self.taught)]
        agreement = share_equal(given, self.taught) if np.isfinite(reply.logits).all() else None
        return {"megabytes": (self.folder / FILES[name]).stat().st_size / 1e6, "teacher_agreement": agreement}


@dataclass(frozen=True)
class Reduced:
    """A file of lower precision: what metrics/export.json says of it, what was found in words, whether it is bad."""

    record: Metrics
    told: str
    falls_short: bool


def share_equal(one: Sequence[str], other: Sequence[str]) -> float | None:
    """Share of the rows with the very same label; null without rows."""
    return sum(map(eq, one, other)) / len(one) if one else None


def write_int8(exam: Exam, fp32: Reply, target: Int8Target, least: float, feeds: Sequence[Feed]) -> Reduced:
    """Write int8, with the head in fp32; while it falls short, so are the costliest layers, up to half of all.

    The head's few products are read by no layer that could average their rounding out: in int8 they cost a frozen
    student of ten labels three times the error that all else does, and in fp32 half a megabyte.

    `fp32` is that file's reply, `least` is the share of the texts on which int8 has to give just its answer, and
    `feeds` are tokenized texts, on which int8 sees how large activations get.
    """

    def build(in_fp32: Sequence[str]) -> Reduced:
        quantize_int8(exam.folder / FP32, exam.folder / INT8, target, feeds, in_fp32)
        return judge(exam, "int8", fp32, least)

    layers = list_layers(onnx.load(exam.folder / FP32))
    kept = [name for name in layers if name == HEAD]
    found = build([node for name in kept for node in layers[name]])
    ranked = rank_layers(exam.folder / FP32, target, feeds, exam.kind) if found.falls_short else []
    for name in [name for name in ranked if name != HEAD][: max(0, len(layers) // 2 - len(kept))]:
        kept.append(name)
        found = build([node for layer in kept for node in layers[layer]])
        if not found.falls_short:
            break
    told = found.told + (f", with {', '.join(kept)} in fp32" if len(kept) > 1 else "")
    return replace(found, told=told, record=found.record | {"target": target, "fp32_layers": kept})


def write_fp16(exam: Exam, fp32: Reply, least: float) -> Reduced:
    """Write fp16; `fp32` and `least` are as for `write_int8`."""
    convert_fp16(exam.folder / FP32, exam.folder / FP16)
    return judge(exam, "fp16", fp32, least)


def judge(exam: Exam, name: str, fp32: Reply, least: float) -> Reduced:
    """Compare a file with fp32."""
    check_onnx(exam.folder / FILES[name])
    reply = exam.answer(name)
    fidelity = compare(reply, fp32, exam.probes, exam.kind)
    record = exam.record(name, reply) | fidelity.record()
    return Reduced(record, f"{name} {fidelity.describe(least)}", fidelity.falls_short(least))


def leave_out(folder: Path, reduced: Mapping[str, Reduced]) -> None:
    """Take what falls short out of the folder."""
    for name, found in reduced.items():
        if found.falls_short:
            (folder / FILES[name]).unlink()
