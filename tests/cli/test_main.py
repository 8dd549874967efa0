"""The command `distil` itself."""

import os
import subprocess
import sys
from pathlib import Path

from conftest import ROOT
from typer.testing import CliRunner, Result

from distil.cli.main import COMMANDS, app


def test_the_command_ends_in_one_line_and_exit_1_where_there_is_no_project(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "distil", "annotate", "--dry-run"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    assert ended.stderr == "error: dvc.yaml is missing here; run distil in the project's folder\n"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_every_command_is_in_the_help_and_has_one_of_its_own() -> None:
    said = run("--help").output
    for name in COMMANDS:
        assert f"\n  {name} " in said
        told = run(name, "--help")
        assert told.exit_code == 0 and f" {name} [OPTIONS]" in told.output.splitlines()[0], told.output


def test_a_command_that_is_misspelt_is_told_as_one_that_there_is() -> None:
    told = run("pln")
    assert told.exit_code == 2
    assert "No such command 'pln'. Did you mean 'plan'?" in told.output


def test_a_command_imports_no_other() -> None:
    script = "import sys; from distil.cli.main import COMMANDS, app; app(['store', '--help'], standalone_mode=False); "
    script += "print(sorted(name for name in sys.modules if name.startswith('distil.cli.')))"
    command = [sys.executable, "-c", script]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == "['distil.cli.main', 'distil.cli.project', 'distil.cli.store']"
