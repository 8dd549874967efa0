"""The metric files: a headline that DVC shows, and details that it passes over."""

import json
from pathlib import Path

import pandas as pd
import pytest
from dvc.repo.metrics.show import _extract_metrics

from distil.core.errors import InputError
from distil.core.metrics import read_details, write_csv, write_metrics


def test_headline_and_details_are_one_file_of_which_dvc_shows_the_headline(tmp_path: Path) -> None:
    path = tmp_path / "metrics" / "quality.json"
    write_metrics(path, {"accuracy": {"student": 0.123456789}}, {"rows": 3, "systems": {"teacher": 1.0}})
    assert read_details(path) == {"rows": 3, "systems": {"teacher": 1.0}}
    assert _extract_metrics(json.loads(path.read_text()), "") == {"accuracy": {"student": 0.123457}}


def test_what_is_no_number_is_null(tmp_path: Path) -> None:
    write_metrics(tmp_path / "a.json", {"nan": float("nan"), "endless": [float("inf")]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"nan": None, "endless": [None]}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "a.json is missing; 'dvc repro' writes it"),
        ("{", "a.json is not JSON"),
        ('{"accuracy": 1}', "a.json has no details; 'dvc repro' writes it anew"),
        ('{"details": []}', "a.json has no details"),
        ("[1]", "a.json has no details"),
    ],
)
def test_a_file_without_details_is_one_line(tmp_path: Path, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError) as caught:
        read_details(tmp_path / "a.json")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_curve_has_six_digits_and_nothing_for_what_is_unknown(tmp_path: Path) -> None:
    write_csv(tmp_path / "new" / "a.csv", pd.DataFrame({"x": [1, 2], "y": [1 / 3, float("nan")]}))
    assert (tmp_path / "new" / "a.csv").read_bytes() == b"x,y\n1,0.333333\n2,\n"
