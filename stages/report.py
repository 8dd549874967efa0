"""Report: tell the study's outcome as a page, a table, charts and a model card.

Reads what the other stages measured; writes into the folder `reports` index.html (one file, opens offline), the charts
as PNG, table.txt (what `make repro` prints), summary.md (the same for a README) and MODEL_CARD.md. Where the student
falls short of a baseline or of its teacher, each begins with that and with what to do next. With `report.against` page
and tables also tell which labels changed since that revision of git, and what that did.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

from distil.core.command import run
from distil.core.metrics import read_csv, read_details
from distil.core.params import TaskParams, load_params
from distil.core.tables import LABELS, PREDICTIONS, TEST, read_rows
from distil.core.terminal import disarm
from distil.core.whole_files import written_whole
from distil.diff.comparing import Diff, Uncompared, UnlikeSidesError, compare_sides
from distil.diff.sides import Places, describe_revision, read_revision, read_working_tree
from distil.report.against import write_against_as_markdown, write_against_as_text
from distil.report.charts.canvas import Chart, render_svg, write_png
from distil.report.charts.fonts import find_undrawable
from distil.report.charts.gallery import list_charts
from distil.report.findings import Study
from distil.report.model_card import render_model_card
from distil.report.next_steps import (
    list_steps,
    write_alarm,
    write_shortfalls_as_markdown,
    write_shortfalls_as_text,
)
from distil.report.page import render_page
from distil.report.params import ReportParams
from distil.report.prompt import read_prompt_of
from distil.report.results import WIDTH, collect_compared, collect_results, render_markdown, render_table
from distil.revisions.opening import NotInCacheError, find_commit

Draw = Callable[[Sequence[Chart], Path], dict[Chart, str]]


def main(
    quality: Annotated[Path, "json of evaluate"],
    speed: Annotated[Path, "json of benchmark"],
    cost: Annotated[Path, "json of cost"],
    fetch: Annotated[Path, "json of fetch"],
    annotate: Annotated[Path, "json of annotate"],
    compare: Annotated[Path, "json of compare"],
    aggregate: Annotated[Path, "json of aggregate"],
    train: Annotated[Path, "json of train"],
    export: Annotated[Path, "json of export"],
    audit: Annotated[Path, "json of evaluate: what people found who read texts blind"],
    training: Annotated[Path, "csv: the loss, step by step"],
    calibration: Annotated[Path, "csv: how often each system is right that is so sure"],
    latency: Annotated[Path, "csv: quantiles of one text at a time"],
    break_even: Annotated[Path, "csv: dollars after so many texts"],
    predictions: Annotated[Path, "table: what each system says of each test text"],
    labels: Annotated[Path, "table: the teacher's label of each text, and the votes' shares"],
    test: Annotated[Path, "table: texts to score on, with people's label where there is one"],
    texts: Annotated[Path, "table: one row a text; read only to tell what changed since another revision"],
    reports: Annotated[Path, "folder: page, tables, charts, model card"],
) -> None:
    """Read metrics, curves and tables; write the folder `reports`."""
    study = read_study(
        *(quality, speed, cost, fetch, annotate, compare, aggregate, train, export, audit),
        *(training, calibration, latency, break_even),
        *(predictions, labels, test, texts),
    )
    _tell(study, write_report(study, reports, draw_charts), reports)


def read_study(*paths: Path) -> Study:
    """Read what `main` takes, but for its last path, in the same order: metrics, curves, tables."""
    *metrics, training, calibration, latency, break_even, predictions, labels, test, texts = paths
    names = ("quality", "speed", "cost", "fetch", "annotate", "compare", "aggregate", "train", "export", "audit")
    details: dict[str, Any] = dict(zip(names, map(read_details, metrics), strict=True))
    return Study(
        task=load_params("task", TaskParams),
        **details,
        curve=read_csv(training, ["step", "epoch", "loss"]),
        calibration=read_csv(calibration, ["system", "confidence", "rows"]),
        latencies=read_csv(latency, ["system", "share", "ms"]),
        spent=read_csv(break_even, ["texts", "system", "usd"]),
        predictions=read_rows(predictions, PREDICTIONS),
        labels=read_rows(labels, LABELS),
        test=read_rows(test, TEST),
        against=read_against(Places(texts, labels, test, predictions, metrics[0])),
    )


def read_against(places: Places) -> Diff | Uncompared | None:
    """What changed since the revision that `report.against` names, or why nobody can tell; None where it names none.

    Raises `InputError` if git knows no such revision, or no run of a study was committed there.
    """
    against = load_params("report", ReportParams).against
    if not against:
        return None
    commit = find_commit(against)
    try:
        return compare_sides(read_revision(against, places), read_working_tree(places, "this run"))
    except (UnlikeSidesError, NotInCacheError) as error:  # which is no reason to go without all the rest
        return Uncompared(describe_revision(against, commit), commit, str(error))


def draw_charts(charts: Sequence[Chart], reports: Path) -> dict[Chart, str]:
    """Write each chart as PNG into the folder; returns it as SVG for the page."""
    for chart in charts:
        write_png(chart, reports / f"{chart.name}.png")
    return {chart: render_svg(chart) for chart in charts}


def write_report(study: Study, reports: Path, draw: Draw) -> int:
    """Write charts, page, tables and model card into the folder; returns the number of charts."""
    params = load_params("report", ReportParams)
    prompt = read_prompt_of(study.annotate)
    results, compared = collect_results(study), collect_compared(study)
    reports.mkdir(parents=True, exist_ok=True)
    svgs = draw(list_charts(study, results, compared), reports)
    _write(reports / "index.html", render_page(study, results, compared, svgs, params.examples))
    shortfalls = write_shortfalls_as_text(study, WIDTH)
    table = shortfalls + render_table(results, compared, study) + write_against_as_text(study.against, WIDTH)
    _write(reports / "table.txt", disarm(table))  # a terminal shows it
    summary = write_shortfalls_as_markdown(study) + render_markdown(results, compared, study)
    _write(reports / "summary.md", summary + write_against_as_markdown(study.against))
    _write(reports / "MODEL_CARD.md", render_model_card(study, results, params, prompt))
    return len(svgs)


def _warn_of_boxes(labels: list[str]) -> None:
    """Tell of labels that the PNG charts cannot write."""
    if undrawable := find_undrawable(labels):
        print(
            f"warning: no font that is looked for has all of {undrawable[0]!r} ({len(undrawable)} such labels), "
            "so PNG charts show boxes in it; install one, as by 'apt-get install fonts-noto-cjk', and run "
            "'dvc repro -s -f report'",
            file=sys.stderr,
        )


def _tell(study: Study, charts: int, reports: Path) -> None:
    """Print what was written, and on stderr what could not be, where the student falls short and what to do first."""
    _warn_of_boxes(study.task.labels)
    if isinstance(study.against, Uncompared):
        print(f"warning: nothing is compared with {study.against.name}: {study.against.why}", file=sys.stderr)
    print(f"report: {len(study.quality['systems'])} systems, {charts} charts -> {reports / 'index.html'}")
    if alarm := write_alarm(study):
        print(f"warning: {alarm} {list_steps(study)[0]} See {reports / 'table.txt'}", file=sys.stderr)


def _write(path: Path, text: str) -> None:
    with written_whole(path) as half:
        half.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    run(main)
