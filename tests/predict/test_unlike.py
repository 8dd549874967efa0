"""Texts that are unlike the training texts: passed on, with why, by any kind of student."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from predicting import INT8, predict, read_lines, refuse
from tiny_export import export_tiny_several, export_tiny_tagger

from distil.classifiers.opening import open_onnx
from distil.export.unlike import fit_unlike, name_read
from distil.selective.unlike import read_unlike, write_unlike

LIKE = [f"good thing {number}" for number in range(60)]
MIXED = [*LIKE[:10], "zz qq !!", "awful ; ; ; ; it is", *LIKE[10:20], "% % % % % % % %"]


def teach(model: Path, folder: Path) -> Path:
    """A copy of an exported folder that knows what texts are like it."""
    copy = Path(shutil.copytree(model, folder))
    reads = name_read(copy, INT8)
    student = open_onnx(copy, INT8, device="cpu", reads=reads)
    write_unlike(copy, fit_unlike(INT8, reads, student.read, LIKE[:40], LIKE[40:]))
    return copy


@pytest.fixture
def taught(model: Path, here: Path) -> Path:
    return teach(model, here / "taught")


def write_in(texts: list[str]) -> None:
    Path("in.jsonl").write_text("".join(json.dumps({"n": n, "text": text}) + "\n" for n, text in enumerate(texts)))


def test_texts_unlike_the_training_texts_go_to_a_file(model: Path, taught: Path) -> None:
    write_in(MIXED)
    said = predict(taught, "in.jsonl", "out.jsonl", "--unlike", "0.05")
    passed, kept = read_lines("out.jsonl.unsure.jsonl"), read_lines("out.jsonl")
    assert {row["text"] for row in passed} >= {"zz qq !!", "% % % % % % % %"}
    assert {row["passed_on"] for row in passed} == {"unlike"} and {row["passed_on"] for row in kept} == {None}
    assert "sureness" not in kept[0]
    assert f"{len(passed)} unsure ({len(passed)} of them unlike the training texts)" in said
    told = json.loads(Path("out.jsonl.manifest.json").read_text())["counts"]
    assert told["unlike"] == told["unsure"] == len(passed)
    predict(model, "in.jsonl", "plain.jsonl")
    answers = {row["n"]: row for row in [*passed, *kept]}
    for row in read_lines("plain.jsonl"):
        assert (row["label"], row["probability"]) == (answers[row["n"]]["label"], answers[row["n"]]["probability"])
    assert "written before" in predict(taught, "in.jsonl", "out.jsonl", "--unlike", "0.05")
    assert "was written with other options" in refuse(taught, "in.jsonl", "out.jsonl", "--unlike", "0.2")
    found = read_unlike(taught, INT8)
    write_unlike(taught, found._replace(axes=found.axes * np.float32(2)))
    assert "by another model" in refuse(taught, "in.jsonl", "out.jsonl", "--unlike", "0.05")


@pytest.mark.parametrize("change", ["narrower", "logits", "no_such"])
def test_a_file_that_is_of_another_student_is_refused_before_a_row_is_labelled(taught: Path, change: str) -> None:
    found = read_unlike(taught, INT8)
    other = {
        "narrower": found._replace(centre=found.centre[:2], axes=found.axes[:2, :2]),
        "logits": found._replace(reads="logits"),
        "no_such": found._replace(reads="no_such"),
    }
    write_unlike(taught, other[change])
    write_in(MIXED)
    assert "unlike.npz" in refuse(taught, "in.jsonl", "out.jsonl", "--unlike", "0.1")
    assert not list(Path().glob("out.jsonl*"))


def test_a_column_says_which_texts_are_unsure_and_which_unlike(taught: Path) -> None:
    write_in(MIXED)
    sureness = open_onnx(taught, INT8, device="cpu").predict_with_sureness(MIXED)[1]
    below = f"{np.sort(sureness)[len(MIXED) // 2]:.6f}"
    predict(taught, "in.jsonl", "out.jsonl", "--unlike", "0.3", "--unsure-below", below)
    rows = [*read_lines("out.jsonl"), *read_lines("out.jsonl.unsure.jsonl")]
    why = {row["passed_on"] for row in rows}
    assert {"unsure", None} < why <= {"unsure", "unlike", "unsure, unlike", None}
    for row in rows:
        assert (row["sureness"] < float(below)) == ("unsure" in (row["passed_on"] or "").split(", "))


@pytest.mark.parametrize("export", [export_tiny_several, export_tiny_tagger])
def test_students_of_sets_and_of_spans_measure_too(
    tmp_path_factory: pytest.TempPathFactory, here: Path, export: Any
) -> None:
    taught = teach(export(tmp_path_factory)[1], here / "taught")
    write_in([*MIXED, "..."])
    predict(taught, "in.jsonl", "out.jsonl", "--unlike", "0.05")
    assert "zz qq !!" in {row["text"] for row in read_lines("out.jsonl.unsure.jsonl")}
    assert {row["passed_on"] for row in read_lines("out.jsonl")} == {None}


def test_a_folder_that_knows_no_texts_and_shares_that_it_cannot_tell_are_refused(model: Path, taught: Path) -> None:
    write_in(MIXED)
    assert "set export.unlike: true in params.yaml" in refuse(model, "in.jsonl", "out.jsonl", "--unlike", "0.05")
    said = refuse(taught, "in.jsonl", "out.jsonl", "--unlike", "0.01")
    assert "--unlike 0.01 is no share that 20 validation texts can tell; give one from 0.0477 to below 1" in said
    assert "leave out --file" in refuse(taught, "in.jsonl", "o.csv", "--unlike", "0.1", "--file", "onnx/model.onnx")
    assert not Path("out.jsonl.parts").exists()
