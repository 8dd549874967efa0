"""The command `distil publish`: the exported student and its model card, to the Hugging Face Hub."""

import json
import subprocess
import sys
from typing import Annotated, Any

import typer
from huggingface_hub import HfApi

from distil.cli.project import artifact_path, stage_path
from distil.core.errors import InputError
from distil.core.served import read_default_file
from distil.publish.release import CARD, Release, check_name, collect_files, publish, read_card

STAGES = ("export", "report")  # that write what is published
CARD_FILE = "MODEL_CARD.md"  # in the folder that report writes
ABSENT_FROM_CACHE = "not in cache"  # says nothing about the files themselves


def publish_student(
    repository: Annotated[str, typer.Argument(help="owner/name on the Hub; made if it is not there.")],
    *,
    public: Annotated[
        bool, typer.Option("--public", help="For all to see; else for you or your organization.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Send nothing; list what would go.")] = False,
    revision: Annotated[str | None, typer.Option(help="A branch, made if it is not there; else main.")] = None,
    message: Annotated[
        str | None, typer.Option(help="Of the commit; else it names the git commit of the study.")
    ] = None,
) -> None:
    """Put the exported student and its model card on the Hugging Face Hub, privately unless told otherwise."""
    check_name(repository)
    default = read_default_file(stage_path("report", "--export"))
    files = collect_files(artifact_path("student"), default)
    check_fresh()
    card = read_card(stage_path("report", "--reports") / CARD_FILE, default, repository)
    release = Release(repository, files, card, message or describe_commit(), public, revision)
    if dry_run:
        print_release(release)
        return
    published = publish(release, HfApi())
    for name in published.removed:
        typer.echo(f"removed {name}, of an earlier release")
    visibility = "private" if published.is_private else "public"
    typer.echo(f"{len(files) + 1} files, {visibility}, commit {published.commit[:12]} -> {published.url}")


def check_fresh() -> None:
    """Raise `InputError` if `dvc status` finds that the files are not what the study as it stands makes."""
    command = [sys.executable, "-m", "dvc", "status", "--json", *STAGES]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)  # noqa: S603 - no shell, no user's word
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise InputError(f"'dvc status' fails, so nobody knows what would be published: {last}")
    for stage, changes in json.loads(done.stdout).items():
        for what in list_changes(changes):
            raise InputError(f"stage {stage} is out of date ({what}); run 'dvc repro', or in a clone 'dvc pull'")


def list_changes(changes: list[Any]) -> list[str]:
    """What `dvc status` says of one stage, in a line each: a path and how it changed, or another change by its name."""
    found = []
    for change in changes:
        if isinstance(change, str):  # as "changed command"
            found.append(change)
            continue
        for paths in change.values():
            found += [f"{path}: {describe_change(how)}" for path, how in paths.items() if how != ABSENT_FROM_CACHE]
    return found


def describe_change(how: Any) -> str:
    """How a path changed: a word, or for a params file each of its keys with a word."""
    return how if isinstance(how, str) else ", ".join(f"{key} {word}" for key, word in how.items())


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
