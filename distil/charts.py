"""Draw the report's charts with matplotlib: once as PNG, once as SVG that takes its colours from the page's CSS.

A chart is a function from a palette to a figure. For the SVG each colour of the palette is a placeholder that is
replaced by a CSS variable, so the same drawing follows light and dark; its text stays text. All strings are drawn as
they are: `$` starts no formula, `<` no element. The same figures give the same bytes.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from io import StringIO
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, PercentFormatter
from numpy.typing import NDArray

from distil.results import TITLES, Result, format_co2, format_figure, format_score, format_usd

WIDTH_IN = 4.8  # narrow, so that text is still readable where a phone shows the SVG at 350 px
ROW_IN = 0.34
PNG_DPI = 200
MAX_LABEL = 22  # characters of a label on an axis
MAX_CHARACTERS_ABREAST = 48  # of the labels below a confusion matrix
MAX_COUNTED_LABELS = 12  # with more, the cells of a confusion matrix are too small for numbers
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 9.0,
    "text.parse_math": False,
    "svg.fonttype": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "axes.linewidth": 0.8,
    "ytick.major.size": 0,
    "ytick.major.pad": 6,
    "xtick.major.size": 3,
    "xtick.minor.size": 0,
    "figure.constrained_layout.w_pad": 0.08,
    "figure.constrained_layout.h_pad": 0.06,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
}


@dataclass(frozen=True)
class Palette:
    """The colours of a drawing: text, secondary text, lines, then one colour for each kind of system."""

    ink: str
    muted: str
    line: str
    teacher: str
    student: str
    baseline: str
    on_colour: str  # text on the colour of a system


LIGHT = Palette("#1c2127", "#5b6570", "#d9dde2", "#b4620b", "#1d5fa8", "#7b8794", "#ffffff")
PLACEHOLDERS = Palette(*(f"#0d151{number}" for number in range(7)))  # replaced by var(--ink), var(--muted), ...

Draw = Callable[[Palette], Figure]


def render_svg(draw: Draw, name: str, description: str) -> str:
    """The chart as an <svg> element to put into a page that defines --ink, --muted and so on.

    `name` makes the ids in it unique within the page.
    """
    text = StringIO()
    with mpl.rc_context({**STYLE, "svg.hashsalt": name}):
        blank = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        draw(PLACEHOLDERS).savefig(text, format="svg", transparent=True, metadata=blank)
    svg = text.getvalue()[text.getvalue().index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)  # the page has its own style
    svg = re.sub(r' id="[^"]*_\d+"', "", svg)  # figure_1, patch_2: not unique on a page, and nothing refers to them
    for field in fields(Palette):
        svg = svg.replace(getattr(PLACEHOLDERS, field.name), f"var(--{field.name.replace('_', '-')})")
    opening = re.compile(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>')  # without its size in points: the page sets the width
    return opening.sub(lambda match: f'<svg {match[1]} role="img" aria-label={quoteattr(description)}>', svg, count=1)


def write_png(draw: Draw, path: Path, title: str) -> None:
    """Write the chart in light colours on white, with its title, which the page has in its text."""
    with mpl.rc_context(STYLE):
        figure = draw(LIGHT)
        figure.suptitle(title, x=0.02, ha="left", fontsize=10.5, fontweight="bold", color=LIGHT.ink)
        figure.savefig(path, dpi=PNG_DPI, facecolor="white", metadata={"Software": None})


def draw_scores(results: Sequence[Result], score_name: str, palette: Palette) -> Figure:
    """A dot and its interval for each system's accuracy (or agreement)."""
    scores = {result.system: result.score for result in results if result.score}
    figure, axes = _start_rows(list(scores), palette)
    for position, (system, score) in enumerate(scores.items()):
        colour = _colour(system, palette)
        if score.low is not None and score.high is not None:
            axes.plot([score.low, score.high], [position, position], color=colour, linewidth=2, alpha=0.45)
        axes.plot(score.value, position, "o", color=colour, markersize=6)
        _write_beside(axes, position, format_score(score), palette)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_xlabel(score_name, color=palette.muted)
    axes.margins(x=0.08)
    return figure


