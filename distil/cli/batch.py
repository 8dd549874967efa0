"""The commands `distil batch`: requests and answers as files, at the price of a batch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from distil.annotate.questions import Job
from distil.batch import api
from distil.batch.files import ImportCounts, export_requests, import_results, request_files
from distil.batch.state import Batch
from distil.cli.project import open_job
from distil.core.errors import InputError
from distil.core.params import load_params
from distil.core.runtime import RuntimeParams
from distil.cost.prices import PriceParams
from distil.planning.forecasts import forecast, open_charged_tills
from distil.planning.telling import tell_forecast
from distil.prompting.params import AnnotateParams
from distil.prompting.requests import Plan
from distil.store.answer_store import Store
from distil.store.opening import open_store, store_path
from distil.teacher.connect import make_protocol
from distil.teacher.endpoint import Endpoint, find_endpoint, find_secrets

batch_app = typer.Typer(no_args_is_help=True, help="Half price and offline: OpenAI's Batch format and API.")

Folder = Annotated[Path, typer.Argument(help="Folder of the batch files.")]
OfTeacher = Annotated[str | None, typer.Option("--teacher", help="The model, where annotate.teachers names several.")]


@batch_app.command("export")
def export_batch(folder: Folder, teacher: OfTeacher = None) -> None:
    """Write the requests that have no answer yet as JSONL files, also for `vllm run-batch`."""
    name = choose_teacher(teacher)
    job, runtime = open_job()
    plan = plan_of(job, name)
    with open_store(store_path()) as store:
        print_price(job, store, plan, runtime)
        try:
            paths = export_requests(job.missing(plan, store), make_protocol(plan), folder)
        except OSError as error:
            raise InputError(f"{folder} cannot be written ({error}); name another folder") from None
    if not paths:
        typer.echo("nothing to export: every answer is in the store")
    for path in paths:
        typer.echo(f"{path}: {path.stat().st_size / 1e6:,.1f} MB")


@batch_app.command("submit")
def submit_batch(folder: Folder, teacher: OfTeacher = None) -> None:
    """Upload the files and start a batch of each; what is submitted already is left alone."""
    endpoint, runtime = endpoint_of(teacher)
    print_batches(api.submit(endpoint, folder, runtime, typer.echo))


@batch_app.command("status")
def show_batch(folder: Folder, teacher: OfTeacher = None) -> None:
    """Say how far the batches are."""
    endpoint, runtime = endpoint_of(teacher)
    print_batches(api.status(endpoint, folder, runtime))


@batch_app.command("fetch")
def fetch_batch(folder: Folder, teacher: OfTeacher = None) -> None:
    """Download the results of the batches that have ended."""
    endpoint, runtime = endpoint_of(teacher)
    fetched = api.fetch(endpoint, folder, runtime, typer.echo)
    print_batches(fetched.batches)
    if fetched.paths:
        typer.echo(f"now: distil batch import {' '.join(map(str, fetched.paths))}")


@batch_app.command("import")
def import_batch(
    paths: Annotated[list[Path], typer.Argument(help="Result and error files, or the folder they are in.")],
    teacher: OfTeacher = None,
) -> None:
    """Put the answers of result files into the store; `dvc repro` then asks for what is still missing."""
    name = choose_teacher(teacher)
    job, runtime = open_job()
    protocol, secrets = make_protocol(plan_of(job, name)), find_secrets(runtime)
    with open_store(store_path()) as store:
        counts = import_results(list_results(paths), protocol, store, name, secrets, runtime.most_bytes)
    print_import(counts)


def print_price(job: Job, store: Store, plan: Plan, runtime: RuntimeParams) -> None:
    """Print what a batch takes; raises `InputError` if its full price would pass the budget."""
    tills = open_charged_tills(job, store, runtime, load_params("cost", PriceParams))
    one = forecast(job, store, plan, tills[plan.name], runtime)
    for line in tell_forecast(one, job.text_count, runtime):
        typer.echo(line)
    if one.till.prices:
        typer.echo("  (full prices; a batch usually costs half)")
    spent, usd = sum(till.spent for till in tills.values()), one.expected.usd or 0.0
    if one.outlook.missing and runtime.budget_usd is not None and spent + usd > runtime.budget_usd:
        raise InputError(
            f"runtime.budget_usd = {runtime.budget_usd:g} would be passed: the answers so far have cost "
            f"${spent:.4f}, and these requests would cost about ${usd:.4f} at the full price; "
            "raise the budget to export them"
        )


def print_batches(batches: Sequence[Batch]) -> None:
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
    """The files, and in a folder's place its JSONL files that are no requests."""
    listed: list[Path] = []
    for path in paths:
        listed += sorted(set(path.glob("*.jsonl")) - set(request_files(path))) if path.is_dir() else [path]
    if not listed:
        raise InputError(f"{paths[0]} holds no results-*.jsonl; fetch them first")
    return listed


def choose_teacher(teacher: str | None) -> str:
    """The named teacher, or the only one; raises `InputError` if there is no such one, or none behind an endpoint."""
    each = load_params("annotate", AnnotateParams).each_teacher()
    chosen = [alone for alone in each if teacher in (None, alone.name)]
    if len(chosen) != 1:
        raise InputError(f"--teacher has to be one of {', '.join(alone.name for alone in each)}")
    if not chosen[0].remote:
        raise InputError(
            f"{chosen[0].name} is not behind an endpoint, so another model's answers would be stored as its own; "
            "a batch needs annotate.server: endpoint and no recording"
        )
    return chosen[0].name


def plan_of(job: Job, teacher: str) -> Plan:
    """The plan of a teacher."""
    return next(plan for plan in job.plans if plan.name == teacher)


def endpoint_of(teacher: str | None) -> tuple[Endpoint, RuntimeParams]:
    """Where the teacher is, for the Batch API."""
    runtime = load_params("runtime", RuntimeParams)
    return find_endpoint(runtime, choose_teacher(teacher)), runtime
