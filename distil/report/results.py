"""The one results table: a row a system, for the terminal, the README, the page and the model card.

Figures come from quality.json, speed.json and cost.json in metrics/; what none of them knows is None and prints
as n/a.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from io import StringIO
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from distil.cost.figures import NOT_KNOWN, format_co2_bounds, format_figure, format_usd
from distil.quality.headline import CASCADE
from distil.report.findings import Study
from distil.report.footnotes import describe_measurement
from distil.report.latency import find_latency
from distil.report.markdown import escape_markdown

TITLES = {  # short, so that the table fits a terminal; those of baselines are the kind's
    "teacher": "Teacher (LLM)",
    "teacher_first_vote": "Teacher, first vote",
    "student": "Student, pipeline",
    "student_onnx": "Student, ONNX fp32",
    "student_int8": "Student, ONNX int8",
    "student_fp16": "Student, ONNX fp16",
    CASCADE: "Cascade of both",
}
COMPARED_HEADINGS = ["Models not run, only priced", "$ per million", "kg CO2 per million"]
WIDTH = 100


@dataclass(frozen=True)
class Score:
    """A share between 0 and 1 with its interval; the bounds are None where none was computed."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Result:
    """One system's figures; `score` is what the kind is scored by, against the teacher where no gold is known."""

    system: str
    title: str
    score: Score | None
    macro_f1: Score | None
    texts_per_s: float | None
    p50_ms: float | None
    p95_ms: float | None  # told where there is a cascade
    usd_per_million: float | None
    kg_co2_per_million: dict[str, float] | None


def collect_results(study: Study) -> list[Result]:
    """Join quality, speed and cost by system, students before baselines: the teacher, and what has scores."""
    known = {"teacher", *study.quality["systems"]}
    titles = {**TITLES, **study.words.baselines}
    return [_collect(name, title, study) for name, title in titles.items() if name in known]


def collect_compared(study: Study) -> list[Result]:
    """The language models that were not asked, only priced: no scores, no speed."""
    return [
        Result(
            system="llm",
            title=model["model"],
            score=None,
            macro_f1=None,
            texts_per_s=None,
            p50_ms=None,
            p95_ms=None,
            usd_per_million=model["usd_per_million"],
            kg_co2_per_million=model["kg_co2_per_million"],
        )
        for model in study.cost["compared_models"]
    ]


def find_family(system: str) -> str:
    """What a system is: teacher, student, llm (priced, not asked) or baseline; a cascade is a student with help."""
    if system in ("pipeline", CASCADE):
        return "student"
    return next((family for family in ("teacher", "student", "llm") if system.startswith(family)), "baseline")


def list_headings(study: Study) -> list[str]:
    """The headings of the table's columns; without gold the score is named agreement, never accuracy."""
    score, latency = study.score, "p50 / p95 ms" if CASCADE in study.quality["systems"] else "p50 ms"
    return ["System", score.heading, score.second_heading, "Texts/s", latency, "$ per million", "kg CO2 per million"]


def render_table(results: Sequence[Result], compared: Sequence[Result], study: Study) -> str:
    """The table as plain text, at most 100 columns wide, with the machine and the date below it.

    Of Macro F1 it gives no interval, for want of room. The models that were only priced have a table of their own.
    """
    short = [replace(it, macro_f1=it.macro_f1 and replace(it.macro_f1, low=None, high=None)) for it in results]
    page = StringIO()
    console = Console(file=page, width=WIDTH, force_terminal=False, color_system=None, legacy_windows=False)
    console.print(_lay_out(list_headings(study), map(format_row, short)))
    console.print()
    if compared:
        console.print(_lay_out(COMPARED_HEADINGS, map(format_compared, compared)))
        console.print()
    for line in describe_measurement(study, bool(compared)):
        console.print(Text(line))
    return "\n".join(line.rstrip() for line in page.getvalue().splitlines()) + "\n"


def render_markdown(results: Sequence[Result], compared: Sequence[Result], study: Study) -> str:
    """The table as Markdown, that of the models that were only priced, and the machine and the date below them."""
    lines = map(escape_markdown, describe_measurement(study, bool(compared)))
    tables = [_write_markdown(list_headings(study), map(format_row, results))]
    if compared:
        tables.append(_write_markdown(COMPARED_HEADINGS, map(format_compared, compared)))
    return "\n\n".join(tables) + "\n\n" + "\n".join(f"- {line}" for line in lines) + "\n"


def format_compared(result: Result) -> list[str]:
    """A model that was only priced as the cells of its table."""
    return [result.title, format_usd(result.usd_per_million), format_co2_bounds(result.kg_co2_per_million)]


def format_row(result: Result) -> list[str]:
    """A result as the cells of the table."""
    return [
        result.title,
        format_score(result.score),
        format_score(result.macro_f1),
        format_figure(result.texts_per_s),
        format_latency(result),
        format_usd(result.usd_per_million),
        format_co2_bounds(result.kg_co2_per_million),
    ]


def format_latency(result: Result) -> str:
    """The median, and where it is told the time within which 95 of 100 texts are answered: 3.6 / 5.1."""
    p50 = format_figure(result.p50_ms)
    return p50 if result.p95_ms is None else f"{p50} / {format_figure(result.p95_ms)}"


def format_score(score: Score | None) -> str:
    """0.812 [0.780, 0.842]."""
    if score is None:
        return NOT_KNOWN
    interval = "" if score.low is None or score.high is None else f" [{score.low:.3f}, {score.high:.3f}]"
    return f"{score.value:.3f}{interval}"


def _lay_out(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table for the terminal; headings are broken into lines, so that figures decide the width of a column."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    for number, heading in enumerate(headings):
        lines = Text(
            heading.replace(" per ", " per\n")
            .replace(" F1", "\nF1")
            .replace(" with ", "\nwith ")
            .replace("p95 ms", "\np95 ms")
        )
        table.add_column(lines, justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _write_markdown(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = [[escape_markdown(title), *figures] for title, *figures in rows]
    lines = [list(headings), ["---"] + ["---:"] * (len(headings) - 1), *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _collect(name: str, title: str, study: Study) -> Result:
    scores, costs = study.quality["systems"].get(name, {}), study.cost["systems"].get(name, {})
    latency = find_latency(study, name)
    return Result(
        system=name,
        title=title,
        score=read_score(scores, study.score.key),
        macro_f1=read_score(scores, study.score.second),
        texts_per_s=costs.get("texts_per_s"),
        p50_ms=latency.p50_ms,
        p95_ms=latency.p95_ms,
        usd_per_million=costs.get("usd_per_million"),
        kg_co2_per_million=costs.get("kg_co2_per_million"),
    )


def read_score(scores: Mapping[str, Any], name: str) -> Score | None:
    """A score of metrics/quality.json with its bounds; None where it is not known."""
    value = scores.get(name)
    return None if value is None else Score(value, scores.get(f"{name}_low"), scores.get(f"{name}_high"))
