"""The charts of cost and carbon: dollars and CO2 per million texts, and what was spent by number of texts."""

from collections.abc import Iterator, Sequence
from functools import partial

from distil.cost.figures import format_co2, format_co2_bounds, format_usd
from distil.report.charts.canvas import Chart
from distil.report.charts.lines import Line, draw_break_even
from distil.report.charts.rows import Row, describe_rows, draw_log_dots, find_marks
from distil.report.findings import Study
from distil.report.results import Result, find_family


def list_cost_charts(study: Study, results: Sequence[Result]) -> Iterator[Chart]:
    """Dollars and CO2 of each result, where known; break-even where both prices are."""
    yield _chart_dollars(study, results)
    yield _chart_co2(results)
    yield from _chart_break_even(study)


def _chart_dollars(study: Study, results: Sequence[Result]) -> Chart:
    rows = []
    for result in results:
        if usd := result.usd_per_million:
            low, high = _bound_dollars(study, result, usd)
            rows.append(Row(_name_row(result), find_family(result.system), usd, format_usd(usd), low, high))
    title = "Dollars per million texts"
    return Chart(
        "cost", title, describe_rows(title, rows), partial(draw_log_dots, rows, title.lower()), find_marks(rows)
    )


def _name_row(result: Result) -> str:
    """A system's title; of a model its name without its owner, since rows have little room."""
    return result.title.rpartition("/")[2] if result.system == "llm" else result.title


def _bound_dollars(study: Study, result: Result, usd: float) -> tuple[float | None, float | None]:
    """Dollars at the fastest and the slowest repetition; unknown where the throughput was not measured in several."""
    measured = study.speed["systems"].get("pipeline" if result.system == "student" else result.system)
    if measured is None or not result.texts_per_s:
        return None, None
    offline = measured["offline"]
    fastest, slowest = (usd * result.texts_per_s / offline[f"texts_per_s_{end}"] for end in ("max", "min"))
    return fastest, slowest


def _chart_co2(results: Sequence[Result]) -> Chart:
    rows, described = [], []
    for result in results:
        if kg := result.kg_co2_per_million:
            family = find_family(result.system)
            rows.append(Row(_name_row(result), family, kg["mid"], format_co2(kg), kg["low"], kg["high"]))
            described.append(f"{result.title} {format_co2_bounds(kg)}")
    title = "Kilograms of CO2 per million texts"
    draw = partial(draw_log_dots, rows, "kg CO2 per million texts")
    return Chart("co2", title, f"{title}: " + "; ".join(described), draw, find_marks(rows))


def _chart_break_even(study: Study) -> Iterator[Chart]:
    lines = []
    for system, title in study.followed.items():
        spent = study.spent[study.spent["system"] == system].sort_values("texts")
        spent = spent[spent["usd"].notna()]
        if len(spent):
            lines.append(Line(title, find_family(system), spent["texts"].tolist(), spent["usd"].tolist()))
    if len(lines) == len(study.followed):
        title = "Dollars spent by the number of texts labelled"
        after = study.cost["break_even_texts"]
        found = "the lines do not cross" if after is None else f"the student has paid for itself after {after:,} texts"
        yield Chart("break_even", title, f"{title}: {found}", partial(draw_break_even, lines, after))
