"""The command `distil predict`: label the texts of files with the student."""

import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, NamedTuple

import typer
from tqdm import tqdm

from distil.classifiers.opening import OnnxStudent
from distil.cli.passing import choose_passed_on, open_teacher
from distil.cli.project import stage_path
from distil.cli.student import choose_file, find_folder, open_student, read_runtime
from distil.core.errors import DistilError, InputError
from distil.core.params import load_params
from distil.cost.basis import load_basis
from distil.cost.params import CostParams
from distil.predict.answers import Wanted
from distil.predict.job import Engine, Model, check_source, hash_model, label_file, label_here
from distil.predict.outputs import Output
from distil.predict.parts import Counts
from distil.predict.passing import Teacher
from distil.predict.sources import REJECTS, Found, Source, brought, find_sources
from distil.predict.writing import WRITTEN
from distil.selective.unlike import FILE as UNLIKE_FILE
from distil.selective.unlike import Unlike, read_unlike

Engines = Literal["local", "ray"]
INSTEAD = {".json": ".jsonl", ".txt": ".csv", ".xlsx": ".csv"}  # of formats that are read and not written
SECONDS_PER_HOUR = 3600


class Job(NamedTuple):
    """A file, where its rows go, and in which format, as a suffix."""

    source: Source
    output: str
    kind: str


