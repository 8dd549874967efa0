"""The chart of the candidates for the teacher: a bar each, on the rows that all of them labelled."""

from collections.abc import Iterator
from functools import partial

from distil.report.candidates import list_candidates
from distil.report.charts.canvas import Chart
from distil.report.charts.rows import Row, describe_rows, draw_bars
from distil.report.findings import Study


def list_candidate_charts(study: Study) -> Iterator[Chart]:
    """One chart, the study's own teacher in the teacher's colour and published figures as rings; none without any."""
    words = study.words.by_people
    rows = [
        Row(
            one.name,
            "teacher" if one.chosen else "llm",
            one.score.value,
            f"{one.score.value:.1%}",
            one.score.low,
            one.score.high,
            one.published,
        )
        for one in list_candidates(study)
    ]
    if rows:
        title = f"{words.title} of the candidates on {study.compare['texts']:,} rows"
        yield Chart("candidates", title, describe_rows(title, rows), partial(draw_bars, rows, words.spoken))
