"""What the commands of `distil review` have in common: where a study's sheets are, who reads, and what came of it."""

from enum import StrEnum
from pathlib import Path

from distil.cli.project import stage_path
from distil.core.errors import InputError
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
    return Places(stage_path("aggregate", "--corrections").parent, texts, labels)


def check_reader(name: str | None) -> str | None:
    """A reader's name as answers have it; raises `InputError` if it cannot be one."""
    try:
        return None if name is None else name_reader(name)
    except ValueError as error:
        raise InputError(str(error)) from None


def describe_settled(settled: Settled, folder: Path) -> str:
    """What the answers came to, in one line."""
    return (
        f"{settled.corrections:,} corrections and {settled.audited:,} audited rows in {folder}, "
        f"{settled.disputed:,} on which readers differ, {settled.unanswered:,} unsure or skipped; "
        "'dvc repro' takes them in"
    )
