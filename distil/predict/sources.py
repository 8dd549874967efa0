"""What there is to label: a file, a folder or a pattern, on this machine or at an address that fsspec knows.

A file at an address is brought to a temporary folder first, since it is read twice: for its hash, and for its rows
(https://filesystem-spec.readthedocs.io).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import fsspec
from fsspec.implementations.local import LocalFileSystem

from distil.core.errors import InputError
from distil.texts.opening import kind_of

FORMATS = (".csv", ".tsv", ".jsonl", ".parquet", ".txt", ".json", ".xlsx")
MANIFEST, REJECTS, UNSURE = (
    ".manifest.json",
    ".rejects.jsonl",
    ".unsure.jsonl",
)  # ends of the names of what a run writes beside its outputs
MAGIC = "*?["  # signs of a pattern
OF_FILE_SYSTEMS = (
    OSError,
    ValueError,
    ImportError,
    RuntimeError,
)  # raised by them, or where a package for one is missing


class Source(NamedTuple):
    """A file in a file system, and its name below the folder or pattern that was asked for."""

    files: Any
    path: str
    name: PurePosixPath

    @property
    def kind(self) -> str:
        """The suffix that tells how it is read; that of `a.csv.gz` is `.csv`."""
        return kind_of(Path(self.name))


class Found(NamedTuple):
    """The files that were asked for, whether one was named by itself, and the folder that all others are below.

    `is_deep` tells whether files of folders in it are asked for too.
    """

    sources: list[Source]
    is_one: bool
    root: str = ""
    is_deep: bool = False


def find_sources(place: str) -> Found:
    """The files of a path, a folder or a pattern, sorted by name; of a folder those of the known formats.

    Raises `InputError` if there is none, or one that is named is of no known format.
    """
    is_one, root = False, ""
    with explain_file_system(place):
        files, inside = fsspec.core.url_to_fs(place)
        if files.isdir(inside):
            root = inside
            found = [one for one in _below(files, files.find(inside), root) if one.kind in FORMATS]
        elif files.isfile(inside):
            found, is_one = [Source(files, inside, PurePosixPath(inside.rpartition("/")[2]))], True
        else:
            start = min((inside.find(sign) for sign in MAGIC if sign in inside), default=-1)
            names = [name for name in files.glob(inside) if files.isfile(name)] if start >= 0 else []
            root = inside[: max(start, 0)].rpartition("/")[0]
            found = list(_below(files, names, root))
    if not found:
        raise InputError(
            f"{place} has no file to label; name a file, a folder or a pattern of files: {', '.join(FORMATS)}, packed "
            "as .gz too"
        )
    for source in found:
        if source.kind not in FORMATS:
            raise InputError(f"{source.path}: files of the kind '{source.kind}' are not read; {', '.join(FORMATS)} are")
    is_deep = not is_one and (root == inside or "**" in inside)
    return Found(sorted(found, key=lambda source: source.name), is_one, root, is_deep)


@contextmanager
def brought(source: Source) -> Iterator[Path]:
    """The file on this machine; raises `InputError` if it cannot be brought."""
    if isinstance(source.files, LocalFileSystem):
        yield Path(source.path)
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / source.name.name
        with explain_file_system(source.path):
            source.files.get_file(source.path, str(path))
        yield path


@contextmanager
def explain_file_system(place: str) -> Iterator[None]:
    """Turn what a file system raises into one line."""
    try:
        yield
    except InputError:
        raise
    except OF_FILE_SYSTEMS as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{place} cannot be reached ({said})") from None


def _below(files: Any, paths: list[str], folder: str) -> Iterator[Source]:
    """Those that are neither hidden nor written by a run."""
    for path in paths:
        name = PurePosixPath(path.removeprefix(folder).lstrip("/"))
        if not any(part.startswith(".") for part in name.parts) and not name.name.endswith((MANIFEST, REJECTS, UNSURE)):
            yield Source(files, path, name)
