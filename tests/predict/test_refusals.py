"""What is wrong with a file or an option, in one line."""

import gzip
import os
import shutil
from pathlib import Path

import pytest
from conftest import ROOT
from predicting import predict, refuse
from typer.testing import CliRunner

from distil.cli.main import app
from distil.core.errors import InputError


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("in.csv", "out.csv", "--text-column", "a"), "has no column 'a'; name one with --text-column: text, label"),
        (("in.csv", "out.csv"), "has a column 'label' already; have --prefix"),
        (("in.csv", "out.xlsx"), "out.xlsx does not say what to write"),
        (("in.csv", "out.csv", "--format", "xlsx"), "--format xlsx is not written"),
        (("missing.csv", "out.csv"), "missing.csv has no file to label"),
        (("in.md", "out.csv"), "files of the kind '.md' are not read"),
        (("twice.csv", "out.csv"), "twice.csv has 2 columns 'text'"),
        (("broken.parquet", "out.csv"), "is not a sound parquet file"),
        (("nul.csv", "out.csv"), "holds NUL bytes"),
        (("in.csv", "folder/out.csv", "--prefix", "a_"), "folder/out.csv"),
        (("in.csv", "out.csv", "--file", "onnx/no.onnx"), "has no onnx/no.onnx; it has onnx/model.onnx, onnx/model_q"),
        (("open.csv", "out.csv"), "open.csv, line 3: a quotation mark is opened there or later and never closed"),
        (("cut.csv.gz", "out.csv"), "is not a sound .gz file"),
        (("no.csv.gz", "out.csv"), "is not a sound .gz file"),
        (("utf16.csv", "out.csv"), "begins as UTF-16 but is not"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line(model: Path, arguments: tuple[str, ...], told: str) -> None:
    Path("in.csv").write_text("text,label\ngood,1\n")
    Path("in.md").write_text("text\n")
    Path("twice.csv").write_text("text,text\ngood,bad\n")
    Path("broken.parquet").write_bytes(b"PAR1 no PAR1")
    Path("nul.csv").write_bytes(b"text\n\0\n")
    Path("open.csv").write_text('text,n\ngood,1\n"bad,2\n' + "fine,3\n" * 50)
    Path("cut.csv.gz").write_bytes(gzip.compress(b"text\n" + os.urandom(5000).hex().encode())[:-900])
    Path("no.csv.gz").write_bytes(b"text\ngood\n")
    Path("utf16.csv").write_bytes("text\ngood\n".encode("utf-16") + b"\0")
    Path("folder").write_text("a file where a folder would have to be")
    assert told in refuse(model, *arguments)


def test_what_was_refused_is_not_taken_for_begun(model: Path) -> None:
    Path("in.jsonl").write_text('{"text": "good"}\n')
    Path("in.csv").write_text("text\ngood\n")
    assert "write them to a file that ends in .jsonl" in refuse(model, "in.jsonl", "out.csv")
    assert "1 rows" in predict(model, "in.csv", "out.csv")


def test_without_a_student_the_way_to_one_is_named(here: Path) -> None:
    Path("in.txt").write_text("good\n")
    (here / "nothing").mkdir()
    assert "nothing holds no exported student" in refuse(here / "nothing", "in.txt", "out.csv")
    shutil.copy(ROOT / "dvc.yaml", here)
    with pytest.raises(InputError, match="'dvc repro export' makes it"):
        CliRunner().invoke(app, ["predict", "in.txt", "out.csv"], catch_exceptions=False)
