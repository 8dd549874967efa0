"""Label a file part by part, so that a run that is killed goes on where it was, and one that ended does nothing.

A part is some thousand rows. It is labelled by itself and written under a temporary name, so parts do not depend on
when a run was broken off: the output has the same bytes. Parts wait in a folder beside the output until all are there
(for an output at an address: in distil's own cache), and are then joined. Beside the output stands what made it, in
OUTPUT.manifest.json, and what could not be labelled, with its place, in OUTPUT.rejects.jsonl.

Rows of which the student is not sure go to OUTPUT.unsure.jsonl in place of the output, or to the teacher: once all
parts are labelled, it is asked about them together, so that a budget holds for all of them, and the parts that have
such rows are written once more. Where it is away, the parts wait, and the next run asks for what is missing.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import fsspec
from filelock import FileLock, Timeout
from fsspec.implementations.local import LocalFileSystem
from pydantic import ValidationError

from distil.assets.packages import file_sha256
from distil.classifiers.opening import OnnxStudent
from distil.core.errors import DistilError, InputError
from distil.core.params import Params
from distil.core.runtime import cache_folder
from distil.core.tables import TEXTS, write_rows
from distil.core.whole_files import written_whole
from distil.encoders.batching import chunk_texts
from distil.predict.answers import Answer, Wanted, answer, list_fields, write_teacher_answer
from distil.predict.reading import Row, Table, open_table
from distil.predict.sources import MANIFEST, REJECTS, UNSURE, Source, brought, explain_file_system
from distil.predict.writing import Layout, change_part, choose_layout, join_parts, write_line, write_part
from distil.texts.json_files import replace_value
from distil.texts.opening import explain_bytes

PART_ROWS = 4096
CHUNK_CHARACTERS = 2**20  # of the texts that are in memory as tokens
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
UNSURE_PART, ANSWERED_PART = ".unsure", ".answered"  # of a part: rows to be passed on, and rows with their answers
IDENTITY = "identity.json"  # in a folder of parts: of what they are
REMEDY = "name another output, or let --overwrite begin anew"


class Model(NamedTuple):
    """A student, the file of its folder that is run, and the sha256 of all that its answers depend on."""

    student: OnnxStudent
    file: str
    sha256: str


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


class Counts(Params):
    """Rows of the output, rows that were left out, and texts that are longer than the student reads.

    Of `unsure` rows the student is not sure: where these go to a file they are not among `rows`. `by_teacher` are those
    that the teacher labelled; on the others of them it abstained.
    """

    rows: int = 0
    rejected: int = 0
    cut: int = 0
    unsure: int = 0
    by_teacher: int = 0

    def add(self, other: "Counts") -> "Counts":
        """Both together."""
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in Counts.model_fields})


class Teacher(Protocol):
    """Who is asked about the texts that the student is not sure of."""

    @property
    def sha256(self) -> str:
        """The hash of all that its labels depend on, but for the texts."""

    def ask(self, texts: Path) -> Mapping[str, str]:
        """The canonical label of each text of a table of `tables.TEXTS`, by id, but for those on which it abstains."""


class Manifest(Params):
    """What made an output."""

    input: str
    model_file: str
    identity: Identity
    counts: Counts


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
        """Say what made the file."""
        with self.written(MANIFEST) as half:
            half.write_text(json.dumps(manifest.model_dump(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def remove(self, end: str = "") -> None:
        """Take away the file of its name and `end`, if it is there."""
        if self.exists(end):
            with explain_file_system(self.place):
                self._files.rm_file(f"{self._path}{end}")


def check_source(source: Source, path: Path, column: str, model: Model, wanted: Wanted, kind: str) -> None:
    """Raise `InputError` if the file cannot be labelled, or its rows not be written in that format."""
    with explain_bytes(path, source.path):
        _lay_out(open_table(path, source.path, source.kind, column), source, model, wanted, kind)


def label_file(
    source: Source,
    output: Output,
    column: str,
    model: Model,
    wanted: Wanted,
    kind: str,
    overwrite: bool,
    note: Callable[[int, int | None, bool], None],
    teacher: Teacher | None = None,
) -> tuple[Counts, bool]:
    """Label a file's rows into an output of that format; returns what became of them, and whether that was done before.

    `note` is told the rows of each part, how many there are about, where that is known, and whether the part was done
    before. `overwrite` lets an output that something else made be replaced. `teacher` is asked about the texts that the
    student is not sure of, where they go to it. Raises `InputError`, and what the teacher raises.
    """
    with output.locked(), brought(source) as path, explain_bytes(path, source.path):
        digest, lines = _read_through(path)
        identity = _identify(digest, source, column, model, wanted, kind, teacher)
        if before := _find_done(output, identity, overwrite):
            return before.counts, True
        table = open_table(path, source.path, source.kind, column)
        layout = _lay_out(table, source, model, wanted, kind)
        counts, parts = Counts(), 0
        while rows := list(islice(table.rows, PART_ROWS)):
            part = output.parts / f"{parts:08d}"
            found = _read_counts(part)
            if found is None:
                _check_keys(rows, layout, source, model, wanted)
            counts = counts.add(found or _label_part(part, rows, layout, model, wanted, column))
            parts += 1
            note(len(rows), lines, found is not None)
        if teacher is not None and counts.unsure:
            answered = _ask_teacher(output, layout, parts, model, wanted, column, teacher)
            counts = counts.model_copy(update={"by_teacher": answered})
        _finish(output, layout, parts, counts, to_file=wanted.unsure_to == "file")
        output.write_manifest(Manifest(input=str(source.name), model_file=model.file, identity=identity, counts=counts))
        _clear(output.parts)
        return counts, False


def hash_model(folder: Path, file: str) -> str:
    """The sha256 over all that a student's answers depend on."""
    hashes = [file_sha256(folder / name) for name in (*MODEL_FILES, file)]
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def _lay_out(table: Table, source: Source, model: Model, wanted: Wanted, kind: str) -> Layout:
    fields = list_fields(model.student, wanted)
    return choose_layout(kind, source.path, table.columns, table.schema, table.separator, fields)


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


