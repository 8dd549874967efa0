"""The house: imports between rooms point down, the check that says so can fail, and functions are short."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT


def check_floors(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the code, to put walls through."""
    shutil.copytree(ROOT / "distil", tmp_path / "distil", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_imports_between_rooms_point_down(house: Path) -> None:
    done = check_floors(house)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("core/ids.py", "from distil.labels.splits import assign"),
        ("store/guards.py", "from distil.annotate.questions import Job"),
        ("labels/splits.py", "from distil.quality.scores import score_labels"),  # from a room to one beside it
    ],
)
def test_an_import_that_points_up_or_sideways_is_found(house: Path, module: str, line: str) -> None:
    with (house / "distil" / module).open("a") as file:
        file.write(f"\n\ndef through_the_floor() -> object:\n    {line}\n")
    done = check_floors(house)
    assert done.returncode == 1
    assert line.split()[1].rpartition(".")[0] in done.stdout


def test_a_room_without_a_floor_is_found(house: Path) -> None:
    (house / "distil" / "attic").mkdir()
    (house / "distil" / "attic" / "__init__.py").touch()
    done = check_floors(house)
    assert done.returncode == 1
    assert "attic" in done.stdout


def test_no_function_has_more_than_40_lines() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {node.name} has {length} lines"
        for room in ("distil", "stages")
        for path in (ROOT / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > 40
    ]
    assert not long
