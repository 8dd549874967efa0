"""Label a file part by part, so that a run that is killed goes on where it was, and one that ended does nothing.

A part is some thousand rows. It is labelled by itself and written under a temporary name, so parts do not depend on
when a run was broken off: the output has the same bytes. Parts wait in a folder beside the output until all are there
(for an output at an address: in distil's own cache), and are then joined. Beside the output stands what made it, in
OUTPUT.manifest.json, and what could not be labelled, with its place, in OUTPUT.rejects.jsonl. Rows of which the student
is not sure go to OUTPUT.unsure.jsonl in place of the output, or to the teacher.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

import fsspec
from filelock import FileLock, Timeout
from fsspec.implementations.local import LocalFileSystem
from pydantic import ValidationError

from distil.assets.packages import file_sha256
from distil.classifiers.opening import OnnxStudent
from distil.core.errors import InputError
from distil.core.params import Params
from distil.core.runtime import cache_folder
from distil.core.whole_files import written_whole
from distil.predict.answers import Wanted, list_fields
from distil.predict.parts import (
    PART_ROWS,
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
from distil.predict.sources import MANIFEST, REJECTS, UNSURE, Source, brought, explain_file_system
from distil.predict.writing import choose_layout, join_parts
from distil.texts.opening import explain_bytes

MODEL_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json")  # beside the weights
DIFFERENCES = {  # of an output's identity, in words
    "input_sha256": "from another input",
    "input_kind": "from a file of another kind",
    "output_kind": "in another format",
    "model_sha256": "by another model",
    "computed_on": "on another kind of processor",
    "text_column": "from another column",
    "wanted": "with other options",
    "part_rows": "by another release of distil",
    "teacher_sha256": "with another teacher, prompt or way to its label",
}
PASSED_ON = ("unsure", "by_teacher")  # among the counts
IDENTITY = "identity.json"  # in a folder of parts: of what they are
REMEDY = "name another output, or let --overwrite begin anew"


class Model(NamedTuple):
    """A student, its folder, the file of it that is run, and the sha256 of all that its answers depend on."""

    student: OnnxStudent
    folder: Path
    file: str
    sha256: str


# Labels the parts of a file that are not done, writes them into a folder, and returns the number of each when it is.
Engine = Callable[[Task, Path, frozenset[int], Model], Iterator[tuple[int, Counts]]]


class Identity(Params):
    """What the bytes of an output depend on.

    `computed_on` is the processor and how many tokens a batch has there, by which the int8 file rounds.
    """

    input_sha256: str
    input_kind: str
    output_kind: str
    model_sha256: str
    computed_on: str
    text_column: str
    wanted: Wanted
    part_rows: int = PART_ROWS
    teacher_sha256: str | None = None


class Manifest(Params):
    """What made an output; `teacher_usd` is what the teacher's answers cost that no file before it had asked for."""

    input: str
    model_file: str
    identity: Identity
    counts: Counts
    teacher_usd: float = 0.0


