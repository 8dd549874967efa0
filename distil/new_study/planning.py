"""Plan a study from what its file holds and what its user says."""

import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from distil.core.errors import InputError
from distil.core.params import Kind, TaskParams
from distil.new_study.gold import order_labels
from distil.new_study.looking import Found
from distil.new_study.teachers import TeacherPreset
from distil.new_study.writing import OF_KIND, NewStudy
from distil.prompting.params import explain_first
from distil.texts.cells import Columns

COLUMNS_OF_CONLL = Columns(text="text", gold="gold")


@dataclass(frozen=True)
class Choices:
    """What the user says of the task, beside what is said of the file; null: as it is found."""

    name: str
    kind: Kind | None = None
    labels: str | None = None  # with commas between them
    language: str | None = None
    header: bool = True


def plan_study(found: Found, choices: Choices, file: str, teacher: TeacherPreset) -> NewStudy:
    """The study to be made; raises `InputError` if there are no labels, or none that a task can have."""
    kind = choices.kind or (found.gold.kind if found.gold else "classification")
    labels = _choose_labels(found, choices.labels, file)
    study = NewStudy(
        name=_make_name(choices.name),
        kind=kind,
        labels=labels,
        language=choices.language or found.language,
        file=file,
        header=choices.header,
        columns=_name_columns(found),
        max_length=found.max_length,
        teacher=teacher,
    )
    try:
        TaskParams(
            name=study.name, kind=kind, description=OF_KIND[kind].question, language=study.language, labels=labels
        )
    except ValidationError as error:
        raise InputError(
            f"this is no task yet ({explain_first(error)}); say which labels there are: --labels a,b,c"
        ) from None
    return study


def _make_name(wish: str) -> str:
    """A name that can be that of a file: letters, digits, hyphens and underscores."""
    name = re.sub(r"[^\w-]+", "_", Path(wish).name).strip("_")
    if not name:
        raise InputError(f"{wish!r} makes no name for a study; give it one: --name")
    return name


def _choose_labels(found: Found, wish: str | None, file: str) -> list[str]:
    """Those that the user names, or else those of the gold column."""
    given = [label.strip() for label in (wish or "").split(",") if label.strip()]
    there = list(found.gold.labels) if found.gold else []
    if not given and not there:
        raise InputError(f"nobody labelled {file}, so it cannot tell which labels there are; name them: --labels a,b,c")
    if given and (unknown := [label for label in there if label not in given]):
        raise InputError(
            f"{file} has the label {unknown[0]!r} in its column of labels, which --labels "
            "lacks; add it, or leave the column out: --gold-column none"
        )
    return given or order_labels(there)


def _name_columns(found: Found) -> Columns | None:
    gold = found.gold.column if found.gold else None
    if found.text is None:
        return COLUMNS_OF_CONLL if gold else None
    return Columns(text=found.text, gold=gold, split=found.split)
