"""benchmarks/compat on tiny models: what it says of a folder that other tools open, and of one that they do not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file
from tiny_export import export_tiny_student
from tiny_model import TEXTS, Kind

from distil.core.tables import TEST, write_rows

pytestmark = pytest.mark.slow  # each runs a program that loads models
RUN = Path(__file__).resolve().parent.parent / "benchmarks" / "compat" / "run.py"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "test.parquet"
    write_rows(path, TEST, [{"id": str(number), "text": text} for number, text in enumerate(TEXTS)])
    return path


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(RUN), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, check=False)


def test_a_tool_that_is_not_to_be_had_is_a_failure_unless_it_may_be_missing(
    tmp_path_factory: pytest.TempPathFactory, table: Path
) -> None:
    _, folder = export_tiny_student(tmp_path_factory)

    asked = run(folder, table, "--tools", "transformers.js", PATH="")
    skipped = run(folder, table, "--tools", "transformers.js", "--skip-missing", PATH="")

    assert "| transformers.js | onnx/model.onnx | not run: node is not installed |" in asked.stdout
    assert asked.returncode == 1
    assert "transformers.js was not run: node is not installed" in asked.stderr
    assert skipped.stdout == asked.stdout
    assert (skipped.returncode, skipped.stderr) == (0, "")


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_transformers_gives_the_same_labels(tmp_path_factory: pytest.TempPathFactory, table: Path, kind: Kind) -> None:
    _, folder = export_tiny_student(tmp_path_factory, kind)

    done = run(folder, table, "--tools", "transformers")

    assert done.returncode == 0, done.stderr
    assert "| model.safetensors | 4 of 4 |" in done.stdout


def test_weights_that_say_the_opposite_of_the_onnx_file_are_found(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, table: Path
) -> None:
    _, exported = export_tiny_student(tmp_path_factory)
    folder = Path(shutil.copytree(exported, tmp_path / "folder"))
    weights = load_file(folder / "model.safetensors")
    weights["classifier.weight"] *= -1
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})

    done = run(folder, table, "--tools", "transformers")

    assert done.returncode == 1
    assert "| model.safetensors | 0 of 4 |" in done.stdout
    assert (
        "transformers gives distil's label to 0 of 4 texts with model.safetensors; the least is 100.0%" in done.stderr
    )


def test_a_folder_without_int8_is_compared_by_fp32_alone(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, table: Path
) -> None:
    _, exported = export_tiny_student(tmp_path_factory)
    folder = Path(shutil.copytree(exported, tmp_path / "folder"))
    (folder / "onnx/model_quantized.onnx").unlink()

    done = run(folder, table, "--tools", "transformers.js", "--skip-missing", PATH="")

    assert done.returncode == 0, done.stderr
    assert "quantized" not in done.stdout


def test_a_tool_that_cannot_read_the_folder_is_a_failure(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, table: Path
) -> None:
    _, exported = export_tiny_student(tmp_path_factory)
    folder = Path(shutil.copytree(exported, tmp_path / "folder"))
    (folder / "model.safetensors").write_bytes(b"cut off")

    done = run(folder, table, "--tools", "transformers")

    assert done.returncode == 1
    assert "| transformers | model.safetensors | failed | | | |" in done.stdout
    assert "transformers fails on model.safetensors: " in done.stderr
    assert "SafetensorError" in done.stderr
