"""What all charts of the report share: colours, fonts, axes, and drawing a figure as PNG or as SVG for the page.

A chart is a function from a palette to a matplotlib figure. For the SVG each colour of the palette is a placeholder
that is replaced by a CSS variable, so the same drawing follows light and dark; its text stays text. All strings are
drawn as they are: `$` starts no formula, `<` no element. The same figures give the same bytes.
"""

import math
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from io import StringIO
from pathlib import Path
from textwrap import TextWrapper, fill
from typing import Any, Literal
from xml.sax.saxutils import quoteattr

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from distil.report.charts.fonts import list_families

WIDTH_IN = 4.8  # narrow, so that text is still readable where a phone shows the SVG at 350 px
PNG_DPI = 200
SMALL_PT = 9.5
TITLE_CHARACTERS = 52  # in a line of the title of a PNG
MAX_LABEL = 22  # characters of a label on an axis
SMALLEST_IN_FULL = 0.00099  # smaller powers of ten are written as powers
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
STYLE: dict[Any, Any] = {
    "font.size": 10.0,
    "text.parse_math": False,
    "svg.fonttype": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "axes.linewidth": 0.8,
    "ytick.major.size": 0,
    "ytick.minor.size": 0,
    "ytick.major.pad": 6,
    "xtick.major.size": 3,
    "xtick.minor.size": 0,
    "figure.constrained_layout.w_pad": 0.07,  # browsers write a little wider than matplotlib reckons
    "figure.constrained_layout.h_pad": 0.06,
    "legend.frameon": False,
}


@dataclass(frozen=True)
class Palette:
    """The colours of a drawing: text, secondary text, lines, then one colour for each family of systems.

    The families' colours differ in lightness as well as in hue, for those who see few hues.
    """

    ink: str
    muted: str
    line: str
    teacher: str
    student: str
    baseline: str
    llm: str  # a model that was priced, not asked

    def pick(self, family: str) -> str:
        """The colour of a family (teacher, student, baseline, llm) or of the text by its name."""
        return str(getattr(self, family))


LIGHT = Palette("#1c2127", "#5b6570", "#d9dde2", "#ad5c06", "#1d5fa8", "#69747f", "#8c2f6b")
PLACEHOLDERS = Palette(*(f"#0d151{number}" for number in range(7)))  # replaced by var(--ink), var(--muted), ...
MARKERS = {"teacher": "^", "student": "o", "baseline": "s", "llm": "D"}

Draw = Callable[[Palette], Figure]


@dataclass(frozen=True)
class Chart:
    """A chart: the name of its file, its title, what it shows in words, and how to draw it.

    `marks` names what can be seen on it and not on every chart of its kind, so that the page speaks of nothing else.
    """

    name: str
    title: str
    description: str
    draw: Draw
    marks: frozenset[str] = frozenset()


def render_svg(chart: Chart) -> str:
    """The chart as an <svg> element to put into a page that defines --ink, --muted and so on."""
    text = StringIO()
    with _drawing({"svg.hashsalt": chart.name}):
        blank = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        chart.draw(PLACEHOLDERS).savefig(text, format="svg", transparent=True, metadata=blank)
    svg = text.getvalue()[text.getvalue().index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)  # the page has its own style
    svg = re.sub(r"<[^>]+>", lambda match: _restyle(match[0]), svg)  # tags alone: between them stands what others wrote
    label = quoteattr(chart.description)
    opening = re.compile(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>')  # without its size in points: the page sets the width
    return opening.sub(lambda match: f'<svg {match[1]} role="img" aria-label={label}>', svg, count=1)


@contextmanager
def _drawing(settings: dict[str, Any]) -> Iterator[None]:
    """matplotlib in the style of all charts; of characters that no font has, the stage tells in one line."""
    given: Any = {**STYLE, "font.family": list_families(), **settings}
    with mpl.rc_context(given), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def _restyle(tag: str) -> str:
    """A tag with the page's colours, and without ids like patch_2: not unique on a page, and nothing refers to them."""
    tag = re.sub(r' id="[^"]*_\d+"', "", tag)
    for field in fields(Palette):
        tag = tag.replace(getattr(PLACEHOLDERS, field.name), f"var(--{field.name})")
    return tag


def write_png(chart: Chart, path: Path) -> None:
    """Write the chart in light colours on white, with its title, which the page has in its text."""
    with _drawing({}):
        figure = chart.draw(LIGHT)
        figure.suptitle(
            fill(chart.title, TITLE_CHARACTERS), x=0.02, ha="left", fontsize=10.5, fontweight="bold", color=LIGHT.ink
        )
        figure.savefig(path, dpi=PNG_DPI, facecolor="white", metadata={"Software": None})


def start_axes(height_in: float, palette: Palette) -> tuple[Figure, Axes]:
    """A figure of the one width that all charts have, with one pair of axes."""
    figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
    axes = figure.add_subplot()
    axes.tick_params(colors=palette.muted, labelcolor=palette.ink)
    for spine in axes.spines.values():
        spine.set_color(palette.line)
    return figure, axes


def label_rows(axes: Axes, names: Sequence[str]) -> None:
    """Name the rows 0, 1, ... of a chart, from top to bottom."""
    shown = [break_name(name) for name in names]
    axes.set_yticks(range(len(names)), shown)
    for label, name in zip(axes.get_yticklabels(), shown, strict=True):
        if "\n" in name:
            label.set(fontsize=SMALL_PT, linespacing=1.0)
    axes.set_ylim(len(names) - 0.5, -0.5)


def draw_grid(axes: Axes, palette: Palette, axis: Literal["both", "x", "y"] = "both") -> None:
    """Thin lines behind the figures."""
    axes.grid(axis=axis, color=palette.line, linewidth=0.6)


def format_log_axis(axis: Axis) -> None:
    """Write powers of ten, five at most."""
    axis.set_major_locator(LogLocator(numticks=5))
    axis.set_major_formatter(FuncFormatter(lambda value, _: write_number(value)))
    axis.set_minor_locator(NullLocator())  # which nobody sees, and each takes its time


def write_number(value: float) -> str:
    """A number for an axis: 10⁻⁵, 0.001, 10, 10,000, 10 million."""
    if value >= 1e6:
        return f"{value / 1e6:,g} million"
    if 0 < value < SMALLEST_IN_FULL:
        return "10" + str(round(math.log10(value))).translate(SUPERSCRIPTS)
    return f"{value:,.3f}".rstrip("0").rstrip(".")


def break_name(name: object) -> str:
    """A name of a row, in two lines where one has no room; of a longer one the middle is left out, its end is kept."""
    text = " ".join(str(name).split())
    most = 2 * MAX_LABEL - 4  # lines that are broken between words are not full
    if len(text) > most:
        text = f"{text[: most // 2]}…{text[-(most // 2 - 1) :]}"
    lines = TextWrapper(MAX_LABEL).wrap(text)
    return "\n".join(lines if len(lines) <= 2 else [text[:MAX_LABEL], text[MAX_LABEL:]])


def shorten(label: object) -> str:
    """A label on one line, cut to what an axis has room for."""
    text = " ".join(str(label).split())
    return text if len(text) <= MAX_LABEL else text[: MAX_LABEL - 1] + "…"
