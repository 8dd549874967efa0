from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import Project
from tiny_export import export_tiny_student
from tiny_model import TEXTS, make_tiny_model
from toy_rows import LABELS, make_rows, make_texts

from distil.assets import sha256_of
from distil.baselines import load_baselines
from distil.errors import InputError
from distil.metrics import read_metrics
from distil.rows import ANNOTATIONS, PREDICTIONS, TEST, TRAIN, read_rows, write_rows
from distil.rows import LABELS as LABELS_SCHEMA
from stages.evaluate import main

ROWS = make_rows(make_texts())
TEST_ROWS = ROWS.iloc[-30::3]  # ids far from the first rows of labels and annotations, which hold every text
SYSTEMS = ["teacher", "teacher_first_vote", "student", "student_onnx", "student_int8", "tfidf", "embeddings"]
SETTINGS = {"bootstrap_samples": 100, "confidence": 0.95, "seed": 0}


def run_stage(
    project: Project,
    factory: pytest.TempPathFactory,
    teacher: pd.Series = ROWS["label"],
    votes: int = 2,
    gold: bool = True,
    test: pd.DataFrame = TEST_ROWS,
    teachers: tuple[str, ...] = ("toy",),
) -> dict[str, Any]:
    """Evaluate on toy rows in the working folder; each teacher's first vote is wrong on one test row."""
    student, onnx = export_tiny_student(factory)
    base = make_tiny_model(factory.mktemp("base"), [*TEXTS, *make_texts()])
    folder = project(evaluate=SETTINGS | {"embeddings": f"{base}#sha256={sha256_of(base)}"})
    write_rows(folder / "train.parquet", TRAIN, ROWS.drop(TEST_ROWS.index))
    write_rows(folder / "test.parquet", TEST, test.assign(gold=test["label"] if gold else None)[TEST.names])
    decided = ROWS.assign(teacher_label=teacher, votes=votes, reason=None, abstained=None)
    decided["soft"] = [None if missing else soft for soft, missing in zip(ROWS["soft"], teacher.isna(), strict=True)]
    write_rows(folder / "labels.parquet", LABELS_SCHEMA, decided[LABELS_SCHEMA.names])
    rows = pd.concat([list_annotations(votes, name) for name in teachers])
    write_rows(folder / "annotations.parquet", ANNOTATIONS, rows)
    names = ["train.parquet", "test.parquet", "labels.parquet", "annotations.parquet", "assets.txt", "quality.json"]
    names += ["confusion.csv", "predictions.parquet", "baselines.joblib"]
    main(student, onnx, *(folder / name for name in names))
    return read_metrics(folder / "quality.json")


def list_annotations(votes: int, teacher: str) -> pd.DataFrame:
    empty = dict.fromkeys(ANNOTATIONS.names)
    rows = pd.concat([ROWS[["id", "label"]].assign(vote=vote) for vote in range(1, votes + 1)])
    wrong = (rows["vote"] == 1) & (rows["id"] == TEST_ROWS["id"].iloc[0])
    rows.loc[wrong, "label"] = "negative" if TEST_ROWS["label"].iloc[0] == "positive" else "positive"
    filled = {"teacher": teacher, "request": "hash", "status": "ok"}
    return rows.assign(**{name: filled.get(name, value) for name, value in empty.items() if name not in rows})


def test_systems_are_scored_on_the_same_rows(
    project: Project, tmp_path_factory: pytest.TempPathFactory, capfd: pytest.CaptureFixture[str]
) -> None:
    export_tiny_student(tmp_path_factory)
    capfd.readouterr()
    quality = run_stage(project, tmp_path_factory)
    assert quality["rows"] == 10
    assert list(quality["systems"]) == SYSTEMS
    assert "teachers" not in quality
    accuracy = {name: scores["accuracy"] for name, scores in quality["systems"].items()}
    assert accuracy["teacher"] == accuracy["tfidf"] == 1  # by id; by position they would not be
    assert accuracy["teacher_first_vote"] == 0.9
    assert accuracy["student"] == accuracy["student_onnx"]
    out, err = capfd.readouterr()
    assert out.startswith("evaluate: 10 test rows, accuracy: teacher 1.000, student ")
    assert out.count("\n") == 1
    assert err == ""


