"""Charts with lines: throughput by batch size, response times, break-even, calibration, accuracy by bin, loss, ladder.

Each line is named at its right end, where a piece of it is drawn again; names that would touch are moved apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from distil.report.charts.canvas import SMALL_PT, Palette, draw_grid, format_log_axis, start_axes, write_number

HEIGHT_IN = 3.1
AXES_SHARE = 0.78  # of the height, about: the rest is for what stands below the axes
MOST_MARKED = 12  # points of a line that are drawn as such
LINE_IN = 0.18  # height of a line of text
NAMED_AT = 1.03  # of the width of the axes: where the repeated piece of a line starts, ...
PIECE = 0.09  # ... how long it is, ...
GAP = 0.025  # ... and how far behind it the name stands


Dash = str | tuple[int, tuple[int, int]]  # as matplotlib has it


@dataclass(frozen=True)
class Line:
    """A line through points, its name and family; `dash` and `marker` tell lines of one family apart."""

    title: str
    family: str
    x: Sequence[float]
    y: Sequence[float]
    dash: Dash = "-"
    marker: str = "o"
    sizes: Sequence[float] | None = None  # of the points, as areas in pt^2
    bounds: Sequence[tuple[float, float]] | None = None  # of each y


def draw_batch_sizes(lines: Sequence[Line], palette: Palette) -> Figure:
    """Texts per second (log) by the number of texts in a batch (log)."""
    figure, axes = start_axes(HEIGHT_IN, palette)
    _draw_lines(axes, lines, palette)
    sizes = sorted({size for line in lines for size in line.x})
    axes.set(xscale="log", yscale="log")
    axes.set_xticks(sizes, [write_number(size) for size in sizes])
    axes.set_xticks([], minor=True)
    format_log_axis(axes.yaxis)
    _widen_to_decades(axes)
    axes.set_xlabel("texts in a batch", color=palette.muted)
    axes.set_ylabel("texts per second", color=palette.muted)
    _name_lines(axes, lines, palette)
    return figure


def draw_server(lines: Sequence[Line], limit_ms: float, palette: Palette) -> Figure:
    """Response time (ms, log) by arrivals per second, and the limit."""
    figure, axes = start_axes(HEIGHT_IN, palette)
    _draw_lines(axes, lines, palette)
    limit = Line(f"limit, {limit_ms:g} ms", "muted", axes.get_xlim(), (limit_ms, limit_ms), ":")
    axes.axhline(limit_ms, color=palette.muted, linestyle=":", linewidth=1.4)
    axes.set_yscale("log")
    axes.set_xlim(left=0)
    format_log_axis(axes.yaxis)
    _widen_to_decades(axes)
    axes.set_xlabel("texts that arrive in a second", color=palette.muted)
    axes.set_ylabel("milliseconds to the answer", color=palette.muted)
    _name_lines(axes, [*lines, limit], palette)
    return figure


def draw_break_even(lines: Sequence[Line], break_even: float | None, palette: Palette) -> Figure:
    """Dollars spent (log) by texts labelled (log), and where the lines cross."""
    figure, axes = start_axes(HEIGHT_IN, palette)
    _draw_lines(axes, lines, palette)
    axes.set(xscale="log", yscale="log")
    format_log_axis(axes.xaxis)
    format_log_axis(axes.yaxis)
    if break_even is not None:
        axes.axvline(break_even, color=palette.muted, linestyle=":", linewidth=1.4)
        place = axes.get_xaxis_transform()
        text = f"{break_even:,.0f} texts"
        axes.text(break_even, 1.02, text, transform=place, ha="center", color=palette.ink, fontsize=SMALL_PT)
    axes.set_xlabel("texts labelled", color=palette.muted)
    axes.set_ylabel("dollars spent", color=palette.muted)
    _name_lines(axes, lines, palette)
    return figure


def draw_calibration(lines: Sequence[Line], x_label: str, y_label: str, palette: Palette) -> Figure:
    """The share that is right by the probability that was given (reliability diagram), and the diagonal."""
    figure, axes = start_axes(HEIGHT_IN, palette)
    axes.plot([0, 1], [0, 1], color=palette.muted, linestyle=":", linewidth=1.4)
    for line in lines:
        colour = palette.pick(line.family)
        axes.plot(line.x, line.y, color=colour, linestyle=line.dash, linewidth=1.2)
        axes.scatter(line.x, line.y, s=line.sizes, marker=line.marker, color=colour, alpha=0.75, linewidths=0)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    draw_grid(axes, palette)
    axes.set_xlabel(x_label, color=palette.muted)
    axes.set_ylabel(y_label, color=palette.muted)
    _name_lines(axes, [Line("calibrated", "muted", (0, 1), (0, 1), ":"), *lines], palette)
    return figure


def draw_coverage(line: Line, kept: float | None, y_label: str, palette: Palette) -> Figure:
    """The share that is right by the share of the texts that is kept, within its bounds, and where a threshold lies."""
    figure, axes = start_axes(HEIGHT_IN, palette)
    low, high = zip(*(line.bounds or ()), strict=True)
    axes.fill_between(line.x, low, high, color=palette.pick(line.family), alpha=0.18, linewidth=0)
    _draw_lines(axes, [replace(line, bounds=None)], palette)
    axes.set(xlim=(0, 1.02), ylim=(max(0.0, np.floor(10 * min(line.y) - 0.5) / 10), 1.01))
    if kept is not None:
        axes.axvline(kept, color=palette.muted, linestyle=":", linewidth=1.4)
        place = axes.get_xaxis_transform()
        text = f"threshold: {kept:.1%} kept"
        axes.text(kept, 1.02, text, transform=place, ha="center", color=palette.ink, fontsize=SMALL_PT)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    _label_shares(axes, "share of the texts that it keeps, the surest first", y_label, palette)
    _name_lines(axes, [line], palette)
    return figure


def draw_bins(lines: Sequence[Line], names: Sequence[str], x_label: str, y_label: str, palette: Palette) -> Figure:
    """A share by bin; the lines' x are the numbers of the bins, `names` stand below them."""
    figure, axes = start_axes(HEIGHT_IN, palette)
    _draw_lines(axes, lines, palette)
    axes.set_xticks(range(len(names)), list(names), fontsize=SMALL_PT)
    axes.set_xlim(-0.35, len(names) - 0.65)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    lowest = min(
        [share for line in lines for share in line.y] + [low for line in lines for low, _ in line.bounds or ()]
    )
    axes.set_ylim(max(0.0, np.floor(10 * lowest - 0.5) / 10), 1.03)
    axes.set_xlabel(x_label, color=palette.muted)
    axes.set_ylabel(y_label, color=palette.muted)
    _name_lines(axes, lines, palette)
    return figure


