"""Rows of which the student is not sure, passed on to the teacher once all parts of a file are labelled.

It is asked about all of them together, so that a budget holds for all, about each text once. The parts that have such
rows are then written once more, beside what they were. Where the teacher is away, the parts wait, and the next run asks
for what is missing.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from distil.core.errors import DistilError
from distil.core.params import Kind
from distil.core.tables import TEXTS, write_rows
from distil.predict.answers import Answer, write_teacher_answer
from distil.predict.parts import UNSURE_ROWS, Task, add_answer, name_part
from distil.predict.reading import Row
from distil.predict.writing import change_part

ASKED = "asked.parquet"  # in the folder of parts: the texts that the teacher is asked about
ANSWERED = ".answered"  # before the end of the name of a part's rows, when the teacher's answers are in them


class Teacher(Protocol):
    """Who is asked about the texts that the student is not sure of."""

    spent_usd: float  # what its answers cost so far, in all files of a run

    @property
    def sha256(self) -> str:
        """The hash of all that its labels depend on, but for the texts."""

    def ask(self, texts: Path) -> Mapping[str, str]:
        """The canonical label of each text of a table of `tables.TEXTS`, by id, but for those on which it abstains."""


def ask_teacher(folder: Path, parts: Iterable[int], kind: Kind, task: Task, teacher: Teacher) -> int:
    """Have the teacher asked about all unsure rows, and write their parts with its answers; returns how many it gave.

    Raises what the teacher raises, with how many texts wait for it.
    """
    by_part = {name_part(folder, number): _read_unsure(name_part(folder, number)) for number in parts}
    ids = {text: hashlib.sha256(text.encode()).hexdigest() for rows in by_part.values() for text in rows.values()}
    write_rows(folder / ASKED, TEXTS, [{"id": key, "text": text} for text, key in ids.items()])
    try:
        labels = teacher.ask(folder / ASKED)
    except DistilError as error:
        error.args = (f"{error}; {len(ids):,} texts wait for the teacher: the same command goes on with them",)
        raise
    given = 0
    for place, rows in by_part.items():
        said = {
            number: write_teacher_answer(kind, labels[ids[text]], text, task.wanted)
            for number, text in rows.items()
            if ids[text] in labels
        }
        _answer_part(place, said, task)
        given += len(said)
    return given


def choose_rows(place: Path, task: Task) -> Path:
    """The rows of a part: with the teacher's answers, if there are any."""
    answered = place.with_suffix(f"{ANSWERED}{task.layout.kind}")
    return answered if answered.exists() else place.with_suffix(task.layout.kind)


def _answer_part(place: Path, said: Mapping[int, Answer], task: Task) -> None:
    """Write a part's rows with the teacher's answers, by the numbers of the rows."""

    def change(number: int, row: dict[str, Any]) -> dict[str, Any]:
        return add_answer(Row("", row, ""), said[number], task.column) if number in said else row

    if said:
        rows, answered = place.with_suffix(task.layout.kind), place.with_suffix(f"{ANSWERED}{task.layout.kind}")
        change_part(rows, answered, task.layout, change)


def _read_unsure(place: Path) -> dict[int, str]:
    """The texts of a part that go to the teacher, by the number of their row in it."""
    with place.with_suffix(UNSURE_ROWS).open(encoding="utf-8", newline="\n") as file:
        return {row["row"]: row["text"] for row in map(json.loads, file)}
