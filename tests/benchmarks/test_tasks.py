"""benchmarks/tasks.py and regret.py: which lines there are, and what it makes of their scores."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks.regret import RUNGS, find_best, format_table, p_worse, regret, summarise
from benchmarks.tasks import list_lines
from distil.core.params import TaskParams
from distil.prompting.params import AnnotateParams
from distil.student.params import TrainParams


def write_task(folder: Path, name: str, labels: int, train: int) -> None:
    rows = [(f"text {number}", f"label {number % labels}", "train") for number in range(train)]
    rows += [(f"question {number}", f"label {number % labels}", "test") for number in range(20)]
    pd.DataFrame(rows, columns=["text", "gold", "split"]).to_csv(folder / f"{name}.csv", index=False)


def list_names(folder: Path, **changes: Any) -> list[str]:
    return [line.name for line in list_lines(make_arguments(folder, **changes))]


def make_arguments(folder: Path, **changes: Any) -> Namespace:
    defaults: dict[str, Any] = {"tasks": folder, "recorded": None, "reviews": False, "accuracies": [0.9], "votes": 1}
    defaults |= {"vote_noise": 0.0, "set": [], "only": ["*"], "rows": ["20", "60", "all"]}
    return Namespace(**defaults | changes)


def test_lines_that_would_be_alike_are_left_out(tmp_path: Path) -> None:
    write_task(tmp_path, "few", 2, 40)  # with two labels every confusion is near; 60 rows would be all of 40
    write_task(tmp_path, "many", 6, 100)
    few = [f"few {rows} 0.9 uniform" for rows in ("20", "all")]
    many = [f"many {rows} 0.9 {confusion}" for rows in ("20", "60", "all") for confusion in ("near", "uniform")]
    assert list_names(tmp_path) == few + many
    assert list_names(tmp_path, only=["many all *"], reviews=True) == many[-2:]
    assert list_names(tmp_path, only=["*reviews"], reviews=True) == ["reviews"]


def test_what_is_changed_in_all_lines_is_in_their_names_and_parameters(tmp_path: Path) -> None:
    write_task(tmp_path, "few", 2, 40)
    arguments = make_arguments(tmp_path, rows=["all"], votes=3, vote_noise=0.1, set=["train.noise=drop"])
    (line,) = list_lines(arguments)
    assert line.name == "few all 0.9 uniform 3 votes 0.1 train.noise=drop"
    assert (line.sections["train"]["noise"], line.sections["annotate"]["votes"]) == ("drop", 3)
    assert line.teacher[-2:] == ("--vote-noise", "0.1")


def test_the_sections_of_a_line_are_what_the_stages_take(tmp_path: Path) -> None:
    write_task(tmp_path, "few", 2, 40)
    for line in list_lines(make_arguments(tmp_path, reviews=True)):
        assert TaskParams.model_validate(line.sections["task"]).kind == "classification"
        assert AnnotateParams.model_validate(line.sections["annotate"]).votes.max == 1
        assert TrainParams.model_validate(line.sections["train"]).recipe == "auto"


def test_fewer_rows_are_among_more_and_test_rows_are_the_same(tmp_path: Path) -> None:
    write_task(tmp_path, "few", 2, 100)
    lines = list_lines(make_arguments(tmp_path))
    taken = [set(line.corpus["text"]) for line in lines if line.corpus is not None]
    assert [len(texts) for texts in taken] == [40, 80, 120]
    assert taken[0] < taken[1] < taken[2]


def make_result(**right: str) -> dict[str, Any]:
    """A line's result, from the rows on which each system is right."""
    systems = {name: {"accuracy": marks.count("1") / len(marks), "right": marks} for name, marks in right.items()}
    return {"line": "a line", "train_rows": 1000, "seconds": 3.2, "texts_per_s": None, "chosen": "fine_tuned"} | {
        "systems": systems
    }


def test_paired_test_with_a_margin() -> None:
    result = make_result(
        student="1" * 180 + "0" * 20, fine_tuned="1" * 180 + "0" * 20, frozen="0" + "1" * 190 + "0" * 9
    )
    assert find_best(result) == "frozen"
    assert regret(result) == pytest.approx(0.05)
    # of the 12 rows on which one is right 11 fall to the frozen rung: by a fair coin, or by one that is off by a point
    assert p_worse(result, 0.0) == pytest.approx(13 / 2**12)
    chance = (1 + 2 / 12) / 2
    assert p_worse(result, 0.01) == pytest.approx(chance**12 + 12 * chance**11 * (1 - chance))
    assert p_worse(make_result(student="1100", fine_tuned="1100", frozen="0100"), 0.0) == 1.0
    assert (
        p_worse(make_result(student="1100", fine_tuned="1110"), 0.3) == 1.0
    )  # a point on all rows is more than one row


def test_table_and_what_the_lines_say_together() -> None:
    good = "1" * 190 + "0" * 10
    bad = "1" * 120 + "0" * 80
    every = dict.fromkeys(("teacher", *RUNGS), good)
    results = [
        make_result(**every, student=good, student_int8=good),
        make_result(**every, student=bad) | {"line": "a bad one"},
    ]
    heads, separator, *rows = format_table(results)
    assert {line.count("|") for line in (heads, separator, *rows)} == {heads.count("|")}
    assert "| 35.0 (majority) |" in rows[1]
    mean, worse, int8 = summarise(results)
    assert "17.50 points" in mean
    assert worse.endswith("(exact, Holm over 2 lines): a bad one.")
    assert int8.startswith("int8 against fp32: +0.00 points")
