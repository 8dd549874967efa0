"""The charts of the ladder of `train`: what each rung is worth against its cost, and the learning curve."""

from collections.abc import Iterator
from functools import partial
from textwrap import fill

from distil.report.charts.canvas import MARKERS, Chart
from distil.report.charts.lines import Line, draw_learning_curve, draw_rungs
from distil.report.findings import Study
from distil.report.ladder import Rung, list_curve, list_rungs
from distil.report.results import Score

LOOKS = {
    "tfidf": ("baseline", "s"),
    "frozen": ("student", "D"),
    "fine_tuned": ("student", "o"),
}
UNSEEN = {"majority", "most_frequent_set"}  # of many labels they would press all others together; the table has them
SHORTEST_S = 0.01  # a log axis has no zero
NAME_CHARACTERS = 15  # of a line of a name: beside the chart there is no room for more


def list_ladder_charts(study: Study) -> Iterator[Chart]:
    """Both charts; none for a study without a ladder, nor a curve of fewer than two points."""
    words = study.words.ladder
    rungs = [rung for rung in list_rungs(study) if rung.name not in UNSEEN]
    if rungs:
        title = words.chart
        described = "; ".join(f"{_name(rung)} after {rung.seconds:.3g} s" for rung in rungs).replace("\n", " ")
        yield Chart(
            "rungs", title, f"{title}: {described}", partial(draw_rungs, list(map(_draw_rung, rungs)), words.axis)
        )
    curve = list_curve(study)
    if len(curve) > 1:
        title = "Learning curve: a linear head on the frozen encoder"
        described = "; ".join(f"{point.rows:,} texts {point.score.value:.1%}" for point in curve)
        scores = [point.score for point in curve]
        line = Line(
            "", "student", [point.rows for point in curve], [it.value for it in scores], bounds=[*map(_bound, scores)]
        )
        yield Chart("learning_curve", title, f"{title}: {described}", partial(draw_learning_curve, line, words.axis))


def _draw_rung(rung: Rung) -> Line:
    family, marker = LOOKS.get(rung.name, ("baseline", MARKERS["baseline"]))
    seconds = max(rung.seconds, SHORTEST_S)
    return Line(_name(rung), family, [seconds], [rung.score.value], "", marker, bounds=[_bound(rung.score)])


def _name(rung: Rung) -> str:
    title = fill(rung.title, NAME_CHARACTERS)
    return f"{title}\n{rung.score.value:.1%}{', chosen' if rung.chosen else ''}"


def _bound(score: Score) -> tuple[float, float]:
    """The interval; where none is known, the share itself."""
    return (score.value, score.value) if score.low is None or score.high is None else (score.low, score.high)
