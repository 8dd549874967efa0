"""Runs that are broken off, outputs that are there already, and what they were made of."""

import json
import os
import random
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


KILLS, PARTS = 10, 14


@pytest.mark.slow
def test_ten_kills_at_random_leave_the_bytes_of_a_run_that_nobody_killed(model: Path, here: Path) -> None:
    write_many("in.csv", PARTS * PART_ROWS + 5)
    options = ("--unsure-below", "0.5005", "--probabilities")
    predict(model, "in.csv", "whole.csv", *options)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DISTIL_CACHE": str(here / "cache")}
    command = [sys.executable, "-m", "distil", "predict", "in.csv", "out.csv", "--model", str(model), *options]
    lot, killed = random.Random(0), 0
    for number in range(KILLS):
        before = count_done()
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
            while number % 3 and child.poll() is None and count_done() == before:
                time.sleep(0.001)
            time.sleep(lot.uniform(0, 0.1 if number % 3 else 2))  # amid the next part, or wherever it is by then
            child.send_signal(signal.SIGKILL)
        killed += child.returncode == -signal.SIGKILL
    assert killed > KILLS / 2, "else the runs were too short to be killed"
    predict(model, "in.csv", "out.csv", *options)
    for end in ("", ".unsure.jsonl", ".manifest.json"):
        assert Path(f"out.csv{end}").read_bytes() == Path(f"whole.csv{end}").read_bytes()
    assert {path.name for path in here.iterdir()} == {"in.csv", "cache"} | {
        f"{name}.csv{end}" for name in ("out", "whole") for end in ("", ".unsure.jsonl", ".manifest.json")
    }


def count_done() -> int:
    return len(list(Path("out.csv.parts").glob("0*.counts")))


ON_A_SMALL_DISK = """
mount -t tmpfs -o size=300k none disk || exit 77
predict() { "$PYTHON" -m distil predict in.csv disk/out."$1" --model "$MODEL"; }
predict "$1" 2>said && exit 1
ls disk/out."$1".parts >parts
mount -o remount,size=40m none disk
predict "$1" && cp disk/out."$1" out."$1" && ls disk >left
"""
MAY_MOUNT = (
    shutil.which("unshare")
    and not subprocess.run(
        ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True
    ).returncode
)


@pytest.mark.slow
@pytest.mark.skipif(not MAY_MOUNT, reason="needs a disk of its own (unshare --mount)")
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_disk_that_is_full_in_the_middle_is_one_line_and_the_run_goes_on(model: Path, here: Path, kind: str) -> None:
    write_many("in.csv", 6 * PART_ROWS)
    Path("disk").mkdir()
    variables = {"PYTHON": sys.executable, "MODEL": str(model), "PYTHONPATH": str(ROOT)}
    subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-ec", ON_A_SMALL_DISK, "sh", kind],
        env=os.environ | variables | {"DISTIL_CACHE": str(here / "cache")},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    (line,) = Path("said").read_text().splitlines()
    assert line.startswith("error: ") and f"disk/out.{kind}" in line and "cannot be written" in line
    assert "No space left on device" in line and "make room there" in line
    done = [name for name in Path("parts").read_text().split() if name.endswith(".counts")]
    assert 0 < len(done) < 6, "the disk was full in the middle"
    assert Path("left").read_text().split() == [f"out.{kind}", f"out.{kind}.manifest.json"]
    predict(model, "in.csv", f"whole.{kind}")
    assert Path(f"out.{kind}").read_bytes() == Path(f"whole.{kind}").read_bytes()


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
