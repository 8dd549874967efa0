"""The command `distil`: what there is to do beside `dvc repro`.

Run it in the project's folder: it reads params.yaml, and dvc.yaml for the paths.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from distil.cli.batch import batch_app
from distil.cli.check import check_gates
from distil.cli.diff import diff_labels
from distil.cli.labels import export_labels
from distil.cli.new import new_study
from distil.cli.page import write_page
from distil.cli.plan import forecast_comparison, plan
from distil.cli.predict import predict
from distil.cli.project import open_comparison, open_job
from distil.cli.publish import publish_student
from distil.cli.review import review_app
from distil.cli.review_examples import offer_examples
from distil.cli.review_page import open_page
from distil.cli.serve import serve
from distil.cli.store import store_app
from distil.core.command import call
from distil.core.params import load_params
from distil.core.runtime import RuntimeParams
from distil.cost.prices import PriceParams
from distil.planning.forecasts import forecast_job
from distil.planning.telling import tell_outlay
from distil.store.opening import open_store, store_path

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # colours are control characters too, which `call` shows instead of obeying
    context_settings={"max_content_width": 120},
    help=__doc__,
)
app.add_typer(store_app, name="store")
app.add_typer(batch_app, name="batch")
app.add_typer(review_app, name="review")
review_app.command("open")(open_page)
review_app.command("examples")(offer_examples)
app.command("new")(new_study)
app.command("export-labels")(export_labels)
app.command("publish")(publish_student)
app.command("predict")(predict)
app.command("serve")(serve)
app.command("page")(write_page)
app.command("diff")(diff_labels)
app.command("check")(check_gates)
app.command("plan")(plan)


def main() -> None:
    """Run the command; an error of the user's is one line and exit code 1."""
    call(app)


@app.callback()
def _explain() -> None:
    """From a labelling instruction and unlabelled text to a small classifier of your own."""


@app.command()
def annotate(
    *, dry_run: Annotated[bool, typer.Option("--dry-run", help="Ask nothing; say what would be asked.")] = False
) -> None:
    """Run the stage annotate (`dvc repro annotate`), or say beforehand what it would ask and cost."""
    if not dry_run:
        raise typer.Exit(reproduce("annotate"))
    job, runtime = open_job()
    with open_store(store_path()) as store:
        outlay = forecast_job(job, store, runtime, load_params("cost", PriceParams))
    typer.echo("\n".join(tell_outlay(outlay, runtime)))


@app.command()
def compare(
    *, dry_run: Annotated[bool, typer.Option("--dry-run", help="Ask nothing; say what would be asked.")] = False
) -> None:
    """Run the stage compare (`dvc repro compare`), or say beforehand what it would ask and cost."""
    if not dry_run:
        raise typer.Exit(reproduce("compare"))
    job = open_comparison()
    if job is None:
        typer.echo("section compare in params.yaml names no candidates, so nothing would be asked")
        return
    runtime = load_params("runtime", RuntimeParams)
    with open_store(store_path()) as store:
        outlay = forecast_comparison(job, store, runtime)
    typer.echo("\n".join(tell_outlay(outlay, runtime)))


def reproduce(stage: str) -> int:
    """Run `dvc repro` for a stage, with this Python; returns its exit code.

    Ctrl-C reaches the stage too, which waits for the answers that are under way: it ends first, and this after it.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    command = [sys.executable, "-m", "dvc", "repro", stage]
    child = subprocess.Popen(command, env=os.environ | {"PATH": path})  # noqa: S603 (no shell, and no word of it is the user's)
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            continue
