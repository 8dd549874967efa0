"""The commands `distil store`: what is in the store of paid answers, and how they move between machines."""

import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.parquet as pq
import typer

from distil.annotate.forecast import look_ahead
from distil.cli.project import open_jobs, planned_keys
from distil.core.errors import InputError, describe_error
from distil.core.tables import ANNOTATIONS
from distil.store.answer_store import Store
from distil.store.files import export_answers, import_annotations, import_jsonl
from distil.store.opening import open_store, store_path

SECONDS_PER_DAY = 86400
UNNAMED = "(unnamed, of an older store)"

store_app = typer.Typer(no_args_is_help=True, help="The store of paid answers on this machine.")


@store_app.command("info")
def info() -> None:
    """Say what is in the store, and how much of the present study."""
    with open_store(store_path()) as store:
        size = store.path.stat().st_size / 1e6
        typer.echo(f"{store.path}: {len(store):,} answers, {size:,.1f} MB")
        for one in store.summaries():
            typer.echo(
                f"  {one.teacher or UNNAMED}: {one.answers:,} answers, {one.input_tokens:,} "
                f"tokens in, {one.output_tokens:,} out, {day(one.first_at)} to {day(one.last_at)}"
            )
        try:
            jobs = open_jobs()
        except InputError as error:
            typer.echo(f"no study here: {describe_error(error)}")
            return
        for place, job in zip(("the study here", "its candidates"), jobs, strict=False):
            for name, outlook in look_ahead(job, store, job.plans).items():
                typer.echo(f"{place}, {name}: {outlook.known:,} answers stored, {outlook.missing:,} missing")


@store_app.command("export")
def export_store(
    path: Annotated[Path, typer.Argument(help="JSONL file to write.")],
    *,
    all_answers: Annotated[bool, typer.Option("--all", help="Those of other studies too.")] = False,
) -> None:
    """Write the answers of the present study (or all) to a file that `distil store import` reads elsewhere."""
    with open_store(store_path()) as store:
        keys = None if all_answers else planned_keys(open_jobs())
        count = export_answers(store, path, keys)
    typer.echo(f"{count:,} answers -> {path}")


@store_app.command("import")
def import_store(
    path: Annotated[Path, typer.Argument(help="JSONL of `distil store export`, or a table of answers in data/.")],
) -> None:
    """Take answers in from another machine's store, or from the table that `dvc pull` brought.

    Of a table, only answers to what the present study asks are taken.
    """
    with open_store(store_path()) as store:
        if path.suffix == ".parquet":
            import_table(store, path)
        else:
            new, taken = import_jsonl(store, path)
            typer.echo(f"{new:,} new answers of {taken:,} <- {path}")


def import_table(store: Store, path: Path) -> None:
    """Take in what a table answers of this study; raises `InputError` if that is nothing."""
    jobs = open_jobs()
    new, taken = import_annotations(store, path, _find_schema(path), planned_keys(jobs), jobs[0].plans[0].labels)
    if not taken:
        raise InputError(
            f"{path} answers nothing that this study asks for: prompt, labels, texts and section annotate have "
            "to be those it was made with ('git stash' puts an edit aside for the import, 'git stash pop' undoes that)"
        )
    typer.echo(f"{new:,} new answers of {taken:,} that this study asks for <- {path}")


def _find_schema(path: Path) -> pa.Schema:
    """That of the table of candidates' answers if it is one; of what is no table the reading will tell."""
    try:
        names = pq.read_schema(path).names
    except (OSError, pa.ArrowInvalid):
        names = []
    if "candidate" not in names:
        return ANNOTATIONS
    from distil.compare.job import COMPARED  # half a second to import

    return COMPARED


@store_app.command("prune")
def prune(
    *,
    teacher: Annotated[str | None, typer.Option(help="Only answers of this model.")] = None,
    older_than_days: Annotated[float | None, typer.Option(min=0, help="Only answers that came before that.")] = None,
    unplanned: Annotated[
        bool, typer.Option("--unplanned", help="Only answers that the study here does not ask for.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete answers for good; the options narrow each other down, and at least one has to be given.

    Other studies on this machine share the store: what they paid for goes too.
    """
    if teacher is None and older_than_days is None and not unplanned:
        raise InputError("say which answers shall go: --teacher, --older-than-days or --unplanned")
    with open_store(store_path()) as store:
        kept = planned_keys(open_jobs()) if unplanned else set()
        keys, teachers, undated = choose_answers(store, teacher, older_than_days, kept)
        typer.echo(f"{len(keys):,} of {len(store):,} answers would be deleted from {store.path}")
        for name, count in teachers.most_common():
            typer.echo(f"  {name or UNNAMED}: {count:,}")
        if undated:
            typer.echo(f"{undated:,} answers without a date, as of a batch or a table, were not considered")
        if keys and (yes or typer.confirm("Delete them? They would have to be paid for again.")):
            typer.echo(f"{store.delete(keys):,} answers deleted")


def choose_answers(
    store: Store, teacher: str | None, older_than_days: float | None, kept: set[str]
) -> tuple[list[str], Counter[str], int]:
    """The keys to delete, how many of each teacher, and how many answers have no date where an age is asked for."""
    before = None if older_than_days is None else time.time() - older_than_days * SECONDS_PER_DAY
    keys: list[str] = []
    teachers: Counter[str] = Counter()
    undated = 0
    for key, stored in store:
        if key in kept or teacher not in (None, stored.teacher):
            continue
        if before is not None and stored.received_at is None:
            undated += 1
        elif before is None or (stored.received_at or 0.0) < before:
            keys.append(key)
            teachers[stored.teacher] += 1
    return keys, teachers, undated


def day(moment: float | None) -> str:
    """A unix time as a date."""
    return "?" if moment is None else datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")
