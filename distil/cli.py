"""The command `distil`: what there is to do beside `dvc repro`.

Run it in the project's folder: it reads params.yaml, and dvc.yaml for the paths.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from distil import batch_api
from distil.batch_files import ImportCounts, export_requests, import_results
from distil.endpoint import Endpoint, find_endpoint
from distil.errors import DistilError, InputError
from distil.job import Job, make_job
from distil.outlook import Outlook, charge_known, expect, look_ahead
from distil.params import TaskParams, load_params
from distil.plan import Plan
from distil.prices import PriceParams
from distil.project import stage_paths
from distil.runtime import RuntimeParams
from distil.spending import Till, open_tills
from distil.store import open_store, store_path
from distil.store_files import export_answers, import_annotations, import_jsonl
from distil.teacher_params import AnnotateParams
from distil.teachers import make_protocol, requests_in_flight

SECONDS_PER_DAY = 86400

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
store_app = typer.Typer(no_args_is_help=True, help="The store of paid answers on this machine.")
batch_app = typer.Typer(no_args_is_help=True, help="Half price and offline: OpenAI's Batch format and API.")
app.add_typer(store_app, name="store")
app.add_typer(batch_app, name="batch")

Folder = Annotated[Path, typer.Argument(help="Folder of the batch files.")]
OfTeacher = Annotated[str | None, typer.Option("--teacher", help="The model, where annotate.teachers names several.")]


def main() -> None:
    """Run the command; an error of the user's is one line and exit code 1."""
    try:
        app()
    except DistilError as error:
        sys.exit(f"error: {error}")


@app.callback()
def _explain() -> None:
    """From a labelling instruction and unlabelled text to a small classifier of your own."""


@app.command()
def annotate(
    *, dry_run: Annotated[bool, typer.Option("--dry-run", help="Ask nothing; say what would be asked.")] = False
) -> None:
    """Run the stage annotate (`dvc repro annotate`), or say beforehand what it would ask and cost."""
    if not dry_run:
        raise typer.Exit(subprocess.call([sys.executable, "-m", "dvc", "repro", "annotate"]))
    job, runtime = open_job()
    tills = open_tills(job.plans, runtime, load_params("cost", PriceParams))
    with open_store(store_path()) as store:
        outlooks = look_ahead(job, store, job.plans)
        for plan in job.plans:
            name = plan.params.name
            charge_known(job, store, plan, tills[name])
            print_outlook(job, plan, outlooks[name], tills[name], runtime)


def print_outlook(job: Job, plan: Plan, outlook: Outlook, till: Till, runtime: RuntimeParams) -> None:
    """Print what one teacher would be asked, and what that takes."""
    votes = plan.params.votes
    expected = expect(outlook, till, runtime)
    adaptive = votes.min < votes.max
    basis = (
        f"as the {till.estimate.answers:,} answers in the store"
        if till.estimate.answers
        else f"a guess: 4 characters a token, annotate.max_tokens = {plan.params.max_tokens} an answer"
    )
    typer.echo(f"{plan.params.name}: {job.text_count:,} texts, {votes.describe()}")
    typer.echo(f"  requests in the store  {outlook.known:,}")
    more = f", up to {job.text_count * (votes.max - votes.min):,} more where votes disagree" if adaptive else ""
    typer.echo(f"  requests to send       {outlook.missing:,}{more}")
    typer.echo(f"  tokens to expect       {expected.input_tokens:,.0f} in, {expected.output_tokens:,.0f} out ({basis})")
    typer.echo(f"  dollars to expect      {describe_dollars(expected.usd, till)}")
    typer.echo(f"  time                   {describe_minutes(expected.minutes, plan, runtime)}")


def describe_dollars(usd: float | None, till: Till) -> str:
    """The price in words."""
    if till.found is None or usd is None:
        return "unknown; cost.teacher_usd_per_million_tokens {input, output} gives the price" if till.paid else "none"
    prices = till.found.prices
    return f"${usd:,.2f} (${prices.input:g} in, ${prices.output:g} out per million: {till.found.source})"


