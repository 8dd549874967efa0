"""The chart of what a system confuses: a cell for each pair of labels, shaded by its share of the row."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from distil.report.charts.canvas import SMALL_PT, Palette, shorten, start_axes

MAX_CHARACTERS_ABREAST = 44  # of the labels below the cells
CHARACTER_IN = 0.09  # of a label that stands upright
TALLEST_IN = 3.8  # of the cells
MAX_COUNTED_LABELS = 10  # with more, the cells are too small for numbers
MAX_NAMED_LABELS = 20  # with more, their names are too small to read
DARKEST = 0.5  # share of the colour in a full cell, so that text on it is readable in light and dark
MAX_DESCRIBED_LABELS = 6  # with more, nobody would listen to them all


def draw_confusion(counts: pd.DataFrame, family: str, rows_are: str, columns_are: str, palette: Palette) -> Figure:
    """How often a true label (row) got a label (column); of many labels without their names."""
    numbers = counts.to_numpy()
    shares = numbers / np.maximum(numbers.sum(axis=1, keepdims=True), 1)
    named = len(counts) <= MAX_NAMED_LABELS
    rows, columns = ([shorten(name) if named else "" for name in names] for names in (counts.index, counts.columns))
    longest = max(map(len, columns))
    upright = len(columns) * longest > MAX_CHARACTERS_ABREAST
    below_in = 0.5 + (CHARACTER_IN * longest if upright else 0.2)
    figure, axes = start_axes(min(0.45 + 0.62 * len(counts), TALLEST_IN) + below_in, palette)
    cells = [Rectangle((column - 0.48, row - 0.48), 0.96, 0.96) for row, column in np.ndindex(shares.shape)]
    colours = [(palette.pick(family), 0.05 + (DARKEST - 0.05) * share) for share in shares.flat]
    axes.add_collection(PatchCollection(cells, facecolors=colours, linewidths=0))
    if max(shares.shape) <= MAX_COUNTED_LABELS:
        for (row, column), share in np.ndenumerate(shares):
            text = f"{numbers[row, column]:,}\n{share:.0%}"
            axes.text(column, row, text, ha="center", va="center", color=palette.ink, fontsize=SMALL_PT)
    _name_cells(axes, rows, columns, upright)
    axes.set_xlabel(columns_are, color=palette.muted)
    axes.set_ylabel(rows_are, color=palette.muted)
    return figure


def describe_confusion(title: str, counts: pd.DataFrame) -> str:
    """What the chart shows, in words, where the labels are few."""
    if len(counts) > MAX_DESCRIBED_LABELS:
        return title
    rows = (
        f"of {row}, " + ", ".join(f"{count} {name}" for name, count in counts.loc[row].items()) for row in counts.index
    )
    return f"{title}: " + "; ".join(rows)


def _name_cells(axes: Axes, rows: Sequence[str], columns: Sequence[str], upright: bool) -> None:
    """Labels along both sides, upright where they would touch, and small where they are many."""
    size = min(10.0, 120 / len(columns))
    axes.set_xticks(range(len(columns)), columns, fontsize=size, rotation=90 if upright else 0)
    axes.set_yticks(range(len(rows)), rows, fontsize=size)
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5))
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="x", length=0)
