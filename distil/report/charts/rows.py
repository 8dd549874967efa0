"""Charts with a row for each system: bars, dots between bounds, differences, latencies, shares of labels.

Rows have the system's name at the left and its figure at the right, so colour tells nothing that words do not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from distil.report.charts.canvas import (
    MARKERS,
    SMALL_PT,
    WIDTH_IN,
    Palette,
    draw_grid,
    format_log_axis,
    label_rows,
    start_axes,
)

ROW_IN = 0.36
POINT_PT = 6  # a point's width
HIDDEN_PT = POINT_PT + 2  # a line that is no longer stands out from its point no more
NARROWEST = 0.01  # an axis of shares
AXES_PT = 36 * WIDTH_IN  # about: half the figure's width


@dataclass(frozen=True)
class Row:
    """A system's figure between its bounds (both None where there are none), and the figure as it is written."""

    title: str
    family: str
    value: float
    text: str
    low: float | None = None
    high: float | None = None
    other: float | None = None  # a second figure, drawn as a ring


@dataclass(frozen=True)
class Spread:
    """A system's latency in ms: quantiles of which 1 and 99 % are the ends, 25 and 75 % the middle, and the median."""

    title: str
    family: str
    quantiles: Sequence[float]  # 1, 25, 50, 75 and 99 %
    text: str


def find_marks(rows: Sequence[Row]) -> frozenset[str]:
    """What a chart on a log axis shows: families, rings, and bounds, as lines where points do not hide them.

    Bounds that begin at 0 are left out: it has no place on such an axis.
    """
    bounds = [(row.low, row.high) for row in rows if row.low and row.high]
    values = [value for row in rows for value in (row.value, row.other, row.low, row.high) if value]
    marks = {row.family for row in rows} | ({"rings"} if any(row.other is not None for row in rows) else set())
    if not bounds:
        return frozenset(marks)
    decades = np.ceil(np.log10(max(values))) - np.floor(np.log10(min(values)))
    longest_pt = max(np.log10(high / low) for low, high in bounds) / max(decades, 1) * AXES_PT
    return frozenset(marks | {"bounds"} | ({"lines"} if longest_pt > HIDDEN_PT else set()))


def describe_rows(title: str, rows: Sequence[Row | Spread]) -> str:
    """What such a chart shows, in words."""
    return f"{title}: " + "; ".join(f"{row.title} {row.text}" for row in rows)


def draw_bars(rows: Sequence[Row], unit: str, palette: Palette) -> Figure:
    """A bar from 0 to each share, with a line between its bounds; a second share is a ring."""
    figure, axes = _start_rows(rows, palette)
    for position, row in enumerate(rows):
        axes.barh(position, row.value, height=0.62, color=palette.pick(row.family), alpha=0.75, linewidth=0)
        if row.low is not None and row.high is not None:
            axes.plot([row.low, row.high], [position, position], color=palette.ink, linewidth=1.4)
        if row.other is not None:
            axes.plot(row.other, position, "o", markerfacecolor="none", color=palette.ink, markersize=8)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_xlabel(unit, color=palette.muted)
    return figure


def draw_differences(rows: Sequence[Row], unit: str, palette: Palette) -> Figure:
    """A dot for each difference of two shares, in percentage points, between its bounds, around a line at 0."""
    figure, axes = _start_rows(rows, palette)
    axes.axvline(0, color=palette.muted, linewidth=1)
    _draw_points(axes, rows, palette)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_points(value)))
    axes.margins(x=0.06)
    axes.set_xlabel(unit, color=palette.muted)
    return figure


def draw_log_dots(rows: Sequence[Row], unit: str, palette: Palette) -> Figure:
    """A dot for each figure between its bounds, on a log axis; a second figure is a ring."""
    figure, axes = _start_rows(rows, palette)
    _draw_points(axes, rows, palette)
    for position, row in enumerate(rows):
        if row.other is not None:
            axes.plot(row.other, position, "o", markerfacecolor="none", color=palette.pick(row.family), markersize=8)
    axes.set_xscale("log")
    _widen_to_decades(axes)
    format_log_axis(axes.xaxis)
    axes.set_xlabel(unit, color=palette.muted)
    return figure


def draw_latency(rows: Sequence[Spread], palette: Palette) -> Figure:
    """The spread of each system's latencies on a log axis: 98 % thin, half of them thick, the median as a dot."""
    figure, axes = _start_rows(rows, palette)
    for position, row in enumerate(rows):
        first, lower, median, upper, last = row.quantiles
        colour = palette.pick(row.family)
        axes.plot([first, last], [position, position], color=colour, linewidth=1.4)
        axes.plot([lower, upper], [position, position], color=colour, linewidth=6, alpha=0.5, solid_capstyle="butt")
        axes.plot(median, position, "o", color=colour, markersize=6)
        axes.plot(last, position, "|", color=colour, markersize=9, markeredgewidth=1.6)
    axes.set_xscale("log")
    _widen_to_decades(axes)
    format_log_axis(axes.xaxis)
    axes.set_xlabel("milliseconds for one text", color=palette.muted)
    return figure


def draw_by_label(shares: pd.DataFrame, unit: str, palette: Palette) -> Figure:
    """A share of each label (row) by whose it is: some of the columns teacher, student and people."""
    figure, axes = start_axes(0.95 + 0.32 * len(shares), palette)
    looks = {
        "teacher": (palette.teacher, MARKERS["teacher"], 7),
        "student": (palette.student, MARKERS["student"], 6),
        "people": (palette.ink, "|", 12),
    }
    for who in shares.columns:
        colour, marker, size = looks[who]
        places = range(len(shares))
        axes.plot(
            shares[who], places, marker, color=colour, markersize=size, markeredgewidth=2, linestyle="none", label=who
        )
    label_rows(axes, list(map(str, shares.index)))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_xlim(0, 1.08 * max(np.nanmax(shares.to_numpy()), NARROWEST))
    draw_grid(axes, palette, "x")
    axes.set_xlabel(unit, color=palette.muted)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, labelcolor=palette.ink)
    return figure


def format_points(difference: float, digits: int = 0) -> str:
    """A difference of two shares in percentage points, with its sign, or 0."""
    text = f"{100 * difference:+.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}") if text.strip("+-0.") else text[1:]


def _start_rows(rows: Sequence[Row | Spread], palette: Palette) -> tuple[Figure, Axes]:
    figure, axes = start_axes(0.65 + ROW_IN * max(len(rows), 1), palette)
    label_rows(axes, [row.title for row in rows])
    draw_grid(axes, palette, "x")
    for position, row in enumerate(rows):
        place = axes.get_yaxis_transform()
        axes.text(1.03, position, row.text, transform=place, va="center", color=palette.ink, fontsize=SMALL_PT)
    return figure, axes


def _draw_points(axes: Axes, rows: Sequence[Row], palette: Palette) -> None:
    for position, row in enumerate(rows):
        colour = palette.pick(row.family)
        if row.low is not None and row.high is not None:
            axes.plot([row.low, row.high], [position, position], color=colour, linewidth=2, alpha=0.5)
        axes.plot(row.value, position, MARKERS[row.family], color=colour, markersize=POINT_PT)


def _widen_to_decades(axes: Axes) -> None:
    """Show whole decades, so that at least two powers of ten are written."""
    low, high = axes.get_xlim()
    axes.set_xlim(10 ** np.floor(np.log10(low)), 10 ** np.ceil(np.log10(high)))
