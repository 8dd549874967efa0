"""Where labelled rows go: a file here or at an address, what stands beside it, and what it was made of.

OUTPUT.manifest.json says what made an output, and a folder of parts says of what they are: so a run knows what is done,
what it may go on with, and what somebody else made.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import fsspec
from filelock import FileLock, Timeout
from fsspec.implementations.local import LocalFileSystem
from pydantic import ValidationError

from distil.core.errors import InputError
from distil.core.params import Params
from distil.core.runtime import cache_folder
from distil.core.whole_files import written_whole
from distil.predict.answers import Wanted
from distil.predict.parts import PART_ROWS, Counts
from distil.predict.sources import MANIFEST, Source, explain_file_system

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
PASSED_ON = ("unsure", "unlike", "by_teacher")  # among the counts
IDENTITY = "identity.json"  # in a folder of parts: of what they are
REMEDY = "name another output, or let --overwrite begin anew"


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


def find_made(output: Output, identity: Identity, overwrite: bool) -> Manifest | None:
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
        clear(output.parts)
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


def clear(parts: Path) -> None:
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
