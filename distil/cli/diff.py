"""The command `distil diff`: what a change did to the labels, row by row, and whether it made them better."""

import csv
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from distil.cli.project import check_fresh, stage_path
from distil.core.errors import InputError
from distil.core.whole_files import written_whole
from distil.diff.changes import Shift
from distil.diff.comparing import Diff, compare_sides
from distil.diff.sides import Places, read_revision, read_working_tree
from distil.diff.wording import (
    describe_as_json,
    describe_interval,
    describe_row,
    describe_shift,
    list_rows,
    tabulate_rows,
)

STAGES = ("annotate", "aggregate", "split", "train", "export", "evaluate")  # that make what is compared


def diff_labels(
    rev: Annotated[str, typer.Argument(help="Branch, tag or commit to compare with.")] = "HEAD",
    rev2: Annotated[str | None, typer.Argument(help="The newer one; if left out, the working tree.")] = None,
    *,
    rows: Annotated[int, typer.Option(min=0, help="Changed rows to show, of teacher and student each.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="File to write all changed rows to.")] = None,
) -> None:
    """Show the rows whose label changed since a revision, from teacher and student, and what that did.

    It is no gate: the exit code is 0 whatever changed.
    """
    places = find_places()
    after = read_revision(rev2, places) if rev2 is not None else read_working_tree(places)
    diff = compare_sides(read_revision(rev, places), after)
    if rev2 is None:
        warn_of_stale()
    if csv_file:
        write_rows_as_csv(csv_file, diff)
    if as_json:
        typer.echo(json.dumps(describe_as_json(diff, rows), indent=2))
        return
    typer.echo(f"{diff.before.name} -> {diff.after.name}")
    for shift in diff.shifts:
        print_shift(shift, diff, rows)
    typer.echo()
    for note in [*([describe_interval(diff)] if any(shift.judged for shift in diff.shifts) else []), *diff.notes]:
        typer.echo(f"Note: {note}")
    if csv_file:
        typer.echo(f"all changed rows -> {csv_file}")


def find_places() -> Places:
    """Where the study has what is compared, as dvc.yaml of the working tree says."""
    of_split = (stage_path("split", option) for option in ("--texts", "--labels", "--test"))
    of_evaluate = (stage_path("evaluate", option) for option in ("--predictions", "--metrics"))
    return Places(*of_split, *of_evaluate)


def warn_of_stale() -> None:
    """Say on stderr if the working tree's files are not what the study as it stands makes."""
    try:
        check_fresh(STAGES)
    except InputError as error:
        print(f"warning: the working tree is compared as it is, but {error}", file=sys.stderr)


def print_shift(shift: Shift, diff: Diff, rows: int) -> None:
    """Print what changed of the labels by one, and the first of the rows."""
    typer.echo("\n" + "\n".join(describe_shift(shift, diff)))
    shown = list_rows(shift, rows)
    if rows and shown:
        typer.echo(
            f"  {len(shown):,} of the {len(shift.changed):,} rows:" if len(shown) < len(shift.changed) else "  rows:"
        )
    for row in shown:
        typer.echo("\n".join(f"    {line}" for line in describe_row(row, shift, diff)))


def write_rows_as_csv(path: Path, diff: Diff) -> None:
    """Write all changed rows; raises `InputError` if the file cannot be written."""
    with written_whole(path) as half:  # quoted, or a lone carriage return in a text would end its row
        tabulate_rows(diff).to_csv(half, index=False, lineterminator="\n", quoting=csv.QUOTE_ALL)
