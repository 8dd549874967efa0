"""The report's page as Chromium shows it: phone, tablet, desktop, light and dark, offline, nothing cut off or too pale.

Chromium is Debian's, or another one on the PATH, and driven by Playwright over its DevTools protocol; no browser is
downloaded. tests/page_probe.js measures inside the page.
"""

import contextlib
from dataclasses import dataclass, field
from itertools import combinations, product
from pathlib import Path
from typing import Any, Literal

import pytest
from chromium import needs_chromium
from playwright.sync_api import Browser
from toy_against import PATHS, start_study
from toy_results import HOSTILE, HOSTILE_LABELS, write_toy_results
from written_reports import on_the_page, write_report_on

from distil.core.params import Kind
from distil.report.page import SECTIONS

PROBE = (Path(__file__).parent / "page_probe.js").read_text(encoding="utf-8")
LABELS = tuple(f"label {number} with a rather long name" for number in range(40))
ODD = (  # right to left, with an override that is not ended; combining marks, emoji, tabs, lines; a word without an end
    "שלום לאנה ברג מחיפה, היא שרה \N{SPARKLES} היום",
    "مرحبا يا أحمد من القاهرة\r\nسطر ثان \N{RIGHT-TO-LEFT OVERRIDE}abc def",
    "Zoe\N{COMBINING DIAERESIS}\N{WOMAN}\N{ZERO WIDTH JOINER}\N{WOMAN} met Ana\tin  \N{ZERO WIDTH SPACE} Oslo.\n\nNext",
    "w" * 400 + " ends here",
)
STUDIES: dict[str, dict[str, Any]] = {
    "plain": {},
    "without gold": {"gold": False},
    "endpoint": {"endpoint": True, "teacher": "an-owner-of-models/a-teacher-with-a-long-name-8x7B-Instruct-v0.1"},
    "sparse": {"rows": 1, "priced": False, "calibrated": False, "compared": False},
    "hostile": {"labels": HOSTILE_LABELS, "texts": HOSTILE, "reason": HOSTILE[0], "teacher": HOSTILE[1]},
    "many labels": {"labels": LABELS, "reason": "Because " * 60},
    "short of a baseline": {"ladder": True, "short": True},
    "candidates": {"candidates": True},
    "cascade": {"cascade": True},
    "several labels": {
        "kind": "multi_label",
        "labels": ("anger", "joy", "love", "gratitude", "surprise"),
        "ladder": True,
    },
    "spans": {"kind": "token_classification", "labels": ("person", "location"), "ladder": True, "reason": "So it is."},
    "hostile spans": {"kind": "token_classification", "labels": HOSTILE_LABELS, "texts": ODD + HOSTILE[:4]},
    "many labels together": {"kind": "multi_label", "labels": LABELS, "gold": False, "reason": "Because " * 60},
}
AGAINST: dict[str, Kind] = {"sets against then": "multi_label", "spans against then": "token_classification"}
OPTIONAL = {  # the sections that a study has and others have not
    **{name: {"against"} for name in AGAINST},
    "candidates": {"candidates"},
    "cascade": {"cascade"},
}
CASES = [(390, "dark"), (768, "light"), (1280, "light")]
SMALLEST_PX = 9.5  # of a chart's text, wherever the labels are few
Scheme = Literal["light", "dark"]

pytestmark = [pytest.mark.slow, needs_chromium]


@dataclass
class Visit:
    """What a browser met on a page: requests, complaints, and what the probe measured."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    measured: dict[str, Any] = field(default_factory=dict)
    optional: set[str] = field(default_factory=set)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The page of each study."""
    found = {}
    for name, options in STUDIES.items():
        folder = tmp_path_factory.mktemp("study")
        with contextlib.chdir(folder):
            write_report_on(write_toy_results(folder, **options), on_the_page)
        found[name] = folder / "reports/index.html"
    for name, kind in AGAINST.items():
        folder = tmp_path_factory.mktemp("study")
        with contextlib.chdir(folder):
            start_study(folder, kind)
            write_report_on(PATHS, on_the_page)
        found[name] = folder / "reports/index.html"
    return found


@pytest.fixture(
    scope="module", params=product([*STUDIES, *AGAINST], CASES), ids=lambda it: f"{it[0]}-{it[1][0]}-{it[1][1]}"
)
def visit(request: pytest.FixtureRequest, browser: Browser, pages: dict[str, Path]) -> Visit:
    name, (width, scheme) = request.param
    visit = open_page(browser, pages[name], width, scheme)
    visit.optional = OPTIONAL.get(name, set())
    return visit


