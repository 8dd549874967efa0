"""The commands `distil annotate` and `distil compare`: the stages that ask, or what they would ask and cost."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from distil.cli.plan import forecast_comparison
from distil.cli.project import open_comparison, open_job
from distil.core.params import load_params
from distil.core.runtime import RuntimeParams
from distil.cost.prices import PriceParams
from distil.planning.forecasts import forecast_job
from distil.planning.telling import tell_outlay
from distil.store.opening import open_store, store_path


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
