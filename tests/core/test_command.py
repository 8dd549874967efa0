"""A stage as a command: every path by name, and no mistake in silence."""

import subprocess
import sys

import pytest
from conftest import ROOT
from stage_command import name_paths

from distil.core.command import run as run_command
from stages import split

STAGE = [sys.executable, "-m", "stages.split"]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*STAGE, *words], cwd=ROOT, capture_output=True, text=True, check=False)


def test_help_says_what_each_path_is() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: python -m stages.split ")
    told = " ".join(done.stdout.split())
    assert "Split: divide the texts into train, validation, calibration and test" in told
    assert "--validation PATH table: texts and labels that are held out of training" in told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--texts", "a"], "the following arguments are required: --labels, --train"),
        ([*name_paths("split", *"abcdefgh"), "--tests", "h"], "unrecognized arguments: --tests h"),
        ([*name_paths("split", *"abcdefgh")[2:], "a"], "the following arguments are required: --texts"),
        ([*name_paths("split", *"abcdefgh")[2:], "--text", "a"], "the following arguments are required: --texts"),
    ],
)
def test_a_path_that_is_missing_or_unknown_is_refused(
    words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["stages/split.py", *words])
    with pytest.raises(SystemExit) as end:
        run_command(split.main)
    assert end.value.code == 2
    assert said in capsys.readouterr().err