def test_files(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    run_stage(project, tmp_path_factory)
    predictions = read_rows(Path("predictions.parquet"), PREDICTIONS)
    assert len(predictions) == len(SYSTEMS) * len(TEST_ROWS)
    assert set(predictions["system"]) == set(SYSTEMS)
    student = predictions[predictions["system"] == "student_int8"].set_index("id")
    assert student["label"].tolist() == [LABELS[np.argmax(shares)] for shares in student["probabilities"]]
    assert predictions[predictions["system"] == "teacher_first_vote"]["probabilities"].isna().all()
    confusion = pd.read_csv("confusion.csv")
    assert list(confusion) == ["actual", "predicted"]
    assert confusion.equals(confusion.sort_values(["actual", "predicted"], ignore_index=True))
    counted = confusion.value_counts().to_dict()
    expected = pd.DataFrame({"actual": TEST_ROWS.set_index("id")["label"], "predicted": student["label"]})
    assert counted == expected.value_counts().to_dict()
    kept = load_baselines(Path("baselines.joblib"))
    tfidf = predictions[predictions["system"] == "tfidf"].set_index("id")["probabilities"]
    np.testing.assert_allclose(kept["tfidf"].predict_proba(TEST_ROWS["text"].to_list()), np.stack(tfidf), atol=1e-6)


def test_same_input_same_bytes(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    contents = []
    for _ in range(2):
        run_stage(project, tmp_path_factory)
        contents.append([Path(name).read_bytes() for name in ("quality.json", "confusion.csv", "predictions.parquet")])
    assert contents[0] == contents[1]


def test_teacher_that_abstains_is_wrong(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    teacher = ROWS["label"].where(ROWS["id"] != TEST_ROWS["id"].iloc[3])
    quality = run_stage(project, tmp_path_factory, teacher, votes=1)
    assert quality["teacher_abstained"] == 1
    assert quality["systems"]["teacher"]["accuracy"] == 0.9
    assert quality["systems"]["teacher"]["precision"] == 1
    assert "teacher_first_vote" not in quality["systems"]
    predictions = read_rows(Path("predictions.parquet"), PREDICTIONS)
    assert predictions[predictions["system"] == "teacher"]["label"].isna().sum() == 1


def test_several_teachers_are_scored_alone_and_together(
    project: Project, tmp_path_factory: pytest.TempPathFactory, capfd: pytest.CaptureFixture[str]
) -> None:
    quality = run_stage(project, tmp_path_factory, votes=3, teachers=("one", "two"))
    assert list(quality["systems"]) == [name for name in SYSTEMS if name != "teacher_first_vote"]
    assert quality["teachers"]["accuracy"] == {"one": 1.0, "two": 1.0}, "the first vote is outvoted"
    assert "no two teachers err on the same row" in capfd.readouterr().out
    quality = run_stage(project, tmp_path_factory, votes=1, teachers=("one", "two"))
    assert quality["teachers"]["rows"] == 10
    assert quality["teachers"]["accuracy"] == {"one": 0.9, "two": 0.9}
    (pair,) = quality["teachers"]["pairs"]
    assert pair == {
        "teachers": ["one", "two"],
        "both_wrong": 1,
        "share": 0.1,
        "expected": 0.01,
        "ratio": 10.0,
        "same_label": 1,
    }
    assert "one and two are both wrong on 1 rows, 10.0 times" in capfd.readouterr().out


def test_without_gold(
    project: Project, tmp_path_factory: pytest.TempPathFactory, capfd: pytest.CaptureFixture[str]
) -> None:
    quality = run_stage(project, tmp_path_factory, gold=False, teachers=("one", "two"))
    assert "teachers" not in quality
    assert quality["reference"] == "teacher"
    assert "accuracy" not in Path("quality.json").read_text()
    assert quality["systems"]["tfidf"]["agreement"] == 1
    assert "agrees with the teacher on" in capfd.readouterr().out


def test_no_test_rows(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(InputError, match=r"test\.parquet has no rows.*split\.test_share"):
        run_stage(project, tmp_path_factory, test=TEST_ROWS.iloc[:0])


def test_model_of_another_task(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    task = {"name": "toy", "description": "?", "language": "en", "labels": ["positive", "negative"]}
    project(task=task)
    with pytest.raises(InputError, match=r"but task\.labels is"):
        run_stage(project, tmp_path_factory)
