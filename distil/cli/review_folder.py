"""What the commands of `distil review` have in common: where a study's sheets are, who reads, and what came of it."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from distil.cli.project import stage_path
from distil.core.errors import InputError
from distil.core.params import TaskParams, load_params
from distil.forms.labelling import load_labelling
from distil.review.answers import name_reader
from distil.review.opening import Places
from distil.review.settling import Settled


class SheetChoice(StrEnum):
    """A sheet, as typer takes it."""

    AUDIT = "audit"
    QUEUE = "queue"
    ADJUDICATION = "adjudication"


def find_places() -> Places:
    """Where the study has what is reviewed, as dvc.yaml says."""
    texts, labels = stage_path("split", "--texts"), stage_path("split", "--labels")
    return Places(
        stage_path("aggregate", "--corrections").parent, texts, labels, knows_labels(load_params("task", TaskParams))
    )


def knows_labels(task: TaskParams) -> Callable[[str], bool]:
    """What says whether a label in the canonical form names labels of the task alone."""
    form = load_labelling(task.kind).form

    def knows(label: str) -> bool:
        try:
            form.read_cell(label, task.labels)
        except ValueError:
            return False
        return True

    return knows


def check_reader(name: str | None) -> str | None:
    """A reader's name as answers have it; raises `InputError` if it cannot be one."""
    try:
        return None if name is None else name_reader(name)
    except ValueError as error:
        raise InputError(str(error)) from None


def describe_settled(settled: Settled, folder: Path) -> str:
    """What the answers came to, in one line."""
    forgotten = f"{settled.forgotten:,} answers with a label that the task has no more count as none; "
    return (
        f"{settled.corrections:,} corrections and {settled.audited:,} audited rows in {folder}, "
        f"{settled.disputed:,} on which readers differ, {settled.unanswered:,} unsure or skipped; "
        f"{forgotten if settled.forgotten else ''}'dvc repro' takes them in"
    )
