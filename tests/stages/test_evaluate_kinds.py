"""Evaluate where a text has several labels or spans: real students, which have learnt nothing, and real baselines."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from conftest import Project
from tiny_export import SPAN_LABELS, export_tiny_several, export_tiny_tagger, record_default
from tiny_model import make_tiny_model

from distil.assets.references import sha256_of
from distil.core.errors import InputError
from distil.core.metrics import read_details, read_metrics
from distil.core.params import Kind
from distil.core.tables import ANNOTATIONS, LABELS, PREDICTIONS, TEST, TEXTS, TRAIN, read_rows, write_rows
from distil.kinds.multi_label.labelling.canonical.label import soften as soften_set
from distil.kinds.multi_label.labelling.canonical.label import write_label as write_set
from distil.kinds.token_classification.labelling.canonical.label import soften as soften_spans
from distil.kinds.token_classification.labelling.canonical.label import write_label as write_spans
from distil.linear.per_kind import load_baselines_of
from stages.evaluate import main

ROWS, TESTED = 48, 12
NAMES = [
    *("train.parquet", "test.parquet", "texts.parquet", "labels.parquet", "annotations.parquet", "assets.txt"),
    *("quality.json", "macro_f1.json", "confusion.csv", "scores.csv", "calibration.csv", "coverage.csv"),
    *("predictions.parquet", "baselines.safetensors", "audit.csv", "audit.json"),
]
BASELINES: dict[Kind, list[str]] = {
    "multi_label": ["most_frequent_set", "tfidf", "embeddings"],
    "token_classification": ["gazetteer", "crf", "embeddings"],
}
KINDS = list(BASELINES)
F1 = {"multi_label": "micro F1", "token_classification": "exact F1"}


def tell_set(number: int) -> tuple[str, str]:
    names = [name for place, name in enumerate("abc") if number >> place & 1]
    return f"text {number} has {' and '.join(names) or 'nothing'}", write_set(names)


def tell_spans(number: int) -> tuple[str, str]:
    name = ("Anna Berg", "Oslo", "")[number % 3]
    text = f"{number} \N{GRINNING FACE} saw {name}"
    spans = [(len(text) - len(name), len(text), SPAN_LABELS[number % 3])] if name else []
    return text, write_spans(spans)


def make_rows(kind: Kind, labels: tuple[str, ...]) -> pd.DataFrame:
    tell, soften = (tell_set, soften_set) if kind == "multi_label" else (tell_spans, soften_spans)
    told = [tell(number) for number in range(ROWS)]
    rows = pd.DataFrame(told, columns=["text", "label"])
    rows["id"] = [f"{number:016x}" for number in range(ROWS)]
    rows["soft"] = [soften(label, labels) for label in rows["label"]]
    return rows.assign(source="teacher", split=None)


def prepare(kind: Kind, project: Project, factory: pytest.TempPathFactory, gold: bool = True) -> list[Path]:
    """Write a study of which the teacher knows all labels but that of one test row."""
    labels = ("a", "b", "c") if kind == "multi_label" else SPAN_LABELS
    export = export_tiny_several if kind == "multi_label" else export_tiny_tagger
    rows = make_rows(kind, labels)
    base = make_tiny_model(factory.mktemp("base"), rows["text"].to_list())
    task: dict[str, Any] = {"kind": kind, "labels": list(labels)}
    task |= {"name": "toy", "description": "a toy", "language": "en"}
    evaluate = {"embeddings": f"{base}#sha256={sha256_of(base)}", "bootstrap_samples": 100}
    folder = project(task=task, evaluate=evaluate)
    rows["gold"] = rows["label"] if gold else None
    write_rows(folder / "texts.parquet", TEXTS, rows[TEXTS.names])
    write_rows(folder / "train.parquet", TRAIN, rows[TESTED:])
    write_rows(folder / "test.parquet", TEST, rows.loc[: TESTED - 1, TEST.names])
    decided = rows.assign(teacher_label=rows["label"].mask(rows.index == 1), votes=1, reason=None, abstained=None)
    write_rows(folder / "labels.parquet", LABELS, decided[LABELS.names])
    asked = rows.assign(teacher="toy", vote=1, request="hash", status="ok").reindex(columns=ANNOTATIONS.names)
    write_rows(folder / "annotations.parquet", ANNOTATIONS, asked.astype(object).where(asked.notna(), None))
    exported = export(factory)
    return [*exported, record_default(folder / "default.json"), *(folder / name for name in NAMES)]


@pytest.mark.parametrize("kind", KINDS)
def test_all_systems_of_a_kind_are_scored_on_the_same_rows(
    kind: Kind, project: Project, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    main(*prepare(kind, project, tmp_path_factory))
    quality = read_details(Path("quality.json"))
    assert list(quality["systems"]) == ["teacher", "student", "student_onnx", "student_int8", *BASELINES[kind]]
    assert quality["systems"]["teacher"]["exact_match"] == pytest.approx(1 - 1 / TESTED)
    assert quality["systems"]["student"]["micro_f1"] == quality["systems"]["student_onnx"]["micro_f1"]
    assert read_metrics(Path("quality.json"))["micro_f1"]["baseline"] > 0.8, "names and words are easily learnt"
    assert quality["warnings"], "the student has learnt nothing"
    assert f"12 test rows, {F1[kind]}: teacher 0." in capsys.readouterr().out
    predictions = read_rows(Path("predictions.parquet"), PREDICTIONS)
    assert len(predictions) == TESTED * len(quality["systems"])
    right = predictions.groupby("system")["right"].mean()
    assert right.to_dict() == pytest.approx(
        {name: one["exact_match"] for name, one in quality["systems"].items()}, abs=1e-5
    )
    kept = load_baselines_of(kind).load_baselines(Path("baselines.safetensors"), "cpu")
    assert list(kept) == BASELINES[kind][1:]
    assert pd.read_csv("scores.csv")["system"].tolist() == list(quality["systems"])
    assert list(pd.read_csv("calibration.csv")) == ["system", "confidence", "precision", "rows"]
    assert not pd.read_csv("confusion.csv", keep_default_na=False).isin([""]).any(axis=None)


@pytest.mark.parametrize("kind", KINDS)
def test_without_gold_and_twice_the_same_bytes(
    kind: Kind, project: Project, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    paths, contents = prepare(kind, project, tmp_path_factory, gold=False), []
    for _ in range(2):
        main(*paths)
        contents.append([Path(name).read_bytes() for name in NAMES[6:] if name != "audit.csv"])
    assert contents[0] == contents[1]
    assert list(read_metrics(Path("quality.json"))) == ["micro_f1_with_teacher", "details"]
    assert "no gold labels: the int8 student agrees with the teacher by a" in (said := capsys.readouterr().out)
    assert f" {F1[kind]} of 0." in said


@pytest.mark.parametrize(
    ("kind", "label"),
    [("multi_label", '["d"]'), ("multi_label", "a"), ("token_classification", '[{"start": 0, "end": 1}]')],
)
def test_a_label_that_is_not_the_task_s(
    kind: Kind, label: str, project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    paths = prepare(kind, project, tmp_path_factory)
    rows = read_rows(Path("test.parquet"), TEST)
    write_rows(Path("test.parquet"), TEST, rows.assign(gold=[label, *rows["gold"][1:]]))
    with pytest.raises(InputError, match=r"test.parquet has gold = .* in 1 rows, but task.labels is"):
        main(*paths)