class Output:
    """A file to be written, here or at an address, with what stands beside it."""

    def __init__(self, place: str) -> None:
        """Take the path or address; raises `InputError` at an address that no file system knows."""
        self.place = place
        with explain_file_system(place):
            self._files, self._path = fsspec.core.url_to_fs(place)
        self._is_here = isinstance(self._files, LocalFileSystem)
        name = hashlib.sha256(f"{self._files.protocol} {self._path}".encode()).hexdigest()[:16]
        own = cache_folder() / "predict" / name
        self.parts = Path(f"{self._path}.parts") if self._is_here else own
        self._lock = own.with_suffix(".lock")

    def is_source(self, source: Source) -> bool:
        """Whether it would be written over that file."""
        return bool(type(self._files) is type(source.files) and self._path == source.path)

    def lies_in(self, folder: str) -> bool:
        """Whether it lies in that folder of its file system, or in one of its folders."""
        return bool(folder) and self._path.startswith(f"{folder.rstrip('/')}/")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs of this machine away; raises `InputError` where one is at it."""
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self._lock, timeout=0):
                yield
        except Timeout:
            raise InputError(f"{self.place} is being written by another run; wait until it has ended") from None

    def exists(self, end: str = "") -> bool:
        """Whether the file is there, or the one of its name and `end`."""
        with explain_file_system(self.place):
            return bool(self._files.exists(f"{self._path}{end}"))

    def read_manifest(self) -> Manifest | None:
        """What made the file; null where nothing says so."""
        if not self.exists(MANIFEST):
            return None
        with explain_file_system(self.place), self._files.open(f"{self._path}{MANIFEST}", "rb") as file:
            manifest: Manifest | None = _read(Manifest, file.read())
            return manifest

    @contextmanager
    def written(self, end: str = "") -> Iterator[Path]:
        """A path to write to: what stands there becomes the file when all is written."""
        if self._is_here:
            with written_whole(Path(f"{self._path}{end}")) as half:
                yield half
            return
        with written_whole(self.parts / f"whole{end}") as half:
            yield half
            with explain_file_system(self.place):
                self._files.put_file(str(half), f"{self._path}{end}")

    def write_manifest(self, manifest: Manifest) -> None:
        """Say what made the file, and of texts that were passed on if any were."""
        told = manifest.model_dump()
        told["counts"] = {name: rows for name, rows in told["counts"].items() if rows or name not in PASSED_ON}
        told = {name: value for name, value in told.items() if value or name != "teacher_usd"}
        with self.written(MANIFEST) as half:
            half.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def remove(self, end: str = "") -> None:
        """Take away the file of its name and `end`, if it is there."""
        if self.exists(end):
            with explain_file_system(self.place):
                self._files.rm_file(f"{self._path}{end}")


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
        if before := _find_done(output, identity, overwrite):
            if teacher is not None:
                teacher.spent_usd += before.teacher_usd  # the budget is one for all files, whenever they were written
            return before.counts, True
        task = _plan(source, path, column, model, wanted, kind)
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
        _clear(output.parts)
        return counts, False


def _pass_on(
    output: Output, parts: Iterable[int], counts: Counts, model: Model, task: Task, teacher: Teacher
) -> tuple[Counts, float]:
    """Ask the teacher about a file's unsure rows; returns the counts, and what that cost in dollars."""
    spent = teacher.spent_usd
    given = ask_teacher(output.parts, sorted(parts), model.student.kind, task, teacher)
    return counts.model_copy(update={"by_teacher": given}), teacher.spent_usd - spent


def hash_model(folder: Path, file: str) -> str:
    """The sha256 over all that a student's answers depend on."""
    hashes = [file_sha256(folder / name) for name in (*MODEL_FILES, file)]
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def _plan(source: Source, path: Path, column: str, model: Model, wanted: Wanted, kind: str) -> Task:
    """What is to be done with a file; raises `InputError` if its rows cannot be read, or not be written so."""
    table, fields = open_table(path, source.path, source.kind, column), list_fields(model.student, wanted)
    layout = choose_layout(kind, source.path, table.columns, table.schema, table.separator, fields)
    return Task(path, source.path, source.kind, column, wanted, layout, [field.name for field in fields])


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


def _find_done(output: Output, identity: Identity, overwrite: bool) -> Manifest | None:
    """What made the output, if it is there and of the same; else its folder of parts is there, empty or begun.

    Raises `InputError` if the output or the parts are of something else, unless they may be replaced. A run that was
    begun could replace what is there, so it may go on.
    """
    there = output.exists()
    manifest = output.read_manifest() if there else None
    if manifest and manifest.identity == identity:
        return manifest
    place = output.parts / IDENTITY
    begun: Identity | None = _read(Identity, place.read_bytes()) if place.is_file() else None
    if begun != identity:
        if not overwrite:
            _check_free(output, manifest, begun, identity, there=there)
        _clear(output.parts)
        with written_whole(place) as half:
            half.write_text(identity.model_dump_json(), encoding="utf-8")
    return None


def _check_free(
    output: Output, manifest: Manifest | None, begun: Identity | None, identity: Identity, *, there: bool
) -> None:
    """Raise `InputError` if another run made or began the output, or nobody knows who did."""
    if there and manifest is None:
        raise InputError(f"{output.place} is there already, and no {MANIFEST} says that distil wrote it; {REMEDY}")
    for before, how in ((manifest and manifest.identity, "was written"), (begun, "was begun")):
        if before:
            changed = [name for name in DIFFERENCES if getattr(before, name) != getattr(identity, name)]
            raise InputError(f"{output.place} {how} {' and '.join(DIFFERENCES[name] for name in changed)}; {REMEDY}")


def _clear(parts: Path) -> None:
    """Take the parts away; without what says of what they are, nobody takes what is left for whole."""
    with suppress(OSError):
        (parts / IDENTITY).unlink()
    shutil.rmtree(parts, ignore_errors=True)


def _read(model: Any, content: bytes) -> Any:
    """What a file of this room says; null where it is not of it."""
    try:
        return model.model_validate_json(content)
    except ValidationError:
        return None


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