def _check_keys(rows: Sequence[Row], layout: Layout, source: Source, model: Model, wanted: Wanted) -> None:
    """Raise `InputError` if a row has a key of its own where one is added; of columns that is known before."""
    added = [field.name for field in list_fields(model.student, wanted)] if layout.columns is None else []
    for row in rows:
        if taken := next((name for name in added if name in row.cells), None):
            raise InputError(
                f"{source.path}, {row.place} has a key {taken!r} already; have --prefix put something before those "
                "that are added"
            )


def _read_counts(part: Path) -> Counts | None:
    """The counts of a part that is whole: they are written last."""
    done = part.with_suffix(".json")
    counts: Counts | None = _read(Counts, done.read_bytes()) if done.is_file() else None
    return counts


def _label_part(part: Path, rows: list[Row], layout: Layout, model: Model, wanted: Wanted, column: str) -> Counts:
    """Label rows and write them."""
    good = [row for row in rows if row.fault is None]
    labelled: list[dict[str, Any]] = []
    unsure: list[dict[str, Any]] = []
    cut = 0
    places = iter(good)
    for texts in chunk_texts((row.text for row in good), PART_ROWS, CHUNK_CHARACTERS):
        for said, row in zip(answer(model.student, texts, wanted), places, strict=False):
            whole = _add(row, said, column)
            if said.unsure:
                to_file = wanted.unsure_to == "file"
                unsure.append({"place": row.place} | whole if to_file else {"row": len(labelled), "text": row.text})
            if not said.unsure or wanted.unsure_to == "teacher":
                labelled.append(whole)
            cut += said.cut
    left_out = [{"place": row.place, "reason": row.fault} for row in rows if row.fault is not None]
    counts = Counts(rows=len(labelled), rejected=len(left_out), cut=cut, unsure=len(unsure))
    with written_whole(part.with_suffix(layout.kind)) as half:
        write_part(half, layout, labelled)
    with written_whole(part.with_suffix(".rejects")) as half:
        half.write_text("".join(map(write_line, left_out)), encoding="utf-8")
    if wanted.unsure_to is not None:
        with written_whole(part.with_suffix(UNSURE_PART)) as half:
            half.write_text("".join(map(write_line, unsure)), encoding="utf-8")
    with written_whole(part.with_suffix(".json")) as half:
        half.write_text(counts.model_dump_json(), encoding="utf-8")
    return counts


def _add(row: Row, said: Answer, column: str) -> dict[str, Any]:
    """The row with what is said of it."""
    own = row.cells if said.text is None else replace_value(row.cells, column, said.text)
    return {**own, **said.cells}


def _ask_teacher(
    output: Output, layout: Layout, parts: int, model: Model, wanted: Wanted, column: str, teacher: Teacher
) -> int:
    """Have the teacher asked about all unsure rows, and write their parts with its answers; returns how many it gave.

    A text is asked about once, however often it stands there. What the teacher raises says how many rows wait for it.
    """
    by_part = {name: _read_unsure(name) for name in _name_parts(output, parts)}
    ids = {text: hashlib.sha256(text.encode()).hexdigest() for rows in by_part.values() for text in rows.values()}
    asked = output.parts / "asked.parquet"
    write_rows(asked, TEXTS, [{"id": key, "text": text, "gold": None, "split": None} for text, key in ids.items()])
    try:
        labels = teacher.ask(asked)
    except DistilError as error:
        error.args = (f"{error}; {len(ids):,} texts wait for the teacher: the same command goes on with them",)
        raise
    for name, rows in by_part.items():
        said = {
            number: write_teacher_answer(model.student.kind, labels[ids[text]], text, wanted)
            for number, text in rows.items()
            if ids[text] in labels
        }

        def change(number: int, row: dict[str, Any], said: Mapping[int, Answer] = said) -> dict[str, Any]:
            return _add(Row("", row, ""), said[number], column) if number in said else row

        if rows:
            change_part(
                name.with_suffix(layout.kind), name.with_suffix(f"{ANSWERED_PART}{layout.kind}"), layout, change
            )
    return sum(ids[text] in labels for rows in by_part.values() for text in rows.values())


def _name_parts(output: Output, parts: int) -> list[Path]:
    return [output.parts / f"{number:08d}" for number in range(parts)]


def _read_unsure(part: Path) -> dict[int, str]:
    """The texts of a part that go to the teacher, by the number of their row in it."""
    with part.with_suffix(UNSURE_PART).open(encoding="utf-8", newline="\n") as file:
        return {row["row"]: row["text"] for row in map(json.loads, file)}


def _finish(output: Output, layout: Layout, parts: int, counts: Counts, *, to_file: bool) -> None:
    names = _name_parts(output, parts)
    answered = [name.with_suffix(f"{ANSWERED_PART}{layout.kind}") for name in names]
    output.remove(MANIFEST)  # of an output that is replaced
    with output.written() as half:
        chosen = [
            new if new.exists() else name.with_suffix(layout.kind) for new, name in zip(answered, names, strict=True)
        ]
        join_parts(half, layout, chosen)
    beside = {REJECTS: (".rejects", counts.rejected), UNSURE: (UNSURE_PART, counts.unsure if to_file else 0)}
    for end, (suffix, rows) in beside.items():
        if not rows:
            output.remove(end)
            continue
        with output.written(end) as half, half.open("wb") as file:
            for name in names:
                file.write(name.with_suffix(suffix).read_bytes())