def describe_minutes(minutes: float | None, plan: Plan, runtime: RuntimeParams) -> str:
    """The time in words."""
    if minutes is None:
        at_once = requests_in_flight(plan.params, runtime)
        return f"as the endpoint allows, {at_once} at once (no runtime.requests_per_minute or tokens_per_minute)"
    return f"{minutes:,.1f} minutes or more at the rates in runtime"


@store_app.command("info")
def info() -> None:
    """Say what is in the store, and how much of the present study."""
    with open_store(store_path()) as store:
        size = store.path.stat().st_size / 1e6
        typer.echo(f"{store.path}: {len(store):,} answers, {size:,.1f} MB")
        for one in store.summaries():
            typer.echo(
                f"  {one.teacher or '(unnamed, of an older store)'}: {one.answers:,} answers, {one.input_tokens:,} "
                f"tokens in, {one.output_tokens:,} out, {day(one.first_at)} to {day(one.last_at)}"
            )
        try:
            job, _ = open_job()
        except InputError as error:
            typer.echo(f"no study here: {error}")
            return
        for name, outlook in look_ahead(job, store, job.plans).items():
            typer.echo(f"the study here, {name}: {outlook.known:,} answers stored, {outlook.missing:,} missing")


@store_app.command("export")
def export_store(
    path: Annotated[Path, typer.Argument(help="JSONL file to write.")],
    *,
    all_answers: Annotated[bool, typer.Option("--all", help="Those of other studies too.")] = False,
) -> None:
    """Write the answers of the present study (or all) to a file that `distil store import` reads elsewhere."""
    with open_store(store_path()) as store:
        keys = None if all_answers else planned_keys(open_job()[0])
        count = export_answers(store, path, keys)
    typer.echo(f"{count:,} answers -> {path}")


@store_app.command("import")
def import_store(
    path: Annotated[Path, typer.Argument(help="JSONL of `distil store export`, or data/annotations.parquet.")],
) -> None:
    """Take answers in from another machine's store, or from the table that `dvc pull` brought.

    Of a table, only answers to what the present study asks are taken.
    """
    with open_store(store_path()) as store:
        if path.suffix == ".parquet":
            job, _ = open_job()
            planned = planned_keys(job)
            new, taken = import_annotations(store, path, planned, job.plans[0].labels)
            typer.echo(f"{new:,} new answers of {taken:,} that this study asks for <- {path}")
            if not taken:
                raise InputError(
                    f"{path} answers nothing that this study asks for: prompt, labels, texts and section annotate have "
                    "to be those it was made with"
                )
        else:
            new, taken = import_jsonl(store, path)
            typer.echo(f"{new:,} new answers of {taken:,} <- {path}")


