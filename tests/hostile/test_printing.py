"""Control characters in names that strangers wrote: a terminal is shown them, and never obeys them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, Project
from stage_command import stage_command
from toy_results import write_toy_results
from tqdm import tqdm
from written_reports import write_report_on

from distil.core.command import call
from distil.core.errors import LONGEST, InputError
from distil.core.metrics import read_details, write_metrics
from distil.forms.answers import Answer
from distil.store.answer_store import Stored
from distil.store.opening import open_store

EVIL = "\x1b[31m\x1b]0;owned\x07\x9b2J\u202e\rfine"
SHOWN = "\\x1b[31m\\x1b]0;owned\\x07\\x9b2J\\u202e\\rfine"
COLOUR = "\\x1b[31m"
OBEYED = set("\x00\x07\x08\x0b\x0c\x1b\x7f\x85\x9b\u2028\u202e\u2066\r")


def run(folder: Path, *words: str) -> str:
    """What a command writes to a pipe, both streams."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, check=False)
    said = (done.stdout + done.stderr).decode()
    assert "Traceback" not in said
    return said


def test_names_of_files_and_columns_are_shown_and_not_obeyed(project: Project) -> None:
    folder = project(fetch={"source": "corpus", "columns": {"text": "text"}})
    (folder / "corpus").mkdir()
    (folder / f"corpus/a{EVIL}.csv").write_text(f"b{EVIL.replace(chr(13), '')}\nx\n", newline="")
    said = run(folder, *stage_command("fetch", "corpus", "assets.txt", "texts.parquet", "fetch.json"))
    assert said.startswith(f"error: corpus/a{SHOWN}.csv has no column 'text'")
    assert "one of: b\\x1b[31m" in said
    assert not OBEYED & set(said)


def test_a_teacher_s_name_in_a_store_is_shown_and_not_obeyed(project: Project) -> None:
    folder = project()
    with open_store(folder / "store/answers.sqlite") as store:
        store.put_all([("k", Stored(Answer(reply="x"), f"m{EVIL}"))])
    said = run(folder, sys.executable, "-m", "distil", "store", "info")
    assert f"{SHOWN.removeprefix(COLOUR)}: 1 answers" in said, "click takes colours off where there is no terminal"
    assert not OBEYED & set(said)


def test_a_key_of_params_is_shown_in_one_line(project: Project) -> None:
    folder = project(task={"name": "t", f"k{EVIL}\nerror: forged": 1})
    said = run(folder, *stage_command("split", *"abcdefgh"))
    assert said.startswith(f"error: params.yaml: unknown key task.k{SHOWN}\\nerror: forged; ")
    assert said.count("\n") == 1


def test_what_any_caller_prints_is_guarded(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> None:
        print(f"out {EVIL}\nnext\tline")
        print(f"err {EVIL}", file=sys.stderr)
        for _ in tqdm(range(2), desc=f"bar {EVIL}"):
            pass

    call(command)
    out, err = capsys.readouterr()
    assert out == f"out {SHOWN}\nnext\tline\n"
    assert err.startswith(f"err {SHOWN}\n")
    assert f"\rbar {SHOWN}: 100%" in err
    assert not (OBEYED - {"\r"}) & set(err)


def test_a_label_that_a_terminal_would_obey_is_refused(project: Project) -> None:
    folder = project(task={"name": "t", "description": "d", "language": "en", "labels": ["a", "b\x1b[31m"]})
    said = run(folder, *stage_command("split", *"abcdefgh"))
    assert "task.labels = ['a', 'b\\x1b[31m']: a label has a control character" in said


def test_the_middle_of_a_very_long_error_is_left_out() -> None:
    def command() -> None:
        raise InputError("value " + "z" * 1_000_000 + "; remedy")

    with pytest.raises(SystemExit) as end:
        call(command)
    assert len(str(end.value.code)) < LONGEST + 100
    assert str(end.value.code).startswith("error: value zz")
    assert str(end.value.code).endswith("zz; remedy")


@pytest.mark.slow
def test_the_table_that_make_repro_shows_obeys_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    paths = write_toy_results(tmp_path)
    cost = read_details(tmp_path / "metrics/cost.json")
    cost["compared_models"][0]["model"] = f"m{EVIL}"
    write_metrics(tmp_path / "metrics/cost.json", {}, cost)
    write_report_on(paths)
    table = (tmp_path / "reports/table.txt").read_text()
    assert "\\x1b[31m" in table
    assert not OBEYED & set(table)
