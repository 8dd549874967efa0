"""Two runs in one folder: nothing is paid twice, and none dies over the other's files."""

import os
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from annotating import PATHS, set_up
from conftest import ROOT, Project
from loopback_teacher import serve_teacher
from stage_command import stage_command

from distil.annotate.questions import make_job
from distil.core.errors import InputError
from distil.core.metrics import write_csv
from distil.core.params import TaskParams, load_params
from distil.core.tables import ANNOTATIONS, TEST, read_rows, row_writer
from distil.prompting.params import AnnotateParams
from distil.store.guards import one_run_at_a_time
from distil.store.opening import open_store, store_path


def test_two_who_write_the_same_table_at_once_each_write_a_whole_one(tmp_path: Path) -> None:
    rows = pa.Table.from_pylist([{"id": "1", "text": "a", "gold": None}], TEST)
    with ExitStack() as writers:
        for _ in range(2):
            writers.enter_context(row_writer(tmp_path / "t.parquet", TEST)).write_table(rows)
    assert len(read_rows(tmp_path / "t.parquet", TEST)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]


def test_a_file_that_could_not_be_written_whole_stays_as_it_was(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", pd.DataFrame({"x": [1]}))
    with pytest.raises(UnicodeEncodeError):
        write_csv(tmp_path / "a.csv", pd.DataFrame({"x\ud800": [1]}))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.csv": b"x\n1\n"}


def test_two_runs_of_annotate_pay_once_and_both_end_well(project: Project) -> None:
    with serve_teacher(lambda *_: "positive") as server:
        set_up(project, server, [f"text {number}" for number in range(200)])
        command, environment = stage_command("annotate", *PATHS), os.environ | {"PYTHONPATH": str(ROOT)}
        runs = [
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        told = [run.communicate() for run in runs]
        assert [run.returncode for run in runs] == [0, 0], told
        assert len(server.bodies) == 200
    assert len(read_rows(PATHS[2], ANNOTATIONS)) == 200
    assert not list(Path().glob("*.part"))


def test_a_store_s_folder_that_takes_no_lock_is_one_line(project: Project) -> None:
    with serve_teacher(lambda *_: "positive") as server:
        set_up(project, server)
        job = make_job(
            load_params("task", TaskParams), load_params("annotate", AnnotateParams), PATHS[0], PATHS[1], "cpu"
        )
    name = job.plans[0].request("", 1).key[:16]
    with open_store(store_path()) as store:
        store.path.with_name(f"{store.path.name}.{name}.lock").mkdir()
        with (
            pytest.raises(InputError, match=r"the folder of the answer store .* cannot be written"),
            one_run_at_a_time(store, job.plans, "annotate"),
        ):
            pass
