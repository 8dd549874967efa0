"""What is added to a row by students of each kind."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from predicting import INT8, predict, read_csv, read_lines, refuse
from tiny_export import export_tiny_several, export_tiny_tagger

from distil.classifiers.onnx_classifier import OnnxMultiLabel
from distil.classifiers.onnx_tagger import OnnxTagger
from distil.tagging.words import redact


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


def test_texts_that_are_longer_than_the_student_reads_are_counted(model: Path) -> None:
    Path("in.txt").write_text("good " * 600 + "\ngood\n")
    assert "1 longer than the student reads" in predict(model, "in.txt", "out.csv")
    assert len(read_csv("out.csv")) == 2
