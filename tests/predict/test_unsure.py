"""Texts that the student is not sure of: to a file, or to the teacher, who may be away."""

import csv
import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from conftest import ROOT
from loopback_teacher import LoopbackTeacher, prompt_of, serve_teacher
from predicting import INT8, TEXTS, predict, read_csv, read_lines, refuse

from distil.cascade.asking import load_teacher
from distil.classifiers.opening import open_onnx
from distil.core.errors import DistilError
from distil.core.tables import ANNOTATIONS
from distil.core.tables import write_rows as write_table
from distil.predict.parts import PART_ROWS
from distil.prompting.examples import NearestExamples

ROWS = [f"{TEXTS[number % 4]} {number}" for number in range(40)]


def write_rows(path: str, texts: list[str]) -> None:
    if path.endswith(".csv"):
        Path(path).write_text("n,text\n" + "".join(f"{number},{text}\n" for number, text in enumerate(texts)))
    else:
        lines = ({"n": number, "text": text} for number, text in enumerate(texts))
        Path(path).write_text("".join(json.dumps(line) + "\n" for line in lines))


def measure(model: Path, texts: list[str]) -> list[float]:
    return [float(sure) for sure in open_onnx(model, INT8, device="cpu").predict_with_sureness(texts)[1]]


@pytest.fixture
def median(model: Path) -> str:
    return f"{sorted(measure(model, ROWS))[len(ROWS) // 2]:.6f}"


@pytest.fixture
def teacher() -> Iterator[LoopbackTeacher]:
    with serve_teacher(lambda body, _number: "negative" if "bad" in prompt_of(body) else "positive") as server:
        yield server


