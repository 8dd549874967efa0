"""Rows of files of any format with the student's answers, and what is left out of them."""

import csv
import datetime
import decimal
import gzip
import json
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from predicting import INT8, TEXTS, label, predict, read_csv, read_lines, refuse

from distil.classifiers.onnx_classifier import OnnxClassifier
from distil.core.errors import InputError
from distil.predict.reading import UNREADABLE


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
