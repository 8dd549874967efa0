"""The command `distil check`: whether a study reaches what the section `gates` of params.yaml asks, for CI."""

from typing import Annotated

import typer

from distil.cli.project import cached_outputs, list_stale, stage_path
from distil.core.errors import InputError
from distil.core.params import load_params
from distil.gates.checking import MetricFiles, check_all
from distil.gates.params import GateParams

STAGES = ("fetch", "annotate", "aggregate", "split", "train", "export", "evaluate", "benchmark", "cost")


def check_gates(
    *,
    stale_ok: Annotated[
        bool, typer.Option("--stale-ok", help="Take the figures as they are, though the study has changed since.")
    ] = False,
) -> None:
    """Exit with 1, and every reason, unless the study reaches what the section gates of params.yaml asks.

    Figures that are not of the study as it stands are a reason too.
    """
    try:
        gates = load_params("gates", GateParams)
    except InputError as error:  # no gate is no pass
        raise InputError(f"nothing was checked: {error}; docs/gates.md has the gates") from None
    files = MetricFiles(*(stage_path(stage, "--metrics") for stage in ("evaluate", "aggregate", "cost", "benchmark")))
    stale = list_stale(STAGES, absent=cached_outputs())
    for line in stale:
        typer.echo(f"{'noted' if stale_ok else 'FAILS'} {line}")
    found = list(check_all(gates, files))
    for one in found:
        typer.echo(f"{'holds' if one.holds else 'FAILS'} {one.gate}: {one.told}")
    if not all(one.holds for one in found) or (stale and not stale_ok):
        raise typer.Exit(1)