@pytest.fixture
def study(here: Path, teacher: LoopbackTeacher, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A study of the model's labels in the working folder, whose teacher is on loopback."""
    monkeypatch.setenv("DISTIL_STORE", str(here / "answers.sqlite"))
    sections: dict[str, Any] = yaml.safe_load((ROOT / "presets/reviews.yaml").read_text())
    sections["annotate"] = {"prompt": "ask.md", "method": "generate", "protocol": "chat", "model": "toy"}
    sections["annotate"] |= {"max_tokens": 9, "examples": {"file": "no.csv", "nearest": 0}}
    sections["runtime"] = {"base_url": teacher.url, "max_retries": 0, "retry_wait_s": 0.001}
    Path("params.yaml").write_text(yaml.safe_dump(sections))
    Path("ask.md").write_text("Is it {labels}?\nText: {text}\n")
    shutil.copy(ROOT / "dvc.yaml", "dvc.yaml")
    return sections


def test_a_file_takes_what_the_student_is_not_sure_of(model: Path, median: str) -> None:
    write_rows("in.csv", ROWS)
    said = predict(model, "in.csv", "out.csv", "--unsure-below", median)
    unsure = [number for number, sure in enumerate(measure(model, ROWS)) if sure < float(median)]
    assert 10 < len(unsure) < 30
    assert f"out.csv: {40 - len(unsure)} rows; {len(unsure)} unsure" in said
    left, kept = read_lines("out.csv.unsure.jsonl"), read_csv("out.csv")
    assert [row["n"] for row in left] == [str(number) for number in unsure]
    assert left[0]["place"] == f"line {unsure[0] + 2}"
    assert left[0]["label"] in ("negative", "positive") and left[0]["sureness"] < float(median)
    assert sorted([*(row["n"] for row in left), *(row["n"] for row in kept)], key=int) == list(map(str, range(40)))
    assert all(float(row["sureness"]) >= float(median) - 1e-6 for row in kept)
    assert "written before" in predict(model, "in.csv", "out.csv", "--unsure-below", median)
    assert "was written with other options" in refuse(model, "in.csv", "out.csv")
    predict(model, "in.csv", "out.csv", "--overwrite")
    assert not Path("out.csv.unsure.jsonl").exists()


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet"])
def test_the_teacher_answers_for_what_the_student_is_not_sure_of(
    model: Path, median: str, study: dict[str, Any], teacher: LoopbackTeacher, name: str
) -> None:
    write_rows("in.csv", [*ROWS, ROWS[0]])
    plain = f"plain{Path(name).suffix}"
    predict(model, "in.csv", plain, "--unsure-below", "0")
    said = predict(model, "in.csv", name, "--unsure-below", median, "--unsure-to", "teacher")
    unsure = {text for text, sure in zip(ROWS, measure(model, ROWS), strict=True) if sure < float(median)}
    assert {prompt_of(body).rsplit("Text: ", 1)[1].strip() for body in teacher.bodies} == unsure
    assert len(teacher.bodies) == len(unsure), "a text is asked about once"
    assert "of them labelled by the teacher" in said
    rows, alone = read_any(name), read_any(plain)
    assert [row["text"] for row in rows] == [row["text"] for row in alone]
    for row, other in zip(rows, alone, strict=True):
        if row["text"] in unsure:
            label = "negative" if "bad" in row["text"] else "positive"
            assert (row["label"], row["answered_by"]) == (label, "teacher")
            assert not row["probability"]
        else:
            assert (row["label"], row["answered_by"]) == (other["label"], "student")
            assert row["probability"] == other["probability"]
    assert "written before" in predict(model, "in.csv", name, "--unsure-below", median, "--unsure-to", "teacher")
    Path("ask.md").write_text("Which of {labels}?\nText: {text}\n")
    faults = refuse(model, "in.csv", name, "--unsure-below", median, "--unsure-to", "teacher")
    assert "was written with another teacher, prompt or way to its label" in faults


def read_any(name: str) -> list[dict[str, Any]]:
    if name.endswith(".csv"):
        return read_csv(name)
    if name.endswith(".jsonl"):
        return read_lines(name)
    rows: list[dict[str, Any]] = pq.read_table(name).to_pylist()
    return rows


def test_rows_wait_for_a_teacher_that_is_away(
    model: Path, median: str, study: dict[str, Any], teacher: LoopbackTeacher
) -> None:
    write_rows("in.csv", ROWS)
    arguments = ("--unsure-below", median, "--unsure-to", "teacher")
    predict(model, "in.csv", "whole.csv", *arguments)
    asked = len(teacher.bodies)
    Path("answers.sqlite").unlink()
    answering, teacher.bodies[:] = teacher.behave, []
    teacher.behave = lambda body, number: answering(body, number) if number < 5 else None
    with pytest.raises(DistilError, match=rf"; {asked} texts wait for the teacher: the same command goes on with them"):
        predict(model, "in.csv", "out.csv", *arguments)
    assert not Path("out.csv").exists()
    assert Path("out.csv.parts/00000000.counts").exists()
    came = len(teacher.bodies)
    teacher.behave, teacher.bodies[:] = answering, []
    predict(model, "in.csv", "out.csv", *arguments)
    assert len(teacher.bodies) == asked - 5 < asked, f"{came} were asked before, and 5 answered"
    assert Path("out.csv").read_bytes() == Path("whole.csv").read_bytes()
    assert not Path("out.csv.parts").exists()


PASSED_ON = ("--unsure-below", "1", "--unsure-to", "teacher")


@pytest.fixture
def paid(study: dict[str, Any]) -> dict[str, Any]:
    """The study with a teacher that takes $0.012 for a text."""
    study["cost"]["teacher_usd_per_million_tokens"] = {"input": 1000.0, "output": 1000.0}
    study["runtime"]["budget_usd"] = 0.3
    Path("params.yaml").write_text(yaml.safe_dump(study))
    Path("in").mkdir()
    return study


def test_a_budget_holds_for_all_files_and_all_runs(model: Path, paid: dict[str, Any], teacher: LoopbackTeacher) -> None:
    write_rows("in/0.csv", ROWS[:10])
    write_rows("in/1.csv", ROWS[10:15])
    write_rows("in/2.csv", ROWS[15:])
    for _again in range(3):
        with pytest.raises(
            DistilError, match=r"budget_usd = 0\.3 would be passed: the answers so far have cost \$0\.2"
        ):
            predict(model, "in", "out", *PASSED_ON)
    assert Path("out/1.csv").exists() and not Path("out/2.csv").exists()
    assert len(teacher.bodies) * 0.012 <= 0.3, "the budget holds for all files together, also for those of before"


def test_an_answer_is_charged_once(model: Path, paid: dict[str, Any], teacher: LoopbackTeacher) -> None:
    for number in range(4):
        write_rows(f"in/{number}.csv", [*ROWS[:10], ROWS[10 + number]])
    predict(model, "in", "out", *PASSED_ON)
    assert len(teacher.bodies) == 14
    usd = [json.loads(Path(f"out/{n}.csv.manifest.json").read_text())["teacher_usd"] for n in range(4)]
    assert usd == pytest.approx([usd[1] * 11, usd[1], usd[1], usd[1]])


def test_what_failed_on_the_way_is_asked_again(model: Path, study: dict[str, Any], teacher: LoopbackTeacher) -> None:
    study["annotate"]["max_failed_share"] = 0.5
    Path("params.yaml").write_text(yaml.safe_dump(study))
    write_rows("in.csv", ROWS)
    answering = teacher.behave
    teacher.behave = lambda body, number: answering(body, number) if number % 8 else None
    teacher.delays = dict.fromkeys(range(0, len(ROWS), 8), 0.3)  # who has answered nothing yet is taken for away
    with pytest.raises(DistilError, match=r"failed on the way.* texts wait for the teacher"):
        predict(model, "in.csv", "out.csv", *PASSED_ON)
    teacher.behave = answering
    predict(model, "in.csv", "out.csv", *PASSED_ON)
    assert {row["answered_by"] for row in read_csv("out.csv")} == {"teacher"}


def test_long_cells_come_through(model: Path, study: dict[str, Any]) -> None:
    pq.write_table(pa.table({"text": ["it is fine", "bad"], "more": ["x" * 140_000, "y"]}), "in.parquet")
    predict(model, "in.parquet", "out.csv", *PASSED_ON)
    csv.field_size_limit(200_000)
    assert [len(row["more"]) for row in read_csv("out.csv")] == [140_000, 1]


@pytest.mark.parametrize(
    ("section", "change", "fault"),
    [
        ("annotate", {"prompt": "none.md"}, "the prompt none.md is missing"),
        ("runtime", {"budget_usd": 1.0}, "budget_usd = 1 cannot be kept to"),
        ("annotate", {"max_tokens": "many"}, "annotate.max_tokens"),
        ("annotate", {"method": "score"}, "annotations.parquet"),
        ("annotate", {"protocol": "recorded"}, "annotate.protocol is recorded"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_a_row_is_labelled(
    model: Path, study: dict[str, Any], section: str, change: dict[str, Any], fault: str
) -> None:
    Path("rec.csv").write_text("text,v\ngood thing,positive\n")
    told = f"rec.csv#sha256={hashlib.sha256(Path('rec.csv').read_bytes()).hexdigest()}"
    recording = {"files": [told], "text": "text", "votes": [{"label": "v"}], "tokenizer": None}
    study[section] |= change | ({"recording": recording} if "protocol" in change else {})
    Path("params.yaml").write_text(yaml.safe_dump(study))
    write_rows("in.csv", ROWS)
    assert fault in refuse(model, "in.csv", "out.csv", *PASSED_ON)
    assert not Path("out.csv.parts").exists()


def test_where_the_teacher_abstains_the_student_s_answer_stays(
    model: Path, study: dict[str, Any], teacher: LoopbackTeacher
) -> None:
    write_rows("in.csv", ROWS[:6])
    teacher.behave = lambda _body, _number: "who knows"
    predict(model, "in.csv", "out.csv", "--unsure-below", "1", "--unsure-to", "teacher")
    predict(model, "in.csv", "plain.csv")
    rows, plain = read_csv("out.csv"), read_csv("plain.csv")
    assert [(row["label"], row["answered_by"]) for row in rows] == [(row["label"], "student") for row in plain]


def test_parts_are_answered_one_by_one(model: Path, study: dict[str, Any], teacher: LoopbackTeacher) -> None:
    texts = ["it is fine"] * PART_ROWS + ["awful it is"] * 3
    write_rows("in.jsonl", texts)
    predict(model, "in.jsonl", "out.jsonl", "--unsure-below", "1", "--unsure-to", "teacher")
    rows = read_lines("out.jsonl")
    assert len(rows) == len(texts) and {row["answered_by"] for row in rows} == {"teacher"}
    assert len(teacher.bodies) == 2


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("--unsure-below", "auto"), "has no certified threshold; set cascade in params.yaml"),
        (("--unsure-below", "1.5"), "--unsure-below 1.5 is neither auto nor a number from 0 to 1"),
        (("--unsure-below", "nan"), "is neither auto nor a number"),
        (("--unsure-to", "file"), "--unsure-to file needs --unsure-below"),
        (("--unsure-below", "0.5", "--unsure-to", "me"), "--unsure-to me is neither file nor teacher"),
        (("--unsure-below", "0.5", "--unsure-to", "teacher"), "dvc.yaml"),
    ],
)
def test_what_cannot_be_is_one_line(model: Path, arguments: tuple[str, ...], fault: str) -> None:
    write_rows("in.csv", ROWS)
    assert fault in refuse(model, "in.csv", "out.csv", *arguments)


def test_auto_takes_the_certified_threshold_of_the_file_that_it_is_of(model: Path, here: Path, median: str) -> None:
    own = Path(shutil.copytree(model, here / "own"))
    config = json.loads((own / "config.json").read_text())
    config["selective"] = {"temperature": 1.0, "threshold": float(median), "file": INT8}
    (own / "config.json").write_text(json.dumps(config))
    write_rows("in.csv", ROWS)
    predict(own, "in.csv", "out.csv", "--unsure-below", "auto")
    predict(model, "in.csv", "same.csv", "--unsure-below", median)
    assert Path("out.csv").read_bytes() == Path("same.csv").read_bytes()
    fault = refuse(own, "in.csv", "other.csv", "--unsure-below", "auto", "--file", "onnx/model.onnx")
    assert "is certified for onnx/model_quantized.onnx, not for onnx/model.onnx" in fault


def test_a_scored_label_does_not_depend_on_the_texts_beside_it(study: dict[str, Any]) -> None:
    def make(texts: dict[str, list[float]]) -> pd.DataFrame:
        told = [
            {"id": key, "teacher": "toy", "status": "ok", "label_logprobs": scores} for key, scores in texts.items()
        ]
        rows = [{"vote": 1, "request": "r", "label": "positive"} | row for row in told]
        return pa.Table.from_pylist(rows, ANNOTATIONS).to_pandas()

    study["annotate"]["method"] = "score"
    Path("params.yaml").write_text(yaml.safe_dump(study))
    write_table(Path("annotations.parquet"), ANNOTATIONS, make({"a": [-1.0, -3.0], "b": [-1.0, -1.0]}))
    teacher = load_teacher(Path("assets.txt"), Path("annotations.parquet"))
    low = {f"{number}": [-1.0, -9.0] for number in range(50)}
    assert teacher.decide(make({"x": [-1.0, -1.5]})) == {"x": "positive"}
    assert teacher.decide(make({"x": [-1.0, -2.5]} | low))["x"] == "negative"
    write_table(Path("annotations.parquet"), ANNOTATIONS, make({"a": [-1.0, -3.0]}))
    assert load_teacher(Path("assets.txt"), Path("annotations.parquet")).sha256 != teacher.sha256


def test_a_teacher_shown_other_examples_is_another_teacher(study: dict[str, Any]) -> None:
    hashes = set()
    for label in ("positive", "negative"):
        Path("no.csv").write_text(f"text,label\nit is so,{label}\nbad,negative\n")
        teacher = load_teacher(Path("assets.txt"), Path("annotations.parquet"))
        assert teacher.params.examples is not None
        form = teacher.plans[0].form
        shown = NearestExamples(teacher.params.examples, teacher.task.labels, form, Path("assets.txt"), "cpu")
        hashes.add(replace(teacher, nearest=shown).sha256)
    assert len(hashes) == 2
