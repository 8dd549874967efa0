"""Label a file part by part, so that a run that is killed goes on where it was, and one that ended does nothing.

A part is some thousand rows. It is labelled by itself and written under a temporary name, so parts do not depend on
when a run was broken off: the output has the same bytes. Parts wait in a folder beside the output until all are there
(for an output at an address: in distil's own cache), and are then joined. Beside the output stands what made it, in
OUTPUT.manifest.json, and what could not be labelled, with its place, in OUTPUT.rejects.jsonl. Rows of which the student
is not sure go to OUTPUT.unsure.jsonl in place of the output, or to the teacher.
"""

import hashlib
from collections.abc import Callable, Container, Iterable, Iterator
from functools import reduce
from pathlib import Path
from typing import NamedTuple

from distil.assets.packages import file_sha256
from distil.classifiers.opening import OnnxStudent
from distil.predict.answers import Wanted, list_fields
from distil.predict.outputs import Identity, Manifest, Output, clear, find_made
from distil.predict.parts import (
    REJECTED,
    UNSURE_ROWS,
    Counts,
    Task,
    cut_parts,
    find_done,
    label_part,
    name_part,
)
from distil.predict.passing import Teacher, ask_teacher, choose_rows
from distil.predict.reading import open_table
from distil.predict.sources import MANIFEST, REJECTS, UNSURE, Source, brought
from distil.predict.writing import choose_layout, join_parts
from distil.selective.unlike import Unlike
from distil.texts.opening import explain_bytes

MODEL_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json")  # beside the weights


class Model(NamedTuple):
    """A student, its folder, the file of it that is run, and the sha256 of all that its answers depend on.

    `unlike` measures how unlike the training texts a text is, where that is wanted; the student is opened for it then.
    """

    student: OnnxStudent
    folder: Path
    file: str
    sha256: str
    unlike: Unlike | None = None


# Labels the parts of a file that are not done, writes them into a folder, and returns the number of each when it is.
Engine = Callable[[Task, Path, frozenset[int], Model], Iterator[tuple[int, Counts]]]


def label_here(task: Task, folder: Path, done: Container[int], model: Model) -> Iterator[tuple[int, Counts]]:
    """Label the parts that are not done one after the other in this process; returns each when it is."""
    for number, rows in cut_parts(task, done):
        yield number, label_part(name_part(folder, number), rows, model.student, task)


def check_source(source: Source, path: Path, column: str, model: Model, wanted: Wanted, kind: str) -> None:
    """Raise `InputError` if the file cannot be labelled, or its rows not be written in that format."""
    with explain_bytes(path, source.path):
        _plan(source, path, column, model, wanted, kind)


def label_file(
    source: Source,
    output: Output,
    column: str,
    model: Model,
    wanted: Wanted,
    kind: str,
    overwrite: bool,
    note: Callable[[int, int | None, bool], None],
    engine: Engine = label_here,
    teacher: Teacher | None = None,
) -> tuple[Counts, bool]:
    """Label a file's rows into an output of that format; returns what became of them, and whether that was done before.

    `note` is told of rows as parts of them are done: how many, how many there are about, where that is known, and
    whether that was done before. `overwrite` lets an output that something else made be replaced. `teacher` is asked
    about the texts of which the student is not sure, if they go to it. Raises `InputError`, and what it raises.
    """
    with output.locked(), brought(source) as path, explain_bytes(path, source.path):
        digest, lines = _read_through(path)
        identity = _identify(digest, source, column, model, wanted, kind, teacher)
        task = _plan(source, path, column, model, wanted, kind)  # before the output counts as begun
        if before := find_made(output, identity, overwrite):
            if teacher is not None:
                teacher.spent_usd += before.teacher_usd  # the budget is one for all files, whenever they were written
            return before.counts, True
        if done := find_done(output.parts):
            note(_count_rows(done.values(), wanted), lines, True)
        for number, counts in engine(task, output.parts, frozenset(done), model):
            done[number] = counts
            note(_count_rows([counts], wanted), lines, False)
        counts = reduce(Counts.add, done.values(), Counts())
        usd = 0.0
        if teacher is not None and counts.unsure:
            counts, usd = _pass_on(output, done, counts, model, task, teacher)
        _finish(output, task, sorted(done), counts)
        made = Manifest(input=str(source.name), model_file=model.file, identity=identity, counts=counts)
        output.write_manifest(made.model_copy(update={"teacher_usd": usd}))
        clear(output.parts)
        return counts, False


def _pass_on(
    output: Output, parts: Iterable[int], counts: Counts, model: Model, task: Task, teacher: Teacher
) -> tuple[Counts, float]:
    """Ask the teacher about a file's unsure rows; returns the counts, and what that cost in dollars."""
    spent = teacher.spent_usd
    given = ask_teacher(output.parts, sorted(parts), model.student.kind, task, teacher)
    return counts.model_copy(update={"by_teacher": given}), teacher.spent_usd - spent


def hash_model(folder: Path, file: str, *measured_by: str) -> str:
    """The sha256 over all that a student's answers depend on; `measured_by` are files that tell unlike texts."""
    hashes = [file_sha256(folder / name) for name in (*MODEL_FILES, file, *measured_by)]
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def _plan(source: Source, path: Path, column: str, model: Model, wanted: Wanted, kind: str) -> Task:
    """What is to be done with a file; raises `InputError` if its rows cannot be read, or not be written so."""
    table, fields = open_table(path, source.path, source.kind, column), list_fields(model.student, wanted)
    layout = choose_layout(kind, source.path, table.columns, table.schema, table.separator, fields)
    return Task(path, source.path, source.kind, column, wanted, layout, [field.name for field in fields], model.unlike)


def _count_rows(parts: Iterable[Counts], wanted: Wanted) -> int:
    """The rows that were read: those that go to a file are not among the rows of the output."""
    to_file = wanted.unsure_to == "file"
    return sum(counts.rows + counts.rejected + (counts.unsure if to_file else 0) for counts in parts)


def _read_through(path: Path) -> tuple[str, int | None]:
    """The sha256 of a file, and how many lines it has where it is not packed."""
    digest, lines = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
            lines += block.count(b"\n")
    return digest.hexdigest(), lines if path.suffix in {".csv", ".tsv", ".jsonl", ".txt"} else None


def _identify(
    digest: str, source: Source, column: str, model: Model, wanted: Wanted, kind: str, teacher: Teacher | None
) -> Identity:
    return Identity(
        input_sha256=digest,
        input_kind=source.kind,
        output_kind=kind,
        model_sha256=model.sha256,
        computed_on=f"{model.student.provider} {model.student.batch_tokens}",
        text_column=column,
        wanted=wanted,
        teacher_sha256=None if teacher is None else teacher.sha256,
    )


def _finish(output: Output, task: Task, parts: Iterable[int], counts: Counts) -> None:
    names = [name_part(output.parts, number) for number in parts]
    output.remove(MANIFEST)  # of an output that is replaced
    with output.written() as half:
        join_parts(half, task.layout, [choose_rows(name, task) for name in names])
    unsure = counts.unsure if task.wanted.unsure_to == "file" else 0
    for end, of_part, rows in ((REJECTS, REJECTED, counts.rejected), (UNSURE, UNSURE_ROWS, unsure)):
        if not rows:
            output.remove(end)
            continue
        with output.written(end) as half, half.open("wb") as file:
            for name in names:
                file.write(name.with_suffix(of_part).read_bytes())
