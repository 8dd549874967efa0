"""The command `distil publish`: the student, or the labels it learned from, each with its card, to the Hub."""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import typer
from huggingface_hub import HfApi

from distil.cli.labels import read_splits
from distil.cli.project import artifact_path, check_fresh, stage_path
from distil.core.errors import InputError
from distil.core.metrics import read_details
from distil.core.params import TaskParams, load_params
from distil.core.served import read_default_file
from distil.publish.dataset_card import Origin, SourceParams, render_dataset_card
from distil.publish.label_files import write_parquet
from distil.publish.release import CARD, Release, check_name, collect_files, publish, read_card
from distil.report.prompt import read_prompt_of

STAGES = ("export", "report")  # that write the student and its card
CARD_FILE = "MODEL_CARD.md"  # in the folder that report writes


def publish_student(
    repository: Annotated[
        str | None, typer.Argument(help="owner/name of the student on the Hub; made if it is not there.")
    ] = None,
    *,
    dataset: Annotated[
        str | None, typer.Option(help="owner/name of a dataset: the labels go there, in place of the student.")
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="For all to see; else for you or your organization.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Send nothing; list what would go.")] = False,
    revision: Annotated[str | None, typer.Option(help="A branch, made if it is not there; else main.")] = None,
    message: Annotated[
        str | None, typer.Option(help="Of the commit; else it names the git commit of the study.")
    ] = None,
) -> None:
    """Put the exported student and its model card on the Hugging Face Hub, privately unless told otherwise.

    With --dataset, the labels and a card that says how they were made.
    """
    name = dataset or repository
    if name is None or (dataset and repository):
        raise InputError("give owner/name for the student, or --dataset owner/name for the labels")
    check_name(name)
    with TemporaryDirectory() as folder:
        files, card = make_dataset(Path(folder)) if dataset else find_student(name)
        kind: Literal["model", "dataset"] = "dataset" if dataset else "model"
        release = Release(name, files, card, message or describe_commit(), public, revision, kind)
        if dry_run:
            print_release(release)
        else:
            send(release)


def find_student(repository: str) -> tuple[dict[str, Path], str]:
    """The student's files and its card, of one run."""
    default = read_default_file(stage_path("report", "--export"))
    files = collect_files(artifact_path("student"), default)
    check_fresh(STAGES)
    kind = load_params("task", TaskParams).kind
    return files, read_card(stage_path("report", "--reports") / CARD_FILE, kind, default, repository)


def make_dataset(folder: Path) -> tuple[dict[str, Path], str]:
    """The labels as files in a folder, and their card."""
    splits, _ = read_splits()
    paths = write_parquet(folder, splits)
    task, params = load_params("task", TaskParams), load_params("report", SourceParams)
    return {f"data/{path.name}": path for path in paths}, render_dataset_card(task, params, splits, read_origin())


def read_origin() -> Origin:
    """Where the labels are from, as the stages recorded it."""
    asked = read_details(stage_path("report", "--annotate"))
    told = read_details(stage_path("report", "--aggregate"))
    scored = read_details(stage_path("split", "--metrics"))
    return Origin(asked, told, scored, read_prompt_of(asked))


def send(release: Release) -> None:
    """Publish a release and say what came of it."""
    published = publish(release, HfApi())
    for name in published.removed:
        typer.echo(f"removed {name}, of an earlier release")
    visibility = "private" if published.is_private else "public"
    typer.echo(f"{len(release.files) + 1} files, {visibility}, commit {published.commit[:12]} -> {published.url}")


def describe_commit() -> str:
    """A commit message that names the git commit that the study stands at."""
    command = ["git", "describe", "--always", "--dirty=, changed since", "--exclude=*", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)  # noqa: S603
    except FileNotFoundError:
        return "distil"
    return f"distil, git commit {done.stdout.strip()}" if done.returncode == 0 else "distil"


def print_release(release: Release) -> None:
    """List the files with their sizes, and what the card tells the Hub."""
    sizes = {CARD: len(release.card.encode())} | {name: path.stat().st_size for name, path in release.files.items()}
    typer.echo(f"{release.repository}, {'public' if release.is_public else 'private'}, {release.revision or 'main'}")
    for name, size in sizes.items():
        typer.echo(f"  {size:12,} bytes  {name}")
    typer.echo(f"commit message: {release.message}")
    typer.echo(f"metadata, at the head of {CARD}:")
    for line in release.card.split("---\n", 2)[1].splitlines():
        typer.echo(f"  {line}")
    typer.echo("nothing was sent")
