"""Export: turn the student into ONNX files that give its answers, and prove that they do.

Reads the student, the validation rows and the training rows, of which the texts alone count. Writes a folder that the
Hub's tools open. Where fp32 strays from torch, the stage fails and leaves no folder. Where int8 strays from fp32, the
layers that cost most stay in fp32; a file that strays all the same is left out, with a warning, and fp32 is the file
to use. How sure that file is of a text is told by a temperature in the folder's config.json, and where a cascade is
asked for, a threshold is chosen on the calibration rows, for the student to keep a text from it on (docs/cascade.md).
"""

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distil.classifiers.canonical import load_softener, load_writer
from distil.classifiers.opening import OnnxStudent, open_onnx
from distil.core.command import run
from distil.core.errors import InputError
from distil.core.metrics import read_details, write_metrics
from distil.core.params import Kind, load_params
from distil.core.runtime import RuntimeParams
from distil.core.tables import CALIBRATION, TRAIN, read_rows
from distil.core.whole_files import scratch_beside
from distil.cost.params import CostParams
from distil.cost.prices import MILLION
from distil.cost.teacher import price_answers
from distil.encoders.opening import TorchStudent, open_torch
from distil.encoders.torch_model import use_threads
from distil.export.fidelity import Reply
from distil.export.onnx_files import FP32, INT8, check_onnx, copy_student, export_fp32, feed_each
from distil.export.outlier_features import Feed
from distil.export.params import ExportParams
from distil.export.reduced import FILES, Exam, Reduced, leave_out, share_equal, write_fp16, write_int8
from distil.export.selective import (
    certify_threshold,
    describe_choice,
    fit_temperature,
    record_choice,
    write_selective,
)
from distil.export.unlike import fit_unlike, name_read
from distil.selective.params import CascadeParams
from distil.selective.unlike import write_unlike

PROBES = ["", "a", "!", "Ünï 漢字 🙂", "two words", "a longer text beside shorter ones " * 3, "more than fits " * 4000]
FAMILIAR_TEXTS = 5000  # of the training texts, whose mean and covariance tell what is unlike them
CALIBRATION_TEXTS = 64  # outlier features are the same in all texts
COMPARED_TEXTS = 2000  # for int8 and fp16: an agreement of 0.97 is then known to within 0.8 points
REMEDIES = {
    "int8": "Try another export.int8_target, train the student anew with a lower train.learning_rate, or lower "
    "export.min_label_agreement if that is good enough for you",
    "fp16": "Write export.fp16: false, or train the student anew",
}
Floats = NDArray[np.float32]
Metrics = dict[str, Any]


def main(
    student: Annotated[Path, "folder: the student as transformers saves it"],
    validation: Annotated[Path, "table: texts and labels that are held out of training"],
    train: Annotated[Path, "table: texts to compare int8 and fp16 on besides; labels are not read"],
    calibration: Annotated[Path, "table: texts that a cascade's threshold is chosen on, with both labels"],
    annotate: Annotated[Path, "json of annotate: the tokens of the teacher's answers"],
    onnx: Annotated[Path, "folder: the student as the Hub's tools open it, with ONNX files"],
    metrics: Annotated[Path, "json: sizes, how far each file strays from the student, and which is the one to use"],
) -> None:
    """Write the folder `onnx` and compare all that is in it on texts of the study and on a few hard ones."""
    params, cascade = load_params("export", ExportParams), load_params("cascade", CascadeParams, optional=True)
    runtime = load_params("runtime", RuntimeParams)
    rows, held_out = read_rows(validation, TRAIN), read_rows(calibration, CALIBRATION)
    allowed = allow(cascade, held_out, annotate)
    texts = [*rows["text"], *draw_more(read_rows(train, TRAIN), COMPARED_TEXTS - len(rows))]
    use_threads(runtime.threads)
    with scratch_beside(onnx) as place:  # so that what fails the checks is gone
        folder = place / onnx.name
        model = open_torch(student, device="cpu")
        exam = set_exam(folder, texts, rows["label"].to_list(), model.kind, runtime)
        copy_student(student, folder)
        export_fp32(student, folder / FP32, params.opset)
        exact, fp32 = check_fp32(exam, ask(model, [*PROBES, *rows["text"]]), params.max_logit_difference)
        feeds = feed_each(model.make_inputs(PROBES + texts[:CALIBRATION_TEXTS]))
        reduced = write_reduced(exam, fp32, params, feeds)
        default = choose_default(reduced["int8"])
        served = open_onnx(folder, default["default_file"], device="cpu", **runtime.threading)
        selective, told = judge_sureness(served, default["default_file"], rows, held_out, cascade, allowed)
        write_selective(folder / "config.json", selective)
        if params.unlike:
            learn_unlike(folder, default["default_file"], read_rows(train, TRAIN), rows, runtime)
        shutil.rmtree(onnx, ignore_errors=True)
        folder.rename(onnx)
    details: Metrics = {"opset": params.opset, "rows": len(rows), "texts": len(texts)}
    details |= default | exact | list_found(reduced) | {"selective": selective}
    write_metrics(metrics, pick_headline(reduced["int8"]), details)
    warn(reduced, told if selective.get("threshold") is None else "")
    print(f"export: {describe(details)}{told and f'; {told}'} -> {onnx}")


