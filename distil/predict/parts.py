"""The parts of a file: some thousand rows each, labelled by themselves, and written whole or not at all.

A part does not depend on the others, so it does not matter when, where and in which order they are labelled. Of each
there are three files in the folder of parts: the labelled rows, those that were left out, and the counts, written last;
and one more where texts are passed on of which the student is not sure.
"""

from collections.abc import Container, Iterator, Sequence
from itertools import count, islice
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from distil.classifiers.opening import OnnxStudent
from distil.core.errors import InputError
from distil.core.params import Params
from distil.core.whole_files import written_whole
from distil.encoders.batching import chunk_texts
from distil.predict.answers import UNLIKE, Answer, Wanted, answer
from distil.predict.reading import Row, open_table
from distil.predict.writing import Layout, write_line, write_part
from distil.selective.unlike import Unlike
from distil.texts.json_files import replace_value

PART_ROWS = 4096
CHUNK_CHARACTERS = 2**20  # of the texts that are in memory as tokens
COUNTS, REJECTED = ".counts", ".rejects"  # ends of the names of a part's files, beside that of its rows
UNSURE_ROWS = ".unsure"  # of those that are passed on
Part = tuple[int, list[Row]]


class Counts(Params):
    """Rows of the output, rows that were left out, and texts that are longer than the student reads.

    Of `unsure` rows the student is not sure, or they are unlike its training texts: so many of them are `unlike`. Where
    they go to a file they are not among `rows`. `by_teacher` are those that the teacher labelled; on the others of them
    it abstained.
    """

    rows: int = 0
    rejected: int = 0
    cut: int = 0
    unsure: int = 0
    unlike: int = 0
    by_teacher: int = 0

    def add(self, other: "Counts") -> "Counts":
        """Both together."""
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in Counts.model_fields})


class Task(NamedTuple):
    """A file that is on this machine, what messages call it, its format, and what is made of its rows.

    `added` has the names of the columns that are added, `unlike` measures how unlike the training texts a text is.
    """

    path: Path
    name: str
    kind: str
    column: str
    wanted: Wanted
    layout: Layout
    added: Sequence[str]
    unlike: Unlike | None = None


def cut_parts(task: Task, done: Container[int]) -> Iterator[Part]:
    """Return the parts of a file that are not done, with their numbers.

    Raises `InputError` if a row has a key of its own where one is added.
    """
    rows = open_table(task.path, task.name, task.kind, task.column).rows
    for number in count():
        part = list(islice(rows, PART_ROWS))
        if not part:
            return
        if number not in done:
            _check_keys(task, part)
            yield number, part


def label_part(place: Path, rows: Sequence[Row], student: OnnxStudent, task: Task) -> Counts:
    """Label rows and write them; `place` is the path of the part without the ends of its files' names."""
    good = [row for row in rows if row.fault is None]
    labelled: list[dict[str, Any]] = []
    unsure: list[dict[str, Any]] = []
    cut, unlike, to = 0, 0, task.wanted.unsure_to
    places = iter(good)
    for texts in chunk_texts((row.text for row in good), PART_ROWS, CHUNK_CHARACTERS):
        for said, row in zip(answer(student, texts, task.wanted, task.unlike), places, strict=False):
            whole = add_answer(row, said, task.column)
            if said.passed_on:
                passed = {"row": len(labelled), "text": row.text}
                unsure.append(passed if to == "teacher" else {"place": row.place} | whole)
            if not said.passed_on or to == "teacher":
                labelled.append(whole)
            cut += said.cut
            unlike += UNLIKE in said.passed_on
    left_out = [{"place": row.place, "reason": row.fault} for row in rows if row.fault is not None]
    counts = Counts(rows=len(labelled), rejected=len(left_out), cut=cut, unsure=len(unsure), unlike=unlike)
    with written_whole(place.with_suffix(task.layout.kind)) as half:
        write_part(half, task.layout, labelled)
    for end, lines in ((REJECTED, left_out), *([(UNSURE_ROWS, unsure)] if to else [])):
        with written_whole(place.with_suffix(end)) as half:
            half.write_text("".join(map(write_line, lines)), encoding="utf-8")
    with written_whole(place.with_suffix(COUNTS)) as half:
        half.write_text(counts.model_dump_json(), encoding="utf-8")
    return counts


def name_part(folder: Path, number: int) -> Path:
    """The path of a part in the folder of parts, without the ends of its files' names."""
    return folder / f"{number:08d}"


def find_done(folder: Path) -> dict[int, Counts]:
    """The parts of a folder that are whole."""
    found = {int(path.stem): read_counts(path) for path in folder.glob(f"*{COUNTS}")}
    return {number: counts for number, counts in sorted(found.items()) if counts}


def read_counts(place: Path) -> Counts | None:
    """The counts of a part; null where it is not whole."""
    try:
        return Counts.model_validate_json(place.with_suffix(COUNTS).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _check_keys(task: Task, rows: Sequence[Row]) -> None:
    """Raise `InputError` if a row has a key of its own where one is added; of columns that is known before."""
    if task.layout.columns is not None:
        return
    for row in rows:
        if taken := next((name for name in task.added if name in row.cells), None):
            raise InputError(
                f"{task.name}, {row.place} has a key {taken!r} already; have --prefix put something before those that "
                "are added"
            )


def add_answer(row: Row, said: Answer, column: str) -> dict[str, Any]:
    """The row with what is said of it."""
    own = row.cells if said.text is None else replace_value(row.cells, column, said.text)
    return {**own, **said.cells}