def draw_throughput(results: Sequence[Result], spread: dict[str, tuple[float, float]], palette: Palette) -> Figure:
    """Texts per second on a log axis, with the slowest and fastest repetition in `spread`."""
    rows = [result for result in results if result.texts_per_s]
    points = {result.system: result.texts_per_s or 0.0 for result in rows}
    bounds = {system: spread.get(system, (value, value)) for system, value in points.items()}
    return _draw_log_rows(
        points, bounds, {name: format_figure(value) for name, value in points.items()}, "texts per second", palette
    )


def draw_cost(results: Sequence[Result], palette: Palette) -> Figure:
    """Dollars per million texts on a log axis."""
    points = {result.system: result.usd_per_million for result in results if result.usd_per_million}
    bounds = {system: (value, value) for system, value in points.items()}
    return _draw_log_rows(
        points,
        bounds,
        {name: format_usd(value) for name, value in points.items()},
        "dollars per million texts",
        palette,
    )


def draw_co2(results: Sequence[Result], palette: Palette) -> Figure:
    """Kilograms of CO2 per million texts on a log axis, between their bounds."""
    known = {result.system: result.kg_co2_per_million for result in results if result.kg_co2_per_million}
    points = {system: bounds["mid"] for system, bounds in known.items()}
    bounds = {system: (bounds["low"], bounds["high"]) for system, bounds in known.items()}
    return _draw_log_rows(
        points, bounds, {name: format_co2(value) for name, value in known.items()}, "kg CO2 per million texts", palette
    )


def draw_latency(milliseconds: dict[str, NDArray[np.float64]], palette: Palette) -> Figure:
    """Share of texts answered within a time, one at a time, by system (empirical distribution functions)."""
    figure, axes = _start(2.9, palette)
    styles = {"pipeline": ":", "student_onnx": "--", "embeddings": "--"}
    for system, times in milliseconds.items():
        ordered = np.sort(times)
        shares = np.arange(1, len(ordered) + 1) / len(ordered)
        axes.step(
            ordered,
            shares,
            where="post",
            color=_colour(system, palette),
            linestyle=styles.get(system, "-"),
            linewidth=1.6,
            label=_title(system),
        )
    axes.set_xscale("log")
    _format_log_axis(axes)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_ylim(0, 1.02)
    axes.grid(axis="both", color=palette.line, linewidth=0.6)
    axes.set_xlabel("milliseconds for one text", color=palette.muted)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=3, labelcolor=palette.ink, handlelength=2.2)
    return figure


def draw_confusion(counts: pd.DataFrame, system: str, rows_are: str, columns_are: str, palette: Palette) -> Figure:
    """How often a true label (row) got a label (column); cells are shaded by their share of the row."""
    numbers = counts.to_numpy()
    shares = numbers / np.maximum(numbers.sum(axis=1, keepdims=True), 1)
    figure, axes = _start(min(1.1 + 0.62 * len(counts), WIDTH_IN), palette)
    cells = [Rectangle((column - 0.48, row - 0.48), 0.96, 0.96) for row, column in np.ndindex(shares.shape)]
    colours = [(_colour(system, palette), 0.06 + 0.94 * share) for share in shares.flat]
    axes.add_collection(PatchCollection(cells, facecolors=colours, linewidths=0))
    if max(shares.shape) <= MAX_COUNTED_LABELS:
        for (row, column), share in np.ndenumerate(shares):
            colour = palette.on_colour if share > 0.5 else palette.ink
            text = f"{numbers[row, column]:,}\n{share:.0%}"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8.5)
    _name_cells(axes, counts)
    axes.set_xlabel(columns_are, color=palette.muted)
    axes.set_ylabel(rows_are, color=palette.muted)
    return figure


def draw_training(curve: pd.DataFrame, palette: Palette) -> Figure:
    """The training loss by epoch; `curve` has the columns epoch and loss."""
    figure, axes = _start(2.4, palette)
    axes.plot(curve["epoch"], curve["loss"], color=palette.student, linewidth=1.6)
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color=palette.line, linewidth=0.6)
    axes.set_xlabel("epoch", color=palette.muted)
    axes.set_ylabel("loss", color=palette.muted)
    return figure


