"""The table in the README is that of the committed metrics; CONTRIBUTING says how it gets there."""

from typing import Any

import pandas as pd
import pytest
from conftest import ROOT

from distil.core.metrics import read_details
from distil.core.params import TaskParams, load_params
from distil.report.findings import Study
from distil.report.markdown import escape_markdown
from distil.report.results import Result, collect_compared, collect_results, format_compared, format_row


@pytest.fixture(scope="module")
def study() -> Study:
    """What the table needs of the default study; its data are not committed."""
    stages = ("quality", "speed", "cost", "fetch", "annotate", "compare", "aggregate", "train", "export", "audit")
    details: dict[str, Any] = {stage: read_details(ROOT / f"metrics/{stage}.json") for stage in stages}
    tables = ("curve", "calibration", "coverage", "latencies", "spent", "predictions", "labels", "test")
    empty = dict.fromkeys(tables, pd.DataFrame())
    return Study(task=load_params("task", TaskParams, ROOT / "params.yaml"), **details, **empty)


def write_row(result: Result) -> str:
    title, *figures = format_compared(result) if result.system == "llm" else format_row(result)
    return f"| {' | '.join([escape_markdown(title), *figures])} |"


def test_the_table_in_the_readme_is_of_the_committed_metrics(study: Study) -> None:
    block = (ROOT / "README.md").read_text(encoding="utf-8").partition("<!-- reports/summary.md -->")[2]
    shown = [line for line in block.partition("<!-- end -->")[0].splitlines() if line.startswith("| ")]
    rows = [write_row(result) for result in [*collect_results(study), *collect_compared(study)]]
    old = [row for row in rows if row not in shown]
    assert not old, "run 'dvc repro' and paste reports/summary.md into the README"
    assert len(shown) == len(rows) + 4, "two lines of headings for each of the tables, and no row more"