def open_page(browser: Browser, path: Path, width: int, scheme: Scheme) -> Visit:
    visit = Visit()
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.on("request", lambda request: visit.requests.append(request.url))
    page.on("console", lambda message: visit.complaints.append(message.text))
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.goto(path.as_uri(), wait_until="load")  # not networkidle, which may come before a long page is parsed
    visit.measured = page.evaluate(PROBE)
    context.close()
    return visit


def test_the_page_asks_for_nothing_and_the_console_is_silent(visit: Visit) -> None:
    (address,) = visit.requests
    assert address.startswith("file://") and address.endswith("/reports/index.html")
    assert visit.complaints == []


def test_the_page_does_not_scroll_sideways(visit: Visit) -> None:
    assert visit.measured["scrollWidth"] <= visit.measured["width"]
    assert visit.measured["wide"] == [], "nor does a table on it, whose rest nobody would see"


def test_labels_of_one_word_are_not_broken(visit: Visit) -> None:
    assert visit.measured["broken"] == []


def test_all_sections_have_their_heading_and_their_link(visit: Visit) -> None:
    left_out = set().union(*OPTIONAL.values()) - visit.optional
    titles = [title for key, (title, _) in SECTIONS.items() if key not in left_out]
    for found in (visit.measured["headings"], visit.measured["links"]):
        assert all(text.startswith(title) for text, title in zip(found, titles, strict=True)), found


def test_text_stands_out_from_what_is_behind_it(visit: Visit) -> None:
    """WCAG 2.2, AA: 4.5, and 3 for large text."""
    pale = [it for it in visit.measured["contrasts"] if it["contrast"] < (3 if it["large"] else 4.5)]
    assert pale == []
    assert len(visit.measured["contrasts"]) > 300


def test_charts_are_visible_and_none_of_their_text_is_cut_off(visit: Visit) -> None:
    assert len(visit.measured["charts"]) >= 10
    for chart in visit.measured["charts"]:
        assert chart["role"] == "img" and chart["label"]
        assert chart["right"] - chart["left"] > 300 and chart["bottom"] - chart["top"] > 60, chart["label"]
        cut = [it["text"] for it in chart["texts"] if not is_inside(it, chart)]
        assert cut == [], chart["label"]


def test_tables_say_what_their_headers_are_for_and_wide_ones_take_the_keyboard(visit: Visit) -> None:
    assert visit.measured["headersWithoutScope"] == []
    assert len(visit.measured["regions"]) >= 5
    for region in visit.measured["regions"]:
        assert region["label"] and region["role"] == "region" and region["focusable"]


@pytest.mark.parametrize(
    "name",
    ["plain", "without gold", "endpoint", "sparse", "short of a baseline", "candidates", "several labels", "spans"],
)
def test_text_in_charts_can_be_read_on_a_phone_and_does_not_overlap(
    browser: Browser, pages: dict[str, Path], name: str
) -> None:
    for chart in open_page(browser, pages[name], 390, "light").measured["charts"]:
        assert min(text["size"] for text in chart["texts"]) >= SMALLEST_PX, chart["label"]
        touching = [
            (one["text"], other["text"]) for one, other in combinations(chart["texts"], 2) if overlap(one, other)
        ]
        assert touching == [], chart["label"]


def test_the_page_follows_light_and_dark(browser: Browser, pages: dict[str, Path]) -> None:
    light, dark = (open_page(browser, pages["plain"], 1280, scheme).measured for scheme in ("light", "dark"))
    assert light["background"] > 0.9 and dark["background"] < 0.05


def test_a_request_that_leaves_the_page_would_be_seen(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "index.html"
    path.write_text('<h2>Results</h2><nav></nav><main><img src="http://127.0.0.1:9/x.png"></main>', encoding="utf-8")
    visit = open_page(browser, path, 390, "light")
    assert "http://127.0.0.1:9/x.png" in visit.requests
    assert visit.complaints, "and its failure, in the console"


def is_inside(box: dict[str, float], outer: dict[str, float]) -> bool:
    slack = 1.5
    return (
        box["left"] >= outer["left"] - slack
        and box["right"] <= outer["right"] + slack
        and box["top"] >= outer["top"] - slack
        and box["bottom"] <= outer["bottom"] + slack
    )


def overlap(one: dict[str, float], other: dict[str, float]) -> bool:
    """Whether two boxes share more than the empty rim of a line of text."""
    across = min(one["right"], other["right"]) - max(one["left"], other["left"])
    down = min(one["bottom"], other["bottom"]) - max(one["top"], other["top"])
    return across > 1 and down > 4
