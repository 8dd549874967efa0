"""`distil predict`: rows of any file with the student's answers, whatever is wrong with some of them."""

import csv
import datetime
import decimal
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import fsspec
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import ROOT
from tiny_export import export_tiny_several, export_tiny_student, export_tiny_tagger
from typer.testing import CliRunner

from distil.classifiers.onnx_classifier import OnnxClassifier, OnnxMultiLabel
from distil.classifiers.onnx_tagger import OnnxTagger
from distil.cli.main import app
from distil.cli.predict import open_model
from distil.core.errors import InputError
from distil.predict import job
from distil.predict.answers import Wanted
from distil.predict.job import PART_ROWS
from distil.predict.reading import UNREADABLE
from distil.predict.sources import find_sources
from distil.tagging.words import redact

INT8 = "onnx/model_quantized.onnx"
TEXTS = ["good thing", "bad thing", "it is fine", "awful it is"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_tiny_student(tmp_path_factory)[1]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISTIL_CACHE", str(tmp_path / "cache"))
    return tmp_path


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


def test_rows_of_a_csv_keep_order_columns_and_separator(model: Path) -> None:
    cells = ["plain", 'with "marks"', "two\r\nlines", "a;b"]
    with Path("in.csv").open("w", encoding="utf-16", newline="") as file:
        writer = csv.writer(file, delimiter=";", quoting=csv.QUOTE_ALL)
        writer.writerows([["n", "text", "note"], *([str(n), text, cells[n]] for n, text in enumerate(TEXTS))])
    told = predict(model, "in.csv", "out.csv", "--probabilities")
    rows = read_csv("out.csv", ";")
    assert [(row["n"], row["text"], row["note"]) for row in rows] == [
        (str(n), text, cells[n]) for n, text in enumerate(TEXTS)
    ]
    assert [row["label"] for row in rows] == label(model, TEXTS)
    shares = OnnxClassifier(model, INT8).predict_proba(TEXTS)
    for row, known in zip(rows, shares, strict=True):
        assert float(row["probability"]) == pytest.approx(known.max(), abs=1e-6)
        assert [float(row[f"probability_{name}"]) for name in ("negative", "positive")] == pytest.approx(
            known, abs=1e-6
        )
    assert "out.csv: 4 rows" in told
    assert not Path("out.csv.rejects.jsonl").exists()
    assert not Path("out.csv.parts").exists()


def test_rows_of_a_csv_that_cannot_be_labelled_are_left_out_with_their_line(model: Path) -> None:
    lines = [
        b"text,n",
        b"good thing,1",
        b",2",
        b"b\xe4d,3",
        b'"it ""is""\nfine",4',
        b"one,two,three",
        b'"a" mark,7',
        b"bad,8",
    ]
    Path("in.csv").write_bytes(b"\n".join(lines) + b"\n")
    told = predict(model, "in.csv", "out.jsonl")
    assert [row["n"] for row in read_lines("out.jsonl")] == ["1", "4", "8"]
    rejects = {row["place"]: row["reason"] for row in read_lines("out.jsonl.rejects.jsonl")}
    assert list(rejects) == ["line 3", "line 4", "line 7", "line 8"]
    assert "\xe4" not in Path("out.jsonl.rejects.jsonl").read_text(), "places and reasons, and nothing of the texts"
    assert rejects["line 3"] == "text is empty"
    assert rejects["line 4"] == "the row is not UTF-8"
    assert rejects["line 7"] == "3 cells, but the header has 2"
    assert "4 left out (out.jsonl.rejects.jsonl says why)" in told
    assert json.loads(Path("out.jsonl.manifest.json").read_text())["counts"] == {"rows": 3, "rejected": 4, "cut": 0}
    with pytest.raises(InputError, match="4 rows could not be labelled"):
        predict(model, "in.csv", "strict.jsonl", "--strict")
    with pytest.raises(InputError, match="4 rows could not be labelled"):
        predict(model, "in.csv", "strict.jsonl", "--strict")
    assert read_lines("strict.jsonl") == read_lines("out.jsonl")


def test_objects_of_a_jsonl_keep_what_else_they_hold(model: Path) -> None:
    records: list[Any] = [
        {"data": {"body": TEXTS[0], "more": [1, {"a": None}]}, "id": 1},
        {"data": {"body": None}},
        {"data": {}},
        ["no object"],
        {"data": {"body": 5}},
        {"data": {"body": TEXTS[1]}, "other": "\ud800"},
        {"data": {"body": "half \ud800"}},
        {"data": {"body": TEXTS[2]}, "unnamed": 1.5},
    ]
    lines = [*map(json.dumps, records), "{broken", ""]
    Path("in.jsonl").write_text("\n".join(lines))
    predict(model, "in.jsonl", "out.jsonl", "--text-column", "data.body", "--prefix", "student_")
    rows = read_lines("out.jsonl")
    assert [row.pop("student_label") for row in rows] == label(model, [TEXTS[0], TEXTS[2]])
    assert all(0 < row.pop("student_probability") < 1 for row in rows)
    assert rows == [records[0], records[7]]
    assert [row["place"] for row in read_lines("out.jsonl.rejects.jsonl")] == [
        f"line {n}" for n in (2, 3, 4, 5, 6, 7, 9)
    ]
    assert "ends in .jsonl" in refuse(model, "in.jsonl", "out.csv", "--text-column", "data.body")
    Path("own.jsonl").write_text(json.dumps({"text": "good", "label": "mine"}) + "\n")
    assert "own.jsonl, line 1 has a key 'label' already; have --prefix" in refuse(model, "own.jsonl", "lost.jsonl")


def test_columns_of_parquet_keep_their_types(model: Path) -> None:
    day = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    table = pa.table(
        {
            "text": pa.array([TEXTS[0], None, TEXTS[1]]).dictionary_encode(),
            "day": pa.array([day, None, day], pa.timestamp("us", "UTC")),
            "list": pa.array([[1, 2], None, []], pa.list_(pa.int16())),
        }
    )
    pq.write_table(table, "in.parquet")
    predict(model, "in.parquet", "out.parquet")
    written = pq.read_table("out.parquet")
    assert written.select(table.column_names).to_pylist() == [table.to_pylist()[0], table.to_pylist()[2]]
    assert written.schema.field("day").type == table.schema.field("day").type
    assert written.schema.field("list").type == table.schema.field("list").type
    assert written["label"].to_pylist() == label(model, TEXTS[:2])
    predict(model, "in.parquet", "out.csv")
    assert [row["list"] for row in read_csv("out.csv")] == ["[1, 2]", "[]"]


def test_strings_of_parquet_that_are_no_utf8_are_left_out(model: Path) -> None:
    broken = pa.array([b"good", b"b\xe4d", b"fine"]).view(pa.string())
    pq.write_table(pa.table({"text": broken}), "in.parquet")
    predict(model, "in.parquet", "out.csv")
    assert [row["text"] for row in read_csv("out.csv")] == ["good", "fine"]
    assert read_lines("out.csv.rejects.jsonl") == [{"place": "row 2", "reason": UNREADABLE}]


def test_other_formats_that_fetch_reads(model: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["text", "n"], [TEXTS[0], 5], [None, 6], [7, 7]):
        book.active.append(row)
    book.save("in.xlsx")
    Path("in.json").write_text(json.dumps([{"text": TEXTS[0], "n": 5}, "no object"]))
    Path("in.txt").write_text(f"{TEXTS[0]}\n\n{TEXTS[1]}\n")
    Path("in.tsv").write_text(f"text\tn\n{TEXTS[0]}\t5\n")
    with gzip.open("in.csv.gz", "wt") as file:
        file.write(f"text\n{TEXTS[0]}\n")
    known = label(model, TEXTS[:1])
    predict(model, "in.xlsx", "xlsx.parquet")
    assert [(row["n"], row["label"]) for row in pq.read_table("xlsx.parquet").to_pylist()] == [("5", known[0])]
    predict(model, "in.json", "json.jsonl")
    assert [row["label"] for row in read_lines("json.jsonl")] == known
    predict(model, "in.txt", "txt.csv")
    assert [row["text"] for row in read_csv("txt.csv")] == TEXTS[:2]
    predict(model, "in.tsv", "tsv.tsv")
    assert [row["label"] for row in read_csv("tsv.tsv", "\t")] == known
    predict(model, "in.csv.gz", "gz.csv")
    assert [row["label"] for row in read_csv("gz.csv")] == known


def test_several_labels_and_spans(tmp_path_factory: pytest.TempPathFactory) -> None:
    Path("in.csv").write_text("text\ngood thing\nbad thing\nit is\n")
    several = export_tiny_several(tmp_path_factory)[1]
    texts = [row["text"] for row in read_csv("in.csv")]
    predict(several, "in.csv", "sets.csv", "--probabilities")
    predict(several, "in.csv", "sets.parquet")
    student = OnnxMultiLabel(several, INT8)
    assert [json.loads(row["labels"]) for row in read_csv("sets.csv")] == student.predict(texts)
    assert pq.read_table("sets.parquet")["labels"].to_pylist() == student.predict(texts)
    for row, shares in zip(read_csv("sets.csv"), student.predict_proba(texts), strict=True):
        chosen = [shares["abc".index(name)] for name in json.loads(row["labels"])]
        assert (
            row["probability"] == ""
            if not chosen
            else float(row["probability"]) == pytest.approx(min(chosen), abs=1e-6)
        )
        assert float(row["probability_b"]) == pytest.approx(shares[1], abs=1e-6)
    tagger = export_tiny_tagger(tmp_path_factory)[1]
    predict(tagger, "in.csv", "spans.jsonl")
    predict(tagger, "in.csv", "redacted.jsonl", "--redact")
    known = OnnxTagger(tagger, INT8).predict(texts)
    assert any(known)
    hidden_rows = read_lines("redacted.jsonl")
    for said, hidden, text, entities in zip(read_lines("spans.jsonl"), hidden_rows, texts, known, strict=True):
        assert [[*span.values()][:4] for span in said["spans"]] == [[*entity[:4]] for entity in entities]
        assert hidden["text"] == redact(text, entities)
        assert all(set(span) == {"start", "end", "label", "probability"} for span in hidden["spans"])
    predict(tagger, "in.csv", "redacted.parquet", "--redact")
    assert pq.read_table("redacted.parquet")["text"].to_pylist() == [row["text"] for row in hidden_rows]
    assert "this student finds none" in refuse(several, "in.csv", "no.csv", "--redact")
    assert "each span has its probability" in refuse(tagger, "in.csv", "no.csv", "--probabilities")


def test_texts_that_are_longer_than_the_student_reads_are_counted(model: Path) -> None:
    Path("in.txt").write_text("good " * 600 + "\ngood\n")
    assert "1 longer than the student reads" in predict(model, "in.txt", "out.csv")
    assert len(read_csv("out.csv")) == 2


def test_folders_and_patterns(model: Path) -> None:
    for name in ("in/a.csv", "in/deep/b.txt", "in/.hidden.csv", "in/notes.md"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(f"text\n{TEXTS[0]}\n")
    predict(model, "in", "out/")
    assert sorted(str(path) for path in Path("out").rglob("*") if path.suffix != ".json") == [
        "out/a.csv", "out/deep", "out/deep/b.csv",
    ]  # fmt: skip
    predict(model, "in/*.csv", "some", "--format", "parquet")
    assert [path.name for path in Path("some").glob("*.parquet")] == ["a.parquet"]
    Path("in/a.txt").write_text("another\n")
    assert "2 files of in would be written to both/a.jsonl; leave out --format" in refuse(
        model, "in", "both", "--format", "jsonl"
    )
    assert "would be read as an input next time" in refuse(model, "in", "in/labelled")
    Path("in/deep/c.csv").write_text("body\nwithout the column\n")
    Path("in/a.txt").unlink()
    assert "in/deep/c.csv has no column 'text'" in refuse(model, "in", "checked")
    assert not Path("checked").exists()


def test_no_output_is_an_input(model: Path) -> None:
    Path("in").mkdir()
    Path("in/a.jsonl").write_text('{"text": "good"}\n')
    before = Path("in/a.jsonl").read_bytes()
    assert "is among what is to be labelled" in refuse(model, "in/a.jsonl", "in/a.jsonl", "--overwrite")
    assert "is among what is to be labelled" in refuse(model, "in/*.jsonl", "./in", "--overwrite")
    assert "would be read as an input next time" in refuse(model, "in/**/*.jsonl", "in/labelled")
    assert Path("in/a.jsonl").read_bytes() == before
    predict(model, "in/*.jsonl", "in/labelled")
    with fsspec.filesystem("memory").open("/from/a.jsonl", "wb") as file:
        file.write(before)
    assert "would be read as an input next time" in refuse(model, "memory://from", "memory://from/labelled")


def test_addresses(model: Path) -> None:
    files = fsspec.filesystem("memory")
    with files.open("/bucket/in.csv", "wb") as file:
        file.write(f"text\n{TEXTS[0]}\nb\n".encode())
    for _ in range(2):
        told = predict(model, "memory://bucket/in.csv", "memory://bucket/out.csv")
    assert "out.csv: 2 rows, written before" in told
    with files.open("/bucket/out.csv") as file:
        assert file.read().decode().splitlines()[1].startswith(f"{TEXTS[0]},{label(model, TEXTS[:1])[0]},")
    assert files.exists("/bucket/out.csv.manifest.json")
    assert [path.suffix for path in Path("cache/predict").iterdir()] == [".lock"]
    assert "cannot be reached" in refuse(model, "nothing://bucket/in.csv", "out.csv")


def write_many(path: str, count: int) -> None:
    with Path(path).open("w", encoding="utf-8") as file:
        file.write("n,text\n")
        file.writelines(f"{n},{TEXTS[n % 4]} {n % 1000}\n" for n in range(count))


def test_a_run_that_is_killed_goes_on_and_writes_the_same_bytes(model: Path, here: Path) -> None:
    write_many("in.csv", 3 * PART_ROWS + 5)
    predict(model, "in.csv", "whole.csv")
    command = [sys.executable, "-m", "distil", "predict", "in.csv", "out.csv", "--model", str(model)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DISTIL_CACHE": str(here / "cache")}
    done: list[float] = []
    for wanted in (1, 2):
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
            while child.poll() is None and len(list(Path("out.csv.parts").glob("0*.json"))) < wanted:
                time.sleep(0.001)
            child.send_signal(signal.SIGKILL)
        first = Path("out.csv.parts/00000000.json")
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
        if rows < PART_ROWS:
            raise BrokenOffError

    (source,) = find_sources("in.csv").sources
    with pytest.raises(BrokenOffError):
        job.label_file(source, job.Output(output), "text", open_model(model, None), Wanted(), ".csv", True, end)


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
    Path("out.csv.parts/00000000.json").write_text('{"rows": 1, "rejected": 0, "cut": 0}')
    predict(model, "in.csv", "out.csv")
    assert [row["n"] for row in read_csv("out.csv")] == ["0", "1", "2"]


def test_two_runs_of_one_output_do_not_meet(model: Path) -> None:
    write_many("in.csv", 3)
    with job.Output("out.csv").locked():
        assert "out.csv is being written by another run" in refuse(model, "in.csv", "out.csv")


@pytest.mark.parametrize("arguments", [("--format", "csv"), ()])
def test_what_an_output_is_of_includes_its_format(model: Path, arguments: tuple[str, ...]) -> None:
    write_many("in.csv", 3)
    predict(model, "in.csv", "out.jsonl", *arguments)
    other = () if arguments else ("--format", "csv")
    assert "was written in another format" in refuse(model, "in.csv", "out.jsonl", *other)


def test_what_is_private_is_in_no_output_of_redacted_texts(tmp_path_factory: pytest.TempPathFactory) -> None:
    tagger = export_tiny_tagger(tmp_path_factory)[1]
    Path("in.jsonl").write_text(
        '{"data": {"body": "good thing bad thing", "n": 1}}\n"Anna Berg"\n{"data": "Anna Berg"}\n'
    )
    rows = pa.table({"data": [{"body": "good thing bad thing", "n": 1}]})
    pq.write_table(rows, "in.parquet")
    (entities,) = OnnxTagger(tagger, INT8).predict(["good thing bad thing"])
    assert entities
    hidden = {"body": redact("good thing bad thing", entities), "n": 1}
    for name in ("in.jsonl", "in.parquet"):
        predict(tagger, name, f"out.{name[3:]}", "--redact", "--text-column", "data.body")
    assert read_lines("out.jsonl")[0]["data"] == hidden
    assert pq.read_table("out.parquet")["data"].to_pylist() == [hidden]
    assert "Anna" not in Path("out.jsonl.rejects.jsonl").read_text()


def test_cells_of_other_types(model: Path) -> None:
    day = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    cells = {"day": [day], "price": [decimal.Decimal("1.50")], "bytes": [b"ab"], "none": [float("nan")], "yes": [True]}
    pq.write_table(pa.table({"text": ["good"], **cells}), "in.parquet")
    predict(model, "in.parquet", "out.csv")
    (row,) = read_csv("out.csv")
    assert (row["day"], row["price"], row["bytes"], row["yes"]) == (day.isoformat(), "1.50", "YWI=", "true")
    predict(model, "in.parquet", "out.jsonl")
    assert read_lines("out.jsonl")[0]["none"] is None
    book = openpyxl.Workbook()
    for cells_of_row in (["text", "day", None], ["good", day.replace(tzinfo=None)], ["bad", None, "more"]):
        book.active.append(cells_of_row)
    book.save("in.xlsx")
    predict(model, "in.xlsx", "xlsx.parquet")
    assert pq.read_table("xlsx.parquet")["day"].to_pylist() == ["2026-01-02T03:04:05"]
    assert read_lines("xlsx.parquet.rejects.jsonl") == [{"place": "row 3", "reason": "3 cells, but the header has 2"}]
    Path("blank.csv").write_text("text,,\ngood,1,2\n")
    predict(model, "blank.csv", "blank.out.csv")
    assert list(read_csv("blank.out.csv")[0]) == ["text", "2", "3", "label", "probability"]
    Path("in.tsv").write_text("text\tn\ngood\t1\n")
    predict(model, "in.tsv", "tsv.csv")
    assert Path("tsv.csv").read_text().startswith("text,n,label,probability\n")


def test_a_file_without_rows(model: Path) -> None:
    Path("in.csv").write_text("text,n\n")
    predict(model, "in.csv", "out.csv")
    assert Path("out.csv").read_text() == "text,n,label,probability\n"
    predict(model, "in.csv", "out.parquet")
    assert pq.read_table("out.parquet").schema.names == ["text", "n", "label", "probability"]


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
        (("in.csv", "out.csv", "--file", "onnx/no.onnx"), "is missing or damaged"),
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


def test_without_a_student_the_way_to_one_is_named(here: Path) -> None:
    Path("in.txt").write_text("good\n")
    (here / "nothing").mkdir()
    assert "nothing holds no exported student" in refuse(here / "nothing", "in.txt", "out.csv")
    shutil.copy(ROOT / "dvc.yaml", here)
    with pytest.raises(InputError, match="'dvc repro export' makes it"):
        CliRunner().invoke(app, ["predict", "in.txt", "out.csv"], catch_exceptions=False)
