"""One side of a comparison: the labels that a study made, in the working tree or at a revision of git.

A revision's files are laid out in a folder that is gone afterwards, so that both sides are read in the same way.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pandas as pd

from distil.core.errors import InputError
from distil.core.metrics import read_details
from distil.core.params import PARAMS_FILE, TaskParams, load_params
from distil.core.tables import LABELS, PREDICTIONS, TEST, TEXTS, read_rows
from distil.revisions.opening import Revision

LOCK = "dvc.lock"
SHORT = 7  # digits of a commit's hash that are shown
WORKING_TREE = "the working tree"


class Places(NamedTuple):
    """Where a study has what is compared, relative to its folder: the same on both sides."""

    texts: Path
    labels: Path
    test: Path
    predictions: Path
    quality: Path  # metrics/quality.json


@dataclass(frozen=True)
class Student:
    """What the served student says of the test rows: `labels` by id, missing where it abstained."""

    system: str
    labels: pd.Series
    confidence: float  # of the intervals that evaluate told


@dataclass(frozen=True)
class Side:
    """What a study made. `student` is None where evaluate did not run, `commit` in the working tree."""

    name: str
    commit: str | None
    task: TaskParams
    texts: pd.DataFrame  # of `tables.TEXTS`, by id
    decided: pd.DataFrame  # of `tables.LABELS`, by id
    test: pd.Index  # the ids of the test rows
    student: Student | None


def read_working_tree(places: Places, name: str = WORKING_TREE) -> Side:
    """Read what stands in the working folder; raises `InputError` if tables of split are missing or damaged."""
    return _read_side(Path(), places, name, None)


def read_revision(name: str, places: Places, project: Path = Path()) -> Side:
    """Read what was committed as `name`, a branch, a tag or a commit.

    Raises `InputError` if there is no such revision, the study did not run there up to split, or what it made is in no
    cache or remote that this machine reaches.
    """
    revision = Revision(name, project)
    if not revision.has(LOCK):
        raise InputError(f"revision {name!r} has no {LOCK}, so no run of the study was committed there; name another")
    with TemporaryDirectory() as folder:
        _lay_out(revision, places, Path(folder))
        with _at_revision(name, folder):
            return _read_side(Path(folder), places, describe_revision(name, revision.commit), revision.commit)


def describe_revision(name: str, commit: str) -> str:
    """A revision's name with the beginning of its commit's hash: main (1a2b3c4)."""
    return commit[:SHORT] if commit.startswith(name) else f"{name} ({commit[:SHORT]})"


def _lay_out(revision: Revision, places: Places, folder: Path) -> None:
    """Write the files of a revision into a folder; what evaluate makes only where it ran."""
    told = [places.predictions, places.quality]
    wanted = [PARAMS_FILE, places.texts, places.labels, places.test]
    for path in wanted + (told if all(map(revision.has, told)) else []):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(revision.read(path))


def _read_side(folder: Path, places: Places, name: str, commit: str | None) -> Side:
    here = Places(*(folder / path for path in places))
    return Side(
        name=name,
        commit=commit,
        task=load_params("task", TaskParams, folder / PARAMS_FILE),
        texts=read_rows(here.texts, TEXTS).set_index("id"),
        decided=read_rows(here.labels, LABELS).set_index("id"),
        test=pd.Index(read_rows(here.test, TEST)["id"]),
        student=_read_student(here) if here.predictions.is_file() and here.quality.is_file() else None,
    )


def _read_student(here: Places) -> Student:
    quality = read_details(here.quality)
    rows = read_rows(here.predictions, PREDICTIONS)
    labels = rows[rows["system"] == quality["served"]].set_index("id")["label"]
    return Student(str(quality["served"]), labels, float(quality["confidence"]))


@contextmanager
def _at_revision(name: str, folder: str) -> Iterator[None]:
    """Say of an error in a file that was laid out at which revision it is, and where it is there."""
    try:
        yield
    except InputError as error:
        raise InputError(f"at revision {name!r}: {str(error).replace(f'{folder}/', '')}") from None