def draw_label_shares(shares: pd.DataFrame, palette: Palette) -> Figure:
    """The share of each label (row) by who gave it: the columns teacher and, where there is gold, people."""
    figure, axes = _start(0.9 + 0.3 * len(shares), palette)
    looks = {"teacher": (palette.teacher, "o"), "people": (palette.ink, "|")}
    for who in shares.columns:
        colour, marker = looks[who]
        axes.plot(
            shares[who],
            range(len(shares)),
            marker,
            color=colour,
            markersize=7 if marker == "o" else 12,
            markeredgewidth=2,
            linestyle="none",
            label=who,
        )
    _label_rows(axes, [_shorten(name) for name in shares.index])
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_xlim(0, 1.08 * shares.to_numpy().max())
    axes.grid(axis="x", color=palette.line, linewidth=0.6)
    axes.set_xlabel("share of the texts that have a label", color=palette.muted)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, labelcolor=palette.ink)
    return figure


def _draw_log_rows(
    points: dict[str, float],
    bounds: dict[str, tuple[float, float]],
    texts: dict[str, str],
    unit: str,
    palette: Palette,
) -> Figure:
    figure, axes = _start_rows(list(points), palette)
    for position, (system, value) in enumerate(points.items()):
        colour = _colour(system, palette)
        axes.plot(bounds[system], [position, position], color=colour, linewidth=2, alpha=0.45)
        axes.plot(value, position, "o", color=colour, markersize=6)
        _write_beside(axes, position, texts[system], palette)
    axes.set_xscale("log")
    _widen_to_decades(axes)
    _format_log_axis(axes)
    axes.set_xlabel(unit, color=palette.muted)
    return figure


def _start(height_in: float, palette: Palette) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
    axes = figure.add_subplot()
    axes.tick_params(colors=palette.muted, labelcolor=palette.ink)
    for spine in axes.spines.values():
        spine.set_color(palette.line)
    return figure, axes


def _start_rows(systems: Sequence[str], palette: Palette) -> tuple[Figure, Axes]:
    """Axes with one row a system, from top to bottom, and room for a text at the right."""
    figure, axes = _start(0.6 + ROW_IN * max(len(systems), 1), palette)
    _label_rows(axes, [_title(system) for system in systems])
    axes.grid(axis="x", color=palette.line, linewidth=0.6)
    return figure, axes


def _label_rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), list(names))
    axes.set_ylim(len(names) - 0.5, -0.5)


def _name_cells(axes: Axes, counts: pd.DataFrame) -> None:
    """Labels along both sides, upright where they would touch, and small where they are many."""
    rows, columns = ([_shorten(name) for name in names] for names in (counts.index, counts.columns))
    size = min(9.0, max(3.0, 110 / len(columns)))
    upright = len(columns) * max(map(len, columns)) > MAX_CHARACTERS_ABREAST
    axes.set_xticks(range(len(columns)), columns, fontsize=size, rotation=90 if upright else 0)
    axes.set_yticks(range(len(rows)), rows, fontsize=size)
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5))
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="x", length=0)


def _write_beside(axes: Axes, position: int, text: str, palette: Palette) -> None:
    axes.text(1.03, position, text, transform=axes.get_yaxis_transform(), va="center", color=palette.ink, fontsize=8.5)


def _widen_to_decades(axes: Axes) -> None:
    """Show whole decades, so that at least two powers of ten are written."""
    low, high = axes.get_xlim()
    axes.set_xlim(10 ** np.floor(np.log10(low)), 10 ** np.ceil(np.log10(high)))


def _format_log_axis(axes: Axes) -> None:
    """Write powers of ten in full, five at most, since the long ones of small figures would touch."""
    axes.xaxis.set_major_locator(LogLocator(numticks=5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10f}".rstrip("0").rstrip(".")))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _colour(system: str, palette: Palette) -> str:
    if system.startswith("teacher"):
        return palette.teacher
    return palette.student if system.startswith("student") or system == "pipeline" else palette.baseline


def _title(system: str) -> str:
    return TITLES["student" if system == "pipeline" else system]


def _shorten(label: Any) -> str:
    text = " ".join(str(label).split())
    return text if len(text) <= MAX_LABEL else text[: MAX_LABEL - 1] + "…"
