"""The charts of speed: throughput by system and by batch size, latency, response times under load."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from distil.cost.figures import format_figure
from distil.report.charts.canvas import Chart
from distil.report.charts.lines import Dash, Line, draw_batch_sizes, draw_server
from distil.report.charts.rows import Row, Spread, describe_rows, draw_latency, draw_log_dots, find_marks
from distil.report.findings import Study
from distil.report.results import TITLES, find_family

TITLES_TIMED = {  # of students that benchmark times, in the order of the page; torch runs what `student` is scored by
    "pipeline": TITLES["student"],
    "student_torch": "Student, torch fp32",
    "student_torch_bf16": "Student, torch bf16",
    **TITLES,
}
LOOKS: dict[str, tuple[Dash, str]] = {  # of lines that have the student's colour in common
    "pipeline": (":", "D"),
    "student_torch": ("-.", "^"),
    "student_torch_bf16": ((0, (6, 2)), "v"),
    "student_onnx": ("--", "s"),
}
QUANTILES = (0.01, 0.25, 0.5, 0.75, 0.99)


def list_speed_charts(study: Study) -> Iterator[Chart]:
    """Throughput, also the teacher's where it is known, and what else was measured on this machine."""
    yield _chart_throughput(study)
    yield from _chart_batch_sizes(study)
    yield _chart_latency(study)
    yield from _chart_server(study)


def list_timed(study: Study) -> dict[str, str]:
    """The systems of metrics/speed.json and what the page calls them, in its order, unknown ones last."""
    titles = {**TITLES_TIMED, **study.words.baselines}
    timed = study.speed["systems"]
    return {system: title for system, title in titles.items() if system in timed} | {
        system: system for system in timed if system not in titles
    }


def _chart_throughput(study: Study) -> Chart:
    rows = []
    if teacher := study.cost["systems"]["teacher"]["texts_per_s"]:
        rows.append(Row(TITLES["teacher"], "teacher", teacher, format_figure(teacher)))
    for system, title in list_timed(study).items():
        measured = study.speed["systems"][system]
        rate, low, high = (measured["offline"][f"texts_per_s{end}"] for end in ("", "_min", "_max"))
        encoded = measured.get("offline_encoded", {}).get("texts_per_s")
        rows.append(Row(title, find_family(system), rate, format_figure(rate), low, high, encoded))
    title = "Texts per second by system"
    draw = partial(draw_log_dots, rows, "texts per second")
    return Chart("throughput", title, describe_rows(title, rows), draw, find_marks(rows))


def _chart_batch_sizes(study: Study) -> Iterator[Chart]:
    lines = []
    for system, title in list_timed(study).items():
        if rates := study.speed["systems"][system].get("batches"):
            sizes = sorted(rates, key=int)
            rising = [rates[size] for size in sizes]
            lines.append(
                Line(
                    title.removeprefix("Student, "),
                    find_family(system),
                    list(map(int, sizes)),
                    rising,
                    *LOOKS.get(system, ("-", "o")),
                )
            )
    if lines:
        title = "Texts per second by batch size"
        yield Chart("batches", title, _describe_ends(title, lines, "texts/s"), partial(draw_batch_sizes, lines))


def _chart_latency(study: Study) -> Chart:
    rows = []
    for system, title in list_timed(study).items():
        quantiles = study.latencies[study.latencies["system"] == system].sort_values("share")
        ends = np.interp(QUANTILES, quantiles["share"], quantiles["ms"]).tolist()
        single = study.speed["systems"][system]["single_stream"]
        text = f"{format_figure(single['p50_ms'])} · {format_figure(single['p99_ms'])}"
        rows.append(Spread(title, find_family(system), ends, text))
    title = "Milliseconds for one text (median · 99 of 100) by system"
    return Chart("latency", title, describe_rows(title, rows), partial(draw_latency, rows))


def _chart_server(study: Study) -> Iterator[Chart]:
    for served in study.speed["server"].values():
        loads = sorted(served["loads"], key=lambda load: load["arrivals_per_s"])
        arrivals = [load["arrivals_per_s"] for load in loads]
        looks = {"p99_ms": ("99 of 100", "-"), "p50_ms": ("median", "--")}
        lines = [
            Line(title, "student", arrivals, [load[key] for load in loads], dash)
            for key, (title, dash) in looks.items()
        ]
        title = f"Response time of the {study.precision} student under load"
        draw = partial(draw_server, lines, served["latency_limit_ms"])
        yield Chart("server", title, _describe_ends(title, lines, "ms"), draw)


def _describe_ends(title: str, lines: Sequence[Line], unit: str) -> str:
    ends = (f"{line.title} from {format_figure(line.y[0])} to {format_figure(line.y[-1])} {unit}" for line in lines)
    return f"{title}: " + "; ".join(ends)
