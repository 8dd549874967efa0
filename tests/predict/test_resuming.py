"""Runs that are broken off, outputs that are there already, and what they were made of."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT
from predicting import predict, read_csv, refuse, write_many

from distil.cli.predict import open_model
from distil.predict import job
from distil.predict.answers import Wanted
from distil.predict.outputs import Output
from distil.predict.parts import PART_ROWS
from distil.predict.sources import find_sources


def test_a_run_that_is_killed_goes_on_and_writes_the_same_bytes(model: Path, here: Path) -> None:
    write_many("in.csv", 3 * PART_ROWS + 5)
    predict(model, "in.csv", "whole.csv")
    command = [sys.executable, "-m", "distil", "predict", "in.csv", "out.csv", "--model", str(model)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DISTIL_CACHE": str(here / "cache")}
    done: list[float] = []
    for wanted in (1, 2):
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
            while child.poll() is None and len(list(Path("out.csv.parts").glob("0*.counts"))) < wanted:
                time.sleep(0.001)
            child.send_signal(signal.SIGKILL)
        first = Path("out.csv.parts/00000000.counts")
        done += [first.stat().st_mtime_ns] if first.exists() else []
    assert not Path("out.csv").exists() or Path("out.csv.manifest.json").exists()
    predict(model, "in.csv", "out.csv")
    assert len(set(done)) == 1, "the first part was labelled once"
    assert Path("out.csv").read_bytes() == Path("whole.csv").read_bytes()
    assert len(read_csv("out.csv")) == 3 * PART_ROWS + 5


def test_an_output_that_is_done_is_left_and_one_of_another_model_or_input_refused(model: Path, here: Path) -> None:
    write_many("in.csv", 10)
    predict(model, "in.csv", "out.csv")
    before = Path("out.csv").stat().st_mtime_ns
    assert "out.csv: 10 rows, written before" in predict(model, "in.csv", "out.csv")
    assert Path("out.csv").stat().st_mtime_ns == before
    other = Path(shutil.copytree(model, here / "other"))
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"id2label": {"0": "no", "1": "yes"}}))
    assert "was written by another model; name another output" in refuse(other, "in.csv", "out.csv")
    assert "was written with other options; name" in refuse(model, "in.csv", "out.csv", "--probabilities")
    write_many("in.csv", 11)
    assert "was written from another input" in refuse(model, "in.csv", "out.csv")
    predict(other, "in.csv", "out.csv", "--overwrite")
    assert len(read_csv("out.csv")) == 11
    assert {row["label"] for row in read_csv("out.csv")} <= {"no", "yes"}
    Path("mine.csv").write_text("not to be lost\n")
    assert "no .manifest.json says that distil wrote it" in refuse(model, "in.csv", "mine.csv")
    assert Path("mine.csv").read_text() == "not to be lost\n"


class BrokenOffError(Exception):
    """What ends a run in a test."""


def break_off(model: Path, output: str) -> None:
    """Label in.csv into an output that may be replaced, up to its last part."""

    def end(rows: int, _about: int | None, _before: bool) -> None:
        if rows % PART_ROWS:
            raise BrokenOffError

    (source,) = find_sources("in.csv").sources
    with pytest.raises(BrokenOffError):
        job.label_file(source, Output(output), "text", open_model(model, None), Wanted(), ".csv", True, end)


def test_an_output_may_be_replaced_by_a_run_that_is_broken_off(model: Path) -> None:
    write_many("in.csv", 10)
    predict(model, "in.csv", "out.csv")
    write_many("in.csv", PART_ROWS + 5)
    for _ in range(2):
        break_off(model, "out.csv")
    assert len(read_csv("out.csv")) == 10, "what was there, until all is labelled"
    first = Path("out.csv.parts/00000000.csv").stat().st_mtime_ns
    shutil.copytree("out.csv.parts", "kept")
    assert "rows" in predict(model, "in.csv", "out.csv")
    assert "out.csv: 4,101 rows, written before" in predict(model, "in.csv", "out.csv", "--overwrite")
    assert len(read_csv("out.csv")) == PART_ROWS + 5
    Path("out.csv.manifest.json").unlink()
    shutil.copytree("kept", "out.csv.parts")  # as a run leaves it that is killed before it writes the manifest
    predict(model, "in.csv", "out.csv")
    assert Path("kept/00000000.csv").stat().st_mtime_ns == first, "labelled once"
    assert len(read_csv("out.csv")) == PART_ROWS + 5


def test_parts_of_which_nobody_knows_what_they_are_are_not_taken(model: Path) -> None:
    write_many("in.csv", 3)
    Path("out.csv.parts").mkdir()
    Path("out.csv.parts/00000000.csv").write_text("STALE,ROW,x,0.9\n")
    Path("out.csv.parts/00000000.counts").write_text('{"rows": 1, "rejected": 0, "cut": 0}')
    predict(model, "in.csv", "out.csv")
    assert [row["n"] for row in read_csv("out.csv")] == ["0", "1", "2"]


def test_two_runs_of_one_output_do_not_meet(model: Path) -> None:
    write_many("in.csv", 3)
    with Output("out.csv").locked():
        assert "out.csv is being written by another run" in refuse(model, "in.csv", "out.csv")


@pytest.mark.parametrize("arguments", [("--format", "csv"), ()])
def test_what_an_output_is_of_includes_its_format(model: Path, arguments: tuple[str, ...]) -> None:
    write_many("in.csv", 3)
    predict(model, "in.csv", "out.jsonl", *arguments)
    other = () if arguments else ("--format", "csv")
    assert "was written in another format" in refuse(model, "in.csv", "out.jsonl", *other)
