"""What charts write on themselves: numbers on axes, differences, and names of lines that must not touch."""

import re
from functools import partial
from itertools import pairwise
from pathlib import Path
from xml.sax.saxutils import unescape

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from distil.report.charts.canvas import (
    LIGHT,
    Chart,
    break_name,
    render_svg,
    shorten,
    start_axes,
    write_number,
    write_png,
)
from distil.report.charts.lines import move_apart
from distil.report.charts.rows import Row, draw_by_label, draw_log_dots, find_marks, format_points


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1e-6, "10⁻⁶"),
        (0.0001, "10⁻⁴"),
        (0.001, "0.001"),
        (0.1, "0.1"),
        (1, "1"),
        (10_000, "10,000"),
        (1e8, "100 million"),
    ],
)
def test_powers_of_ten_are_written_so_that_they_fit(value: float, written: str) -> None:
    assert write_number(value) == written


@pytest.mark.parametrize(
    ("difference", "written"),
    [(0.0213, "+2.1"), (-0.0281, "\N{MINUS SIGN}2.8"), (0.0, "0.0"), (-0.0001, "0.0"), (0.1, "+10.0")],
)
def test_differences_are_percentage_points_with_their_sign(difference: float, written: str) -> None:
    assert format_points(difference, 1) == written


def test_a_long_label_is_cut() -> None:
    assert shorten("short\nlabel") == "short label"
    assert len(shorten("x" * 60)) == 22


def test_a_long_name_of_a_row_is_broken_and_keeps_its_end() -> None:
    assert break_name("gpt-4-turbo") == "gpt-4-turbo"
    assert break_name("Mixtral-8x7B-Instruct-v0.1") == "Mixtral-8x7B-Instruct-\nv0.1"
    long = break_name("a-model-with-a-name-that-goes-on-and-on-and-on-v0.1")
    assert long.endswith("-v0.1") and "…" in long and len(long.split("\n")) == 2
    assert max(map(len, break_name("x" * 60).split("\n"))) <= 22


def test_lines_that_points_hide_are_no_marks() -> None:
    narrow, wide = Row("a", "student", 100.0, "100", 99.0, 101.0), Row("b", "llm", 1.0, "1", 0.1, 10.0, other=2.0)
    assert find_marks([narrow]) == {"student", "bounds"}
    assert find_marks([narrow, wide]) == {"student", "llm", "bounds", "lines", "rings"}
    assert find_marks([Row("a", "student", 100.0, "100")]) == {"student"}


def test_bounds_that_begin_at_0_are_no_marks_of_a_log_axis() -> None:
    half, none = Row("a", "student", 1.0, "1", 0.0, 2.0), Row("b", "llm", 0.0, "0", 0.0, 0.0)
    wide = Row("c", "student", 1.0, "1", 0.1, 10.0)
    assert find_marks([half]) == {"student"}
    assert find_marks([half, none, wide]) == {"student", "llm", "bounds", "lines"}
    assert find_marks([none]) == {"llm"}
    draw_log_dots([half, none], "dollars", LIGHT)


def test_names_are_moved_apart_and_stay_inside_in_their_order() -> None:
    places = move_apart([0.9, 0.91, 0.2, 0.97], [0.1] * 4)
    ordered = sorted(places)
    assert [places.index(place) for place in ordered] == [2, 0, 1, 3]
    assert all(upper - lower >= 0.1 - 1e-9 for lower, upper in pairwise(ordered))
    assert ordered[0] == 0.2 and ordered[-1] <= 1


def test_names_that_do_not_touch_stay_where_their_lines_end() -> None:
    assert move_apart([0.5, 0.1], [0.1, 0.2]) == [0.5, 0.1]


def test_what_looks_like_markup_in_a_label_stays_as_it_is() -> None:
    labels = ['a id="b_1" c', "#0d1510", "<b> & >"]
    shares = pd.DataFrame({"teacher": [0.2, 0.3, 0.5]}, index=labels)
    svg = render_svg(Chart("shares", "", "", partial(draw_by_label, shares, "share")))
    drawn = [unescape(text.strip()) for text in re.findall(r">([^<]+)<", svg)]
    assert set(labels) <= set(drawn)
    assert "fill: var(--ink)" in svg and ": #0d151" not in svg
    assert not re.findall(r' id="[^"]*_\d+"', svg.replace(labels[0], ""))


def test_a_long_title_is_broken_and_not_cut_off(tmp_path: Path) -> None:
    chart = Chart("long", "Agreement with the teacher " * 4, "", lambda palette: start_axes(2.0, palette)[0])
    write_png(chart, tmp_path / "long.png")
    pixels = imread(tmp_path / "long.png")[:, :, :3]
    assert np.all(pixels[:, -4:] == 1), "the right rim is white"
    assert np.any(pixels[:40] < 0.5), "and the title stands at the top"