def allow(cascade: CascadeParams, calibration: pd.DataFrame, annotate: Path) -> float:
    """The share of the texts that the cascade may get wrong, or of a price in dollars: that the teacher may be asked.

    Raises `InputError` if there is nothing to choose a threshold on, or the teacher's price is not known, or no more.
    """
    cascade.check_rows(len(calibration))
    cascade.check_gold(int(calibration["gold"].notna().sum()))
    if cascade.usd_per_million is None:
        return 1 - cascade.target.value if cascade.target else 0.0
    asked = read_details(annotate)
    usd = price_answers(load_params("cost", CostParams), asked)
    if not usd:
        raise InputError(
            "cascade.usd_per_million needs what the teacher takes for its tokens, and that is not known; give "
            "cost.teacher_usd_per_million_tokens, or set agreement in its place (of a teacher that is paid by the "
            "hour, or runs here, dollars depend on how fast it answers)"
        )
    teacher_usd: float = usd / asked["texts"] * MILLION
    if cascade.usd_per_million >= teacher_usd:
        raise InputError(
            f"cascade.usd_per_million = {cascade.usd_per_million:g} is as much as the teacher alone takes for a "
            f"million texts, ${teacher_usd:,.2f}; lower it, or set cascade: null"
        )
    return cascade.usd_per_million / teacher_usd


def write_reduced(exam: Exam, fp32: Reply, params: ExportParams, feeds: Sequence[Feed]) -> dict[str, Reduced]:
    """Write int8, and fp16 if it is wanted, and leave out of the folder what strays from fp32."""
    reduced = {"int8": write_int8(exam, fp32, params.int8_target, params.min_label_agreement, feeds)}
    if params.fp16:
        reduced["fp16"] = write_fp16(exam, fp32, params.min_label_agreement)
    leave_out(exam.folder, reduced)
    return reduced


def judge_sureness(
    student: OnnxStudent,
    file: str,
    validation: pd.DataFrame,
    calibration: pd.DataFrame,
    cascade: CascadeParams,
    allowed: float,
) -> tuple[Metrics, str]:
    """What the folder says of the student's sureness, and of a threshold in words where one is asked for."""
    found = {"file": file} | fit_temperature(student, validation, load_softener(student.kind))
    if cascade.target is None:
        return found, ""
    texts, write = validation["text"].to_list(), load_writer(student.kind)
    chosen = certify_threshold(student, calibration, texts, write, cascade.target, allowed, cascade.risk)
    return found | record_choice(chosen), describe_choice(chosen)


def learn_unlike(folder: Path, file: str, train: pd.DataFrame, rows: pd.DataFrame, runtime: RuntimeParams) -> None:
    """Put into the folder what its file to use reads of training texts, and how far off the validation rows lie."""
    reads = name_read(folder, file)
    student = open_onnx(folder, file, device="cpu", reads=reads, **runtime.threading)
    texts = draw_more(train, FAMILIAR_TEXTS)
    write_unlike(folder, fit_unlike(file, reads, student.read, texts, rows["text"].to_list()))