@store_app.command("prune")
def prune(
    *,
    teacher: Annotated[str | None, typer.Option(help="Only answers of this model.")] = None,
    older_than_days: Annotated[float | None, typer.Option(help="Only answers that came before that.")] = None,
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
    before = None if older_than_days is None else time.time() - older_than_days * SECONDS_PER_DAY
    with open_store(store_path()) as store:
        kept = planned_keys(open_job()[0]) if unplanned else set()
        keys = [
            key
            for key, stored in store
            if (teacher is None or stored.teacher == teacher)
            and (before is None or (stored.received_at is not None and stored.received_at < before))
            and key not in kept
        ]
        typer.echo(f"{len(keys):,} of {len(store):,} answers would be deleted from {store.path}")
        if keys and (yes or typer.confirm("Delete them? They would have to be paid for again.")):
            typer.echo(f"{store.delete(keys):,} answers deleted")


@batch_app.command("export")
def export_batch(folder: Folder, teacher: OfTeacher = None) -> None:
    """Write the requests that have no answer yet as JSONL files, also for `vllm run-batch`."""
    job, _ = open_job()
    plan = choose_plan(job, teacher)
    with open_store(store_path()) as store:
        paths = export_requests(job.missing(plan, store), make_protocol(plan), folder)
    if not paths:
        typer.echo("nothing to export: every answer is in the store")
    for path in paths:
        typer.echo(f"{path}: {path.stat().st_size / 1e6:,.1f} MB")


@batch_app.command("submit")
def submit_batch(folder: Folder, teacher: OfTeacher = None) -> None:
    """Upload the files and start a batch of each; what is submitted already is left alone."""
    endpoint, runtime = endpoint_of(teacher)
    print_batches(batch_api.submit(endpoint, folder, runtime, typer.echo))


@batch_app.command("status")
def show_batch(folder: Folder, teacher: OfTeacher = None) -> None:
    """Say how far the batches are."""
    endpoint, runtime = endpoint_of(teacher)
    print_batches(batch_api.status(endpoint, folder, runtime))


@batch_app.command("fetch")
def fetch_batch(folder: Folder, teacher: OfTeacher = None) -> None:
    """Download the results of the batches that have ended."""
    endpoint, runtime = endpoint_of(teacher)
    fetched = batch_api.fetch(endpoint, folder, runtime, typer.echo)
    print_batches(fetched.batches)
    if fetched.paths:
        typer.echo(f"now: distil batch import {' '.join(map(str, fetched.paths))}")


@batch_app.command("import")
def import_batch(
    paths: Annotated[list[Path], typer.Argument(help="Result and error files, or the folder they are in.")],
    teacher: OfTeacher = None,
) -> None:
    """Put the answers of result files into the store; `dvc repro` then asks for what is still missing."""
    job, _ = open_job()
    plan = choose_plan(job, teacher)
    with open_store(store_path()) as store:
        counts = import_results(list_results(paths), make_protocol(plan), store, plan.params.name)
    print_import(counts)


def print_batches(batches: Sequence[batch_api.Batch]) -> None:
    """Print a line a batch."""
    for one in batches:
        typer.echo(
            f"{one.file}: {one.status}, {one.completed:,} of {one.total:,} requests answered, {one.failed:,} failed; "
            f"{one.next_step}"
        )


def print_import(counts: ImportCounts) -> None:
    """Print what became of the lines; raises `InputError` if there was no answer among them."""
    typer.echo(
        f"{counts.new:,} new answers, {counts.known:,} known already, {counts.failed:,} failed, "
        f"{counts.unreadable:,} unreadable, {counts.foreign:,} of other programs"
    )
    for said in (counts.first_failure, counts.first_unreadable):
        if said:
            typer.echo(f"  the first: {said}")
    if not counts.new + counts.known:
        raise InputError("these files hold no answer; name the output files of a batch of `distil batch export`")


def list_results(paths: Sequence[Path]) -> list[Path]:
    """The files, with those of a folder in its place."""
    listed = []
    for path in paths:
        listed += sorted([*path.glob("results-*.jsonl"), *path.glob("errors-*.jsonl")]) if path.is_dir() else [path]
    if not listed:
        raise InputError(f"{paths[0]} holds no results-*.jsonl; fetch them first")
    return listed


def open_job() -> tuple[Job, RuntimeParams]:
    """The job of the study in the working folder, and what this machine allows."""
    texts, assets, *_ = stage_paths("annotate")
    runtime = load_params("runtime", RuntimeParams)
    task, params = load_params("task", TaskParams), load_params("annotate", AnnotateParams)
    return make_job(task, params, texts, assets, runtime.device), runtime


def planned_keys(job: Job) -> set[str]:
    """The keys of every request that the study may ask."""
    return {request.key for plan in job.plans for request in job.planned(plan)}


def choose_plan(job: Job, teacher: str | None) -> Plan:
    """The plan of the named teacher, or the only one."""
    chosen = [plan for plan in job.plans if teacher in (None, plan.params.name)]
    if len(chosen) != 1:
        raise InputError(f"--teacher has to be one of {', '.join(plan.params.name for plan in job.plans)}")
    return chosen[0]


def endpoint_of(teacher: str | None) -> tuple[Endpoint, RuntimeParams]:
    """Where the teacher is, for the Batch API."""
    runtime = load_params("runtime", RuntimeParams)
    models = [alone.name for alone in load_params("annotate", AnnotateParams).each_teacher()]
    if teacher is None and len(models) > 1:
        raise InputError(f"--teacher has to be one of {', '.join(models)}")
    return find_endpoint(runtime, teacher or models[0]), runtime


def day(moment: float | None) -> str:
    """A unix time as a date."""
    return "?" if moment is None else datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")