def draw_rungs(rungs: Sequence[Line], score: str, palette: Palette) -> Figure:
    """The score of each rung (a line of one point) on held-out labels, by seconds of training (log)."""
    figure, axes = start_axes(HEIGHT_IN, palette)
    _draw_lines(axes, rungs, palette)
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xlim(10 ** np.floor(np.log10(low)), 10 ** np.ceil(np.log10(high)))
    format_log_axis(axes.xaxis)
    _label_shares(axes, "seconds to train and judge", score, palette)
    _name_lines(axes, rungs, palette)
    return figure


def draw_learning_curve(line: Line, score: str, palette: Palette) -> Figure:
    """The score of a student on held-out labels, by the number of texts that it learnt from (log)."""
    figure, axes = start_axes(HEIGHT_IN, palette)
    _draw_lines(axes, [line], palette)
    axes.set_xscale("log")
    axes.set_xticks(line.x, [write_number(rows) for rows in line.x])
    axes.set_xticks([], minor=True)
    _label_shares(axes, "training texts", score, palette)
    return figure


def draw_training(curve: pd.DataFrame, palette: Palette) -> Figure:
    """The training loss by epoch; `curve` has the columns epoch and loss."""
    figure, axes = start_axes(2.4, palette)
    axes.plot(curve["epoch"], curve["loss"], color=palette.student, linewidth=1.6)
    axes.set_ylim(bottom=0)
    draw_grid(axes, palette, "y")
    axes.set_xlabel("epoch", color=palette.muted)
    axes.set_ylabel("loss", color=palette.muted)
    return figure


def _draw_lines(axes: Axes, lines: Sequence[Line], palette: Palette) -> None:
    for line in lines:
        axes.plot(
            line.x,
            line.y,
            color=palette.pick(line.family),
            linestyle=line.dash,
            linewidth=1.6,
            marker=line.marker if len(line.x) <= MOST_MARKED else None,
            markersize=5,
        )
        for x, (low, high) in zip(line.x, line.bounds or (), strict=False):
            axes.plot([x, x], [low, high], color=palette.pick(line.family), linewidth=2, alpha=0.5)
    draw_grid(axes, palette)


def _label_shares(axes: Axes, x_label: str, y_label: str, palette: Palette) -> None:
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{round(100 * share, 2):g}%"))
    axes.set_xlabel(x_label, color=palette.muted)
    axes.set_ylabel(y_label, color=palette.muted)


def _name_lines(axes: Axes, lines: Sequence[Line], palette: Palette) -> None:
    """Write each line's name at the height of its end, once limits and scales are set."""
    to_axes = axes.transData + axes.transAxes.inverted()
    ends = [float(to_axes.transform((line.x[-1], line.y[-1]))[1]) for line in lines]
    lines_of = [1 + line.title.count("\n") for line in lines]
    heights = [LINE_IN * (count + (count > 1) / 4) / (AXES_SHARE * HEIGHT_IN) for count in lines_of]
    name_at = NAMED_AT + PIECE + GAP
    for line, place in zip(lines, move_apart(ends, heights), strict=True):
        axes.plot(
            np.linspace(NAMED_AT, NAMED_AT + PIECE, 3),
            [place] * 3,
            transform=axes.transAxes,
            clip_on=False,
            in_layout=False,
            color=palette.pick(line.family),
            linestyle=line.dash,
            linewidth=1.6,
            marker=line.marker if len(line.x) <= MOST_MARKED and line.family != "muted" else None,
            markevery=[1],
            markersize=5,
        )
        axes.text(
            name_at, place, line.title, transform=axes.transAxes, va="center", color=palette.ink, fontsize=SMALL_PT
        )


def move_apart(places: Sequence[float], heights: Sequence[float]) -> list[float]:
    """Move the middles of names (in shares of the axes' height) so that none touch and all stay within the axes."""
    order = np.argsort(places, kind="stable")
    moved = np.array(places, dtype=float)
    for lower, upper in pairwise(order):
        moved[upper] = max(moved[upper], moved[lower] + (heights[lower] + heights[upper]) / 2)
    above = moved[order[-1]] + heights[order[-1]] / 2 - 1.04
    if above > 0:
        moved[order[-1]] -= above
        for lower, upper in reversed(list(pairwise(order))):
            moved[lower] = min(moved[lower], moved[upper] - (heights[lower] + heights[upper]) / 2)
    return [float(place) for place in moved]


def _widen_to_decades(axes: Axes) -> None:
    """Show at least one whole decade, so that two powers of ten are written."""
    low, high = axes.get_ylim()
    axes.set_ylim(10 ** np.floor(np.log10(low)), 10 ** np.ceil(np.log10(high)))