def draw_more(train: pd.DataFrame, count: int) -> list[str]:
    """At most so many training texts, in the order of their ids: these are hashes, so it is a draw by lot."""
    texts: list[str] = train.sort_values("id")["text"].to_list()
    return texts[: max(0, count)]


def set_exam(folder: Path, texts: list[str], taught: list[str], kind: Kind, runtime: RuntimeParams) -> Exam:
    """What each file of the folder is asked; batches differ in size, so that texts are padded in different ways."""

    def answer(name: str) -> Reply:
        return ask(open_onnx(folder, FILES[name], device="cpu", **runtime.threading), PROBES + texts)

    return Exam(folder, answer, len(PROBES), taught, kind)


def ask(model: TorchStudent | OnnxStudent, texts: list[str]) -> Reply:
    """What a student in any form answers to texts."""
    logits, said = model.predict_with_logits(texts)
    return Reply(logits, [load_writer(model.kind)(label) for label in said])


def check_fp32(exam: Exam, torch: Reply, most: float) -> tuple[Metrics, Reply]:
    """Compare fp32 with torch's reply to the probes and the validation texts, whose logits may differ by `most`.

    Returns what metrics/export.json says of the two, and the reply of fp32 to all texts; raises `InputError`.
    """
    check_onnx(exam.folder / FP32)
    fp32 = exam.answer("fp32")
    check_difference(difference := measure_difference(fp32.logits[: len(torch.logits)], torch.logits), most)
    labels, others = (reply.labels[exam.probes : len(torch.labels)] for reply in (fp32, torch))
    found = {"agreement_with_torch": share_equal(labels, others), "max_logit_difference": difference}
    return {"torch": exam.record("torch", torch), "fp32": exam.record("fp32", fp32) | found}, fp32


def measure_difference(logits: Floats, torch: Floats) -> float:
    """The largest difference of two logits, as a share of torch's beyond 1: rounding grows with what is rounded."""
    return float((np.abs(logits - torch) / np.maximum(1, np.abs(torch))).max())


def check_difference(difference: float, most: float) -> None:
    """Raise `InputError` if a logit of fp32 differs from torch's by more, or is no number."""
    if not difference <= most:  # so that NaN fails too
        raise InputError(
            f"export: fp32 logits differ from torch's by up to {difference:.2g}, more than "
            f"export.max_logit_difference = {most:g}; try another export.opset"
        )


def choose_default(int8: Reduced) -> dict[str, str]:
    """Which file is the one to use, and why."""
    return {"default_file": FP32 if int8.falls_short else INT8, "default_why": int8.told}


def list_found(reduced: Mapping[str, Reduced]) -> Metrics:
    """What metrics/export.json says of the files of lower precision, and under `left_out` of those that fell short."""
    kept = {name: found.record for name, found in reduced.items() if not found.falls_short}
    left_out = {name: found.record | {"why": found.told} for name, found in reduced.items() if found.falls_short}
    return kept | {"left_out": left_out}


def pick_headline(int8: Reduced) -> Metrics:
    """What one compares between branches: how often int8 gives fp32's label."""
    return {"int8": {"agreement_with_fp32": int8.record["agreement_with_fp32"]}}


def warn(reduced: Mapping[str, Reduced], uncertified: str) -> None:
    """Say on stderr what was left out of the folder, why, and what to do about it; and what is not certified."""
    if uncertified:
        print(f"warning: {uncertified}", file=sys.stderr)
    for name, found in reduced.items():
        if found.falls_short:
            instead = f"; {FP32} is the file to use" if name == "int8" else ""
            print(f"warning: {found.told}: {FILES[name]} is left out{instead}. {REMEDIES[name]}", file=sys.stderr)


def describe(details: Mapping[str, Any]) -> str:
    """The comparison in one line."""
    compared = f"{details['rows']:,} validation rows and {len(PROBES)} probes"
    difference = details["fp32"]["max_logit_difference"]
    return f"fp32 within {difference:.1e} of torch on {compared}, {details['default_why']}"


if __name__ == "__main__":
    run(main)