def predict(
    texts: Annotated[str, typer.Argument(metavar="INPUT", help="File, folder or pattern, or an address of such.")],
    output: Annotated[str, typer.Argument(metavar="OUTPUT", help="File to write; for a folder or pattern a folder.")],
    *,
    text_column: Annotated[str, typer.Option(help="Column of the texts; data.body is a key in an object.")] = "text",
    probabilities: Annotated[bool, typer.Option(help="Add the probability of each label.")] = False,
    redact: Annotated[bool, typer.Option(help="Write [LABEL] in place of spans, and no words of theirs.")] = False,
    prefix: Annotated[str, typer.Option(help="Put before the names of the columns that are added.")] = "",
    output_format: Annotated[
        str | None, typer.Option("--format", help="Of a folder's files: csv, tsv, jsonl or parquet; else as they were.")
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Folder of an exported student; else this study's.")] = None,
    file: Annotated[str | None, typer.Option(help="ONNX file in that folder; else int8 where there is one.")] = None,
    unsure_below: Annotated[str | None, typer.Option(help="Pass on texts of less sureness: auto, or 0 to 1.")] = None,
    unlike: Annotated[
        float | None, typer.Option(help="Pass on texts unlike the training texts; 0.05: and 5 % of those like them.")
    ] = None,
    unsure_to: Annotated[str | None, typer.Option(help="Who gets them: file (OUTPUT.unsure.jsonl) or teacher.")] = None,
    engine: Annotated[Engines, typer.Option(help="ray: Ray Data, on a cluster or on this machine.")] = "local",
    address: Annotated[str | None, typer.Option(help="Of the head of a Ray cluster, as HOST:PORT.")] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace an output of another model, input or run.")] = False,
    strict: Annotated[bool, typer.Option(help="End with exit code 1 if a row could not be labelled.")] = False,
) -> None:
    """Label texts with the student: each row with its label, in the order of the rows, however many there are.

    A run that was broken off goes on where it was, and one that ended does nothing. OUTPUT.manifest.json says what made
    an output; rows that cannot be labelled are in OUTPUT.rejects.jsonl, with their places.
    """
    found = find_sources(texts)
    opened = open_model(model, file, "cpu" if engine == "ray" else None, measured=unlike is not None)
    passed_on = choose_passed_on(opened, unsure_below, unlike, unsure_to)
    wanted = Wanted(probabilities=probabilities, redact=redact, prefix=prefix, **passed_on)
    check_wanted(opened.student, wanted)
    teacher = open_teacher(opened.student) if wanted.unsure_to == "teacher" else None
    jobs = [Job(source, *name_output(source, output, found.is_one, output_format)) for source in found.sources]
    check_outputs(texts, found, jobs, output_format)
    check_all([] if found.is_one else jobs, text_column, opened, wanted)
    total = label_all(jobs, text_column, opened, wanted, overwrite, choose_engine(engine, address), teacher)
    if strict and total.rejected:
        raise InputError(f"{total.rejected:,} rows could not be labelled; {REJECTS} beside the outputs says why")


def choose_engine(name: Engines, address: str | None) -> Engine:
    """What labels the parts; raises `InputError` where it is not installed, or an address is for another."""
    if name == "local":
        if address:
            raise InputError(f"--address {address} is of a Ray cluster; add --engine ray")
        return label_here
    try:
        from distil.predict.on_ray import label_on_ray
    except ImportError as error:
        raise InputError(f"--engine ray needs Ray Data ({error}); pip install 'ray[data]'") from None
    return partial(label_on_ray, address=address, threads=read_runtime().threads)


def label_all(
    jobs: Sequence[Job],
    column: str,
    model: Model,
    wanted: Wanted,
    overwrite: bool,
    engine: Engine,
    teacher: Teacher | None,
) -> Counts:
    """Label file after file, and say what became of each; returns the counts of all."""
    total, labelled, begun, price = Counts(), 0, time.perf_counter(), find_price()
    with tqdm(unit=" texts", disable=None, dynamic_ncols=True) as bar:

        def note(rows: int, about: int | None, before: bool) -> None:
            nonlocal labelled
            bar.total = about if len(jobs) == 1 else None
            if not bar.disable:
                bar.initial += rows * before  # which took no time now
            bar.update(rows)
            labelled += rows * (not before)
            if price:
                bar.set_postfix_str(f"${(time.perf_counter() - begun) / SECONDS_PER_HOUR * price[1]:.4f}")

        for source, place, kind in jobs:
            counts, before = label_file(
                source, Output(place), column, model, wanted, kind, overwrite, note, engine, teacher
            )
            bar.write(f"{place}: {describe(counts, place)}" + ", written before" * before)
            total = total.add(counts)
    if labelled:
        typer.echo(describe_run(labelled, time.perf_counter() - begun, price))
    if teacher is not None and teacher.spent_usd:
        typer.echo(f"${teacher.spent_usd:,.4f} for the teacher's answers, those that were paid for before too")
    return total


def check_all(jobs: Sequence[Job], column: str, model: Model, wanted: Wanted) -> None:
    """Raises `InputError` at a file that cannot be labelled, before any is."""
    for job in jobs:
        with brought(job.source) as path:
            check_source(job.source, path, column, model, wanted, job.kind)


def check_wanted(student: OnnxStudent, wanted: Wanted) -> None:
    """Raises `InputError` at an option that is not for this kind of student."""
    if wanted.redact and student.kind != "token_classification":
        raise InputError("--redact puts labels in place of spans, and this student finds none; take it out")
    if wanted.probabilities and student.kind == "token_classification":
        raise InputError("--probabilities is for labels of whole texts; each span has its probability anyway")


def open_model(folder: Path | None, file: str | None, device: str | None = None, *, measured: bool = False) -> Model:
    """The student in a folder, or that of the study here; raises `InputError` where there is none.

    Where texts are to be `measured`, with what tells how unlike the training texts they are.
    """
    place = find_folder(folder)
    chosen = file or choose_file(place)
    unlike = read_unlike(place, chosen) if measured else None
    student = open_student(place, chosen, device, unlike and unlike.reads)
    if unlike is None:
        return Model(student, place, chosen, hash_model(place, chosen))
    check_read(student, unlike, place)
    return Model(student, place, chosen, hash_model(place, chosen, UNLIKE_FILE), unlike)


def check_read(student: OnnxStudent, unlike: Unlike, folder: Path) -> None:
    """Raises `InputError` where what is read of a text is not what the folder's distances were measured by."""
    try:
        shape = student.read(["a"]).shape
    except (ValueError, LookupError):
        shape = ()
    if shape != (1, len(unlike.centre)):
        raise InputError(f"{folder / UNLIKE_FILE} is of another student; run 'dvc repro -s -f export'")


def name_output(source: Source, output: str, is_one: bool, wanted: str | None) -> tuple[str, str]:
    """Where a file's rows go, and the format as a suffix; raises `InputError` where that is none that is written."""
    if wanted is not None and f".{wanted}" not in WRITTEN:
        raise InputError(f"--format {wanted} is not written; name one of csv, tsv, jsonl, parquet")
    if is_one:
        kind = f".{wanted}" if wanted else PurePosixPath(output).suffix.lower()
        if kind not in WRITTEN:
            raise InputError(f"{output} does not say what to write; end it with one of {', '.join(WRITTEN)}")
        return output, kind
    kind = f".{wanted}" if wanted else INSTEAD.get(source.kind, source.kind)
    name = source.name.with_suffix("") if source.name.suffix.lower() == ".gz" else source.name
    return f"{output.rstrip('/')}/{name.with_suffix(kind)}", kind


def check_outputs(texts: str, found: Found, jobs: Sequence[Job], output_format: str | None) -> None:
    """Raises `InputError` if an output is an input, would be one next time, or two inputs would be written to one."""
    for job in jobs:
        output = Output(job.output)
        if any(map(output.is_source, found.sources)):
            raise InputError(f"{job.output} is among what is to be labelled; name another output")
        if found.is_deep and output.lies_in(found.root):
            raise InputError(
                f"{job.output} lies in {texts}, and would be read as an input next time; name another folder"
            )
    place, times = Counter(job.output for job in jobs).most_common(1)[0]
    if times > 1:
        remedy = "leave out --format, or rename them" if output_format else "rename them"
        raise InputError(f"{times} files of {texts} would be written to {place}; {remedy}")


def find_price() -> tuple[str, float] | None:
    """The machine that the study prices, and what an hour of its work costs in dollars; null without a study here."""
    try:
        params = load_params("cost", CostParams)
        basis = load_basis(params, stage_path("cost", "--prices"))
    except DistilError:
        return None
    return params.hardware, basis.hardware.usd_per_hour / params.utilisation


def describe(counts: Counts, place: str) -> str:
    """What became of a file's rows."""
    told = [f"{counts.rows:,} rows"]
    if counts.rejected:
        told.append(f"{counts.rejected:,} left out ({place}{REJECTS} says why)")
    if counts.unsure:
        unlike = f" ({counts.unlike:,} of them unlike the training texts)" if counts.unlike else ""
        labelled = f", {counts.by_teacher:,} of them labelled by the teacher" if counts.by_teacher else ""
        told.append(f"{counts.unsure:,} unsure{unlike}{labelled}")
    if counts.cut:
        told.append(f"{counts.cut:,} longer than the student reads, judged by their beginning")
    return "; ".join(told)


def describe_run(rows: int, seconds: float, price: tuple[str, float] | None) -> str:
    """How long it took, and what that costs."""
    told = f"{rows:,} texts in {seconds / 60:,.1f} minutes, {rows / seconds:,.0f} a second"
    if price is None:
        return told
    return f"{told}, ${seconds / SECONDS_PER_HOUR * price[1]:,.4f} at the price of {price[0]} (cost.hardware)"
