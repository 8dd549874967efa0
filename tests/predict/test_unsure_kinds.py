"""Sets and spans of which a student is unsure: to the teacher in each format, or to a file; redacted where wanted."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from loopback_teacher import LoopbackTeacher, serve_teacher
from predicting import predict, read_csv, read_lines
from toy_cascade import INT8, TEXTS, USD, Cascade, find_text, make_cascade

from distil.classifiers.opening import open_onnx
from distil.core.params import Kind

TO_TEACHER = ("--unsure-below", "auto", "--unsure-to", "teacher")
COLUMNS = {"multi_label": "labels", "token_classification": "spans"}


@pytest.fixture
def teacher() -> Iterator[LoopbackTeacher]:
    with serve_teacher(lambda _body, _number: None) as server:
        yield server


@pytest.fixture(params=["multi_label", "token_classification"])
def cascade(
    request: pytest.FixtureRequest,
    here: Path,
    tmp_path_factory: pytest.TempPathFactory,
    teacher: LoopbackTeacher,
    monkeypatch: pytest.MonkeyPatch,
) -> Cascade:
    monkeypatch.setenv("DISTIL_STORE", str(here / "answers.sqlite"))
    kind: Kind = request.param
    with Path("in.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["text"], *([text] for text in TEXTS)])
    return make_cascade(kind, here, tmp_path_factory, teacher)


def read_any(name: str, column: str) -> list[dict[str, Any]]:
    """The rows of an output, with what has parts as such."""
    if name.endswith(".parquet"):
        rows: list[dict[str, Any]] = pq.read_table(name).to_pylist()
        return rows
    return [row | {column: json.loads(row[column])} for row in read_csv(name)]


def read_said(cascade: Cascade, row: dict[str, Any]) -> list[Any]:
    """What a row says, as `Cascade.tell` has it."""
    said: list[Any] = row[COLUMNS[cascade.kind]]
    return said if cascade.kind == "multi_label" else [(one["start"], one["end"], one["label"]) for one in said]


def test_the_teacher_says_what_the_student_is_not_sure_of(cascade: Cascade, teacher: LoopbackTeacher) -> None:
    predict(cascade.model, "in.csv", "plain.csv")
    plain = read_any("plain.csv", COLUMNS[cascade.kind])
    for name in ("out.csv", "out.parquet"):
        told = predict(cascade.model, "in.csv", name, *TO_TEACHER)
        assert f"${USD * len(cascade.unsure):.4f} for the teacher's answers" in told
        for text, row, alone in zip(TEXTS, read_any(name, COLUMNS[cascade.kind]), plain, strict=True):
            by_teacher = text in cascade.unsure
            assert row["answered_by"] == ("teacher" if by_teacher else "student")
            assert read_said(cascade, row) == (cascade.tell(text) if by_teacher else read_said(cascade, alone))
            if by_teacher:
                assert not row["probability"] and row["sureness"]
                if cascade.kind == "token_classification":
                    assert all(
                        span["text"] == text[span["start"] : span["end"]] and span["probability"] is None
                        for span in row["spans"]
                    )
    assert sorted(map(find_text, teacher.bodies)) == sorted(cascade.unsure), "each once, whatever the number of files"


def test_a_file_takes_them_and_they_keep_what_the_student_says(cascade: Cascade) -> None:
    predict(cascade.model, "in.csv", "out.csv", "--unsure-below", "auto")
    left = read_lines("out.csv.unsure.jsonl")
    assert [row["text"] for row in left] == cascade.unsure
    assert [row["text"] for row in read_csv("out.csv")] == [text for text in TEXTS if text not in cascade.unsure]
    said = open_onnx(cascade.model, INT8).predict_with_sureness(TEXTS)[0]
    own: dict[str, Any] = dict(zip(TEXTS, said, strict=True))
    assert [read_said(cascade, row) for row in left] == [list(own[text]) for text in cascade.unsure]


def test_where_the_teacher_abstains_the_student_s_answer_stays(cascade: Cascade, teacher: LoopbackTeacher) -> None:
    teacher.behave = lambda _body, _number: "I would rather not say."
    predict(cascade.model, "in.csv", "out.csv", *TO_TEACHER)
    predict(cascade.model, "in.csv", "plain.csv")
    rows, plain = (read_any(name, COLUMNS[cascade.kind]) for name in ("out.csv", "plain.csv"))
    assert [(read_said(cascade, row), row["answered_by"]) for row in rows] == [
        (read_said(cascade, row), "student") for row in plain
    ]


@pytest.mark.parametrize("cascade", ["token_classification"], indirect=True)
def test_redacted_texts_hide_what_the_teacher_found(cascade: Cascade) -> None:
    predict(cascade.model, "in.csv", "out.csv", *TO_TEACHER, "--redact")
    for text, row in zip(TEXTS, read_any("out.csv", "spans"), strict=True):
        assert all("text" not in span for span in row["spans"])
        if text in cascade.unsure:
            assert row["text"] == text.replace("good", "[PER]").replace("bad", "[LOC]")
