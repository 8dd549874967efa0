"""The chart of sureness: how often the student is right on the texts that it is surest of, by their share."""

from collections.abc import Iterator
from functools import partial

from distil.report.cascade import find_cascade
from distil.report.charts.canvas import Chart
from distil.report.charts.lines import Line, draw_coverage
from distil.report.findings import Study


def list_cascade_charts(study: Study) -> Iterator[Chart]:
    """The curve of the student, and where on it a cascade's threshold lies; nothing where no curve was drawn."""
    curve = study.coverage[study.coverage["system"] == study.served]
    if curve.empty:
        return
    bounds = list(zip(curve["low"].tolist(), curve["high"].tolist(), strict=True))
    line = Line(f"{study.precision} student", "student", curve["kept"].tolist(), curve["right"].tolist(), bounds=bounds)
    cascade = find_cascade(study)
    kept = cascade["kept"]["share"] if cascade and cascade["threshold"] is not None else None
    title = "Right answers by the share of the texts that the student keeps"
    ends = f"{line.y[0]:.1%} of the surest {line.x[0]:.0%}, {line.y[-1]:.1%} of all"
    told = "" if kept is None else f"; the threshold keeps {kept:.1%}"
    reference = "right" if study.has_gold else "as the teacher"
    yield Chart("coverage", title, f"{title}: {ends}{told}", partial(draw_coverage, line, kept, reference))
