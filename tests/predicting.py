"""What tests of `distil predict` do: run it on files of the working folder, and read what it wrote."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from distil.classifiers.onnx_classifier import OnnxClassifier
from distil.cli.main import app
from distil.core.errors import InputError

INT8 = "onnx/model_quantized.onnx"
TEXTS = ["good thing", "bad thing", "it is fine", "awful it is"]


def predict(model: Path, *arguments: str | Path, ends_with: int = 0) -> str:
    result = CliRunner().invoke(app, ["predict", *map(str, arguments), "--model", str(model)], catch_exceptions=False)
    assert result.exit_code == ends_with, result.output
    return result.output


def refuse(model: Path, *arguments: str | Path) -> str:
    with pytest.raises(InputError) as caught:
        predict(model, *arguments)
    return str(caught.value)


def read_csv(path: str | Path, separator: str = ",") -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=separator))


def read_lines(path: str | Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def label(model: Path, texts: list[str]) -> list[str]:
    return OnnxClassifier(model, INT8).predict(texts)


def write_many(path: str, count: int) -> None:
    with Path(path).open("w", encoding="utf-8") as file:
        file.write("n,text\n")
        file.writelines(f"{n},{TEXTS[n % 4]} {n % 1000}\n" for n in range(count))
