"""A label or a name with a script in it: the page of `dvc plots show` shows it, and does not run it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from chromium import needs_chromium
from conftest import ROOT
from playwright.sync_api import Browser

from distil.core.metrics import read_csv, write_csv

EVIL = "</script><script>window.attacked = 1</script>"
NAMES = [
    EVIL,
    "<!--<script>",
    "<DVC_METRIC_X>",
    "<img src=x onerror=alert(1)>",
    "\x1b[31mred",
    "a\nb",
    "=cmd|' /C calc'!A0",
]
KEPT = ["positive", "a < b", "1<2", "x > y", "naïve", "漢字", "<", "AT&T"]


def test_what_could_begin_a_tag_looks_the_same_and_is_none(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", pd.DataFrame({"name": NAMES + KEPT, "y": range(len(NAMES + KEPT))}))
    names = read_csv(tmp_path / "a.csv", ["name", "y"])["name"].to_list()
    assert names[0] == "\u2039/script>\u2039script>window.attacked = 1\u2039/script>"
    assert names[4:7] == ["\\x1b[31mred", "a\\nb", "=cmd|' /C calc'!A0"]
    assert names[len(NAMES) :] == KEPT
    assert len(set(names)) == len(names)


def test_the_same_name_joins_in_all_files(tmp_path: Path) -> None:
    for name in "ab":
        write_csv(tmp_path / f"{name}.csv", pd.DataFrame({"name": NAMES, name: range(len(NAMES))}))
    left, right = (read_csv(tmp_path / f"{name}.csv", ["name"]) for name in "ab")
    assert (left.merge(right, on="name", validate="one_to_one").eval("a == b")).sum() == len(NAMES)


def make_plots(folder: Path) -> Path:
    """The page of DVC for a confusion and for candidates whose names are hostile."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    plots = [entry for name in ("evaluate", "compare") for entry in stages[name]["plots"]]
    shown = [
        {path: {key: value for key, value in settings.items() if key != "cache"}}
        for entry in plots
        for path, settings in entry.items()
        if path in ("metrics/confusion.csv", "metrics/candidates.csv")
    ]
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"plots": shown}))
    shutil.copytree(ROOT / "plots", folder / "plots")
    write_csv(folder / "metrics/confusion.csv", pd.DataFrame({"actual": NAMES, "predicted": NAMES[::-1]}))
    scores = {"candidate": NAMES, "score": 0.5, "low": 0.4, "high": 0.6, "published": None}
    write_csv(folder / "metrics/candidates.csv", pd.DataFrame(scores))
    for words in (["init", "--no-scm", "-q"], ["plots", "show", "-q", "-o", "page"]):
        subprocess.run([sys.executable, "-m", "dvc", *words], cwd=folder, check=True)
    return folder / "page/index.html"


@pytest.mark.slow
@needs_chromium
def test_no_script_of_a_name_runs_in_the_page_of_dvc(tmp_path: Path, browser: Browser) -> None:
    page_file = make_plots(tmp_path)
    page = browser.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.route("http*://**", lambda route: route.abort())
    page.goto(page_file.as_uri())
    assert page.evaluate("window.attacked") is None
    assert complaints == ["vegaEmbed is not defined"] * 2, "each chart's script is whole, but for the library"
    page.close()
