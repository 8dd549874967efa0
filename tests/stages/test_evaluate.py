import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from conftest import ROOT, Project
from dvc.repo import Repo
from safetensors.numpy import load_file, save_file
from tiny_export import export_tiny_student, record_default
from tiny_model import TEXTS, make_tiny_model
from toy_results import write_toy_results
from toy_rows import LABELS, make_rows, make_texts
from written_reports import on_the_page, read_card, read_page, write_report_on

from distil.assets.references import sha256_of
from distil.audit.rows import HEADER
from distil.core.errors import InputError
from distil.core.metrics import read_details, read_metrics
from distil.core.tables import ANNOTATIONS, PREDICTIONS, TEST, TRAIN, read_rows, write_rows
from distil.core.tables import LABELS as LABELS_SCHEMA
from distil.core.tables import TEXTS as TEXTS_SCHEMA
from distil.export.onnx_files import FP32, INT8
from distil.kinds.classification.scoring import asking
from distil.linear.baselines import load_baselines
from distil.quality.asking import ask
from distil.quality.headline import pick_macro_f1, pick_score
from distil.quality.pooling import POOLED_WORSE
from stages.evaluate import main, note_unread

ROWS = make_rows(make_texts())
TEST_ROWS = ROWS.iloc[-30::3]  # ids far from the first rows of labels and annotations, which hold every text
SYSTEMS = [
    *("teacher", "teacher_first_vote", "student", "student_onnx", "student_int8"),
    *("majority", "tfidf", "embeddings", "few_shot"),
]
SETTINGS = {
    "bootstrap_samples": 100,
    "confidence": 0.95,
    "few_shot_per_label": 4,
    "calibration_bins": 15,
    "seed": 0,
}
ARGUMENTS = [
    *("train.parquet", "test.parquet", "texts.parquet", "labels.parquet", "annotations.parquet", "assets.txt"),
    *("quality.json", "macro_f1.json", "confusion.csv", "scores.csv", "calibration.csv"),
    *("predictions.parquet", "baselines.safetensors"),
]
AUDIT = ["audit.csv", "audit.json"]


def prepare(
    project: Project,
    factory: pytest.TempPathFactory,
    teacher: pd.Series = ROWS["label"],
    votes: int = 2,
    gold: bool = True,
    test: pd.DataFrame = TEST_ROWS,
    teachers: tuple[str, ...] = ("toy",),
) -> list[Path]:
    """Write toy rows to the working folder; each teacher's first vote is wrong on one test row."""
    base = make_tiny_model(factory.mktemp("base"), [*TEXTS, *make_texts()])
    folder = project(evaluate=SETTINGS | {"embeddings": f"{base}#sha256={sha256_of(base)}"})
    people = ROWS.assign(gold=ROWS["label"] if gold else None, split=None)
    write_rows(folder / "texts.parquet", TEXTS_SCHEMA, people[TEXTS_SCHEMA.names])
    write_rows(folder / "train.parquet", TRAIN, ROWS.drop(TEST_ROWS.index))
    write_rows(folder / "test.parquet", TEST, test.assign(gold=test["label"] if gold else None)[TEST.names])
    decided = ROWS.assign(teacher_label=teacher, votes=votes, reason=None, abstained=None)
    decided["soft"] = [None if missing else soft for soft, missing in zip(ROWS["soft"], teacher.isna(), strict=True)]
    write_rows(folder / "labels.parquet", LABELS_SCHEMA, decided[LABELS_SCHEMA.names])
    rows = pd.concat([list_annotations(votes, name) for name in teachers])
    write_rows(folder / "annotations.parquet", ANNOTATIONS, rows)
    export = record_default(folder / "default.json")
    return [*export_tiny_student(factory), export, *(folder / name for name in [*ARGUMENTS, *AUDIT])]


def run_stage(project: Project, factory: pytest.TempPathFactory, **changes: Any) -> dict[str, Any]:
    """Evaluate on what `prepare` writes."""
    main(*prepare(project, factory, **changes))
    quality = read_details(Path("quality.json"))
    assert read_metrics(Path("quality.json")) == pick_score(quality) | {"details": [quality]}
    assert read_metrics(Path("macro_f1.json")) == pick_macro_f1(quality)
    return quality


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


def test_predictions_and_baselines(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    quality = run_stage(project, tmp_path_factory)
    predictions = read_rows(Path("predictions.parquet"), PREDICTIONS)
    assert len(predictions) == len(SYSTEMS) * len(TEST_ROWS)
    assert set(predictions["system"]) == set(SYSTEMS)
    student = predictions[predictions["system"] == "student_int8"].set_index("id")
    assert student["label"].tolist() == [LABELS[np.argmax(shares)] for shares in student["probabilities"]]
    assert predictions[predictions["system"] == "teacher_first_vote"]["probabilities"].isna().all()
    right = predictions.groupby("system")["right"].mean()
    assert right.to_dict() == {name: scores["accuracy"] for name, scores in quality["systems"].items()}
    kept = load_baselines(Path("baselines.safetensors"), "cpu")
    assert list(kept) == ["tfidf", "embeddings"], "the others are not timed"
    tfidf = predictions[predictions["system"] == "tfidf"].set_index("id")["probabilities"]
    np.testing.assert_allclose(kept["tfidf"].predict_proba(TEST_ROWS["text"].to_list()), np.stack(tfidf), atol=1e-6)


def test_where_fp32_is_served_int8_is_not_looked_for(
    project: Project, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    student, exported, export, *paths = prepare(project, tmp_path_factory)
    without = Path(shutil.copytree(exported, tmp_path / "without"))
    (without / INT8).unlink()
    record_default(export, FP32)
    main(student, without, export, *paths)
    quality = read_details(Path("quality.json"))
    assert quality["served"] == "student_onnx"
    assert list(quality["systems"]) == [name for name in SYSTEMS if name != "student_int8"]
    assert set(read_metrics(Path("quality.json"))["accuracy"]) == {"student", "fp32", "baseline"}
    assert ", student_onnx " in capfd.readouterr().out


def test_a_default_file_that_is_none_of_export_s_is_refused(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    student, exported, export, *paths = prepare(project, tmp_path_factory)
    record_default(export, "onnx/model_q4.onnx")
    with pytest.raises(InputError, match=r"default\.json has default_file = 'onnx/model_q4\.onnx', not one of"):
        main(student, exported, export, *paths)


def test_what_is_plotted(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    quality = run_stage(project, tmp_path_factory)
    predictions = read_rows(Path("predictions.parquet"), PREDICTIONS)
    student = predictions[predictions["system"] == "student_int8"].set_index("id")
    confusion = pd.read_csv("confusion.csv")
    assert list(confusion) == ["actual", "predicted"]
    assert confusion.equals(confusion.sort_values(["actual", "predicted"], ignore_index=True))
    expected = pd.DataFrame({"actual": TEST_ROWS.set_index("id")["label"], "predicted": student["label"]})
    assert confusion.value_counts().to_dict() == expected.value_counts().to_dict()
    scores = pd.read_csv("scores.csv").set_index("system")
    assert scores.index.tolist() == SYSTEMS
    for name, found in quality["systems"].items():
        assert scores.loc[name].tolist() == pytest.approx([found[f"accuracy{end}"] for end in ("", "_low", "_high")])
    calibration = pd.read_csv("calibration.csv")
    assert list(calibration) == ["system", "confidence", "accuracy", "rows"]
    assert set(calibration["system"]) == {*SYSTEMS} - {"teacher_first_vote"}
    for name, rows in calibration.groupby("system"):
        found = quality["systems"][name]["calibration"]
        gaps = (rows["accuracy"] - rows["confidence"]).abs()
        assert rows["rows"].sum() == found["rows"]
        assert np.average(gaps, weights=rows["rows"]) == pytest.approx(found["ece"], abs=1e-5)


@pytest.mark.parametrize("gold", [True, False])
def test_dvc_shows_what_is_plotted(project: Project, tmp_path_factory: pytest.TempPathFactory, gold: bool) -> None:
    run_stage(project, tmp_path_factory, gold=gold)
    stage = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["evaluate"]
    plots = {path: settings for entry in stage["plots"] for path, settings in entry.items()}
    assert set(plots) == {f"metrics/{name}" for name in ARGUMENTS if name.endswith(".csv")}
    Path("metrics").mkdir()
    for path in plots:
        Path(Path(path).name).rename(path)
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": {"evaluate": {"cmd": "true", "plots": stage["plots"]}}}))
    shutil.copytree(ROOT / "plots", "plots")
    Repo.init(no_scm=True).close()
    command = [sys.executable, "-m", "dvc", "plots", "show", "--json"]
    shown = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert "errors" not in shown
    assert set(shown["data"]) == set(plots)
    for path, settings in plots.items():
        content = json.dumps(shown["data"][path][0]["content"])
        assert settings["title"] in content
        assert "<DVC_METRIC" not in content
        assert content.count('"rev": "workspace"') == len(pd.read_csv(path))


def test_groups_of_rows(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    abstained = TEST_ROWS["id"].iloc[:2]
    quality = run_stage(project, tmp_path_factory, teacher=ROWS["label"].where(~ROWS["id"].isin(abstained)))
    one, nothing = quality["by_agreement"]
    assert (one["from"], one["to"], one["rows"]) == (0.9, 0.9, 8)
    assert (nothing["from"], nothing["to"], nothing["rows"]) == (None, None, 2)
    assert (one["systems"]["teacher"], nothing["systems"]["teacher"]) == (1, 0)
    assert list(one["systems"]) == SYSTEMS
    words = TEST_ROWS["text"].str.split().str.len()
    assert [(group["from"], group["rows"]) for group in quality["by_words"]] == sorted(words.value_counts().items())


def test_corrected_rows_have_no_teacher_s_shares(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    paths = prepare(project, tmp_path_factory)
    decided = read_rows(Path("labels.parquet"), LABELS_SCHEMA)
    decided.loc[decided["id"] == TEST_ROWS["id"].iloc[0], "source"] = "human"
    write_rows(Path("labels.parquet"), LABELS_SCHEMA, decided)
    main(*paths)
    quality = read_details(Path("quality.json"))
    assert quality["systems"]["teacher"]["accuracy"] == 1
    assert quality["systems"]["teacher"]["calibration"]["rows"] == 9
    assert [group["rows"] for group in quality["by_agreement"]] == [9]
    assert any("corrected 1 of the scored rows" in note for note in quality["notes"])


def test_same_input_same_bytes(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    paths, contents = prepare(project, tmp_path_factory), []
    for _ in range(2):
        main(*paths)
        contents.append([Path(name).read_bytes() for name in ARGUMENTS[6:]])
    assert contents[0] == contents[1]


def test_teacher_that_abstains_is_wrong(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    teacher = ROWS["label"].where(ROWS["id"] != TEST_ROWS["id"].iloc[3])
    quality = run_stage(project, tmp_path_factory, teacher=teacher, votes=1)
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
    said = capfd.readouterr().out
    assert "teachers alone: one 1.000, two 1.000; pooled 1.000; no two teachers err on the same row" in said
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


def test_pooled_teachers_that_are_worse_than_one_alone_are_warned_of(
    project: Project, tmp_path_factory: pytest.TempPathFactory, capfd: pytest.CaptureFixture[str]
) -> None:
    pooled = ROWS["label"].mask(ROWS["id"].isin(TEST_ROWS["id"].iloc[:8]))
    quality = run_stage(project, tmp_path_factory, teacher=pooled, votes=3, teachers=("one", "two"))
    warning = next(one for one in quality["warnings"] if one["kind"] == POOLED_WORSE)
    assert warning["finding"] in capfd.readouterr().err
    assert warning["finding"].startswith(
        "Pooled, the teachers are right on 20.0% of 10 test texts, one alone on 100.0%"
    )
    assert warning["systems"][0]["p_value"] == pytest.approx(2 * 2 * 0.5**8), "the smaller of two"


def test_without_gold(
    project: Project, tmp_path_factory: pytest.TempPathFactory, capfd: pytest.CaptureFixture[str]
) -> None:
    quality = run_stage(project, tmp_path_factory, gold=False, teachers=("one", "two"))
    assert "teachers" not in quality
    assert quality["reference"] == "teacher"
    for path in ("quality.json", "scores.csv", "calibration.csv"):
        assert "accuracy" not in Path(path).read_text()
    assert list(pd.read_csv("calibration.csv")) == ["system", "confidence", "agreement", "rows"]
    assert list(quality["systems"]) == [name for name in SYSTEMS[2:] if name != "few_shot"]
    assert quality["systems"]["tfidf"]["agreement"] == 1
    assert "per_class" not in quality["systems"]["tfidf"]
    assert list(quality["systems"]["tfidf"]["per_class_with_teacher"]) == list(LABELS)
    assert any(note.startswith("few_shot is left out") for note in quality["notes"])
    right = read_rows(Path("predictions.parquet"), PREDICTIONS).set_index("system")["right"]
    assert right["teacher"].isna().all()
    assert right["tfidf"].all()
    assert "agrees with the teacher on" in capfd.readouterr().out


def test_a_student_that_is_worse_than_a_baseline_and_its_teacher_is_told_on_the_terminal(
    project: Project, tmp_path_factory: pytest.TempPathFactory, capfd: pytest.CaptureFixture[str]
) -> None:
    export_tiny_student(tmp_path_factory)
    capfd.readouterr()
    quality = run_stage(project, tmp_path_factory, test=ROWS.iloc[-60:])
    baseline, teacher = quality["warnings"]
    assert (baseline["kind"], teacher["kind"]) == ("worse_than_baseline", "worse_than_teacher")
    assert "tfidf" in [it["system"] for it in baseline["systems"]], "the student of these tests has learnt nothing"
    assert teacher["margin"] == 0.05
    out, err = capfd.readouterr()
    assert out.count("\n") == 1
    assert err == f"warning: {baseline['finding']}\nwarning: {teacher['finding']}\n"
    quality = run_stage(project, tmp_path_factory, gold=False, test=ROWS.iloc[-60:])
    assert [it["kind"] for it in quality["warnings"]] == ["worse_than_baseline"]


def test_few_shot_needs_rows_of_every_label_outside_test(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    paths = prepare(project, tmp_path_factory)
    people = read_rows(Path("texts.parquet"), TEXTS_SCHEMA)
    bad_outside = (people["gold"] == "negative") & ~people["id"].isin(TEST_ROWS["id"])
    write_rows(Path("texts.parquet"), TEXTS_SCHEMA, people.assign(gold=people["gold"].mask(bad_outside)))
    main(*paths)
    quality = read_details(Path("quality.json"))
    assert list(quality["systems"]) == SYSTEMS[:-1]
    assert "few_shot is left out: outside test people labelled no row as negative." in quality["notes"]


def test_test_texts_that_the_student_does_not_read_to_their_end_are_told(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    student, _ = export_tiny_student(tmp_path_factory)
    assert note_unread(student, ["a good product"]) == []
    (note,) = note_unread(student, ["good " * 126, "good"])
    told = "The student reads 64 tokens of a text: 1 of 2 test texts are longer, and 48.85% of all their tokens are not"
    assert note == f"{told} read."


@pytest.mark.parametrize("test", [ROWS.iloc[:5], ROWS[ROWS["label"] == "positive"].iloc[-10:], ROWS.iloc[:1]])
def test_few_rows_or_one_label_are_scored_with_a_note_and_no_warning_but_the_stage_s_own(
    project: Project,
    tmp_path_factory: pytest.TempPathFactory,
    test: pd.DataFrame,
    capfd: pytest.CaptureFixture[str],
    recwarn: pytest.WarningsRecorder,
) -> None:
    export_tiny_student(tmp_path_factory)
    capfd.readouterr()
    recwarn.clear()
    quality = run_stage(project, tmp_path_factory, test=test)
    assert not recwarn.list
    assert capfd.readouterr().err == "".join(f"warning: {it['finding']}\n" for it in quality["warnings"])
    assert any(note.startswith(f"Few rows are scored ({len(test)})") for note in quality["notes"])
    one_label = test["label"].nunique() == 1
    assert any(note.startswith("Every scored row has the label") for note in quality["notes"]) == one_label
    for scores in quality["systems"].values():
        assert scores["accuracy_high"] - scores["accuracy_low"] > 0.25, "all right is not [1, 1]"
        assert 0 <= scores["accuracy_low"] <= scores["accuracy"] <= scores["accuracy_high"] <= 1


def test_a_model_that_answers_nan(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    student, *paths = prepare(project, tmp_path_factory)
    broken = Path(shutil.copytree(student, "broken"))
    weights = load_file(broken / "model.safetensors")
    weights["classifier.weight"][0, 0] = np.nan
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"^student answers NaN to 10 of 10 test texts; .*train\.learning_rate"):
        main(broken, *paths)


def test_nan_of_an_exported_file_alone_is_not_blamed_on_training() -> None:
    broken = SimpleNamespace(labels=list(LABELS), predict_proba=lambda texts: np.full((len(texts), 2), np.nan))
    with pytest.raises(InputError, match=r"^student_int8 answers NaN to 1 of 1 .* 'dvc repro -s -f export'"):
        ask("student_int8", broken, ["a text"], LABELS, asking)


@pytest.mark.parametrize(
    ("name", "schema", "column"),
    [
        ("test.parquet", TEST, "gold"),
        ("texts.parquet", TEXTS_SCHEMA, "gold"),
        ("train.parquet", TRAIN, "label"),
        ("labels.parquet", LABELS_SCHEMA, "teacher_label"),
        ("annotations.parquet", ANNOTATIONS, "label"),
    ],
)
def test_a_label_that_is_not_the_task_s(
    project: Project, tmp_path_factory: pytest.TempPathFactory, name: str, schema: pa.Schema, column: str
) -> None:
    paths = prepare(project, tmp_path_factory)
    rows = read_rows(Path(name), schema)
    rows.loc[[0, 1], column] = "neutral"
    write_rows(Path(name), schema, rows)
    with pytest.raises(InputError, match=rf"{name} has {column} = 'neutral' in 2 rows, but task\.labels is"):
        main(*paths)


@pytest.mark.parametrize("name", ARGUMENTS[:5])
def test_a_missing_table(project: Project, tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    paths = prepare(project, tmp_path_factory)
    Path(name).unlink()
    with pytest.raises(InputError, match=rf"{name} is missing; 'dvc repro' writes it"):
        main(*paths)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_missing_model(project: Project, tmp_path_factory: pytest.TempPathFactory, place: int) -> None:
    paths = prepare(project, tmp_path_factory)
    paths[place] = Path("nowhere")
    with pytest.raises(InputError, match="nowhere"):
        main(*paths)


@pytest.mark.parametrize("gold", [True, False])
def test_the_report_reads_what_evaluate_writes(
    project: Project, tmp_path_factory: pytest.TempPathFactory, gold: bool
) -> None:
    quality = run_stage(project, tmp_path_factory, gold=gold)
    arguments = write_toy_results(Path.cwd(), gold=gold)
    for argument in arguments:
        if (written := Path(argument.name)).is_file():
            written.replace(argument)
    assert read_details(Path("metrics/quality.json")) == quality
    write_report_on(arguments, on_the_page)
    score = "Accuracy" if gold else "Agreement"
    assert Path("reports/summary.md").read_text().startswith(f"| System | {score} |")
    assert "(expected calibration error" in read_card(Path())
    assert any("alibration" in value for name, value in read_page(Path()).attributes if name == "aria-label")


def test_no_test_rows(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(InputError, match=r"test\.parquet has no rows.*split\.test_share"):
        run_stage(project, tmp_path_factory, test=TEST_ROWS.iloc[:0])


def test_model_of_another_task(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    task = {"name": "toy", "description": "?", "language": "en", "labels": ["positive", "negative"]}
    project(task=task)
    with pytest.raises(InputError, match=r"but task\.labels is"):
        run_stage(project, tmp_path_factory)


def test_an_audit_tells_of_teacher_and_student(
    project: Project, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = prepare(project, tmp_path_factory, gold=False)
    main(*paths)
    assert read_metrics(Path("audit.json"))["audited"] == 0
    before = Path("quality.json").read_bytes()
    lines = [
        f"{row.id},{row.id}{'0' * 48},{row.label},ann,2026-01-01,,labelled,s,{len(ROWS)},0.1\n"
        for row in ROWS.iloc[:20].itertuples()
    ]
    Path("audit.csv").write_text(f"{HEADER}\n{''.join(lines)}")
    main(*paths)
    found, details = read_metrics(Path("audit.json")), read_details(Path("audit.json"))
    assert (found["audited"], found["teacher"]["accuracy"], found["teacher"]["high"]) == (20, 1, 1)
    assert 0.8 < found["teacher"]["low"] < 0.95
    assert found["student"]["low"] < found["student"]["accuracy"] < found["student"]["high"]
    assert details["second_opinion"]["rows"] == len(TEST_ROWS)
    assert Path("quality.json").read_bytes() == before, "the scores on test rows are another thing"
    assert "20 rows that people read blind, accuracy of all texts: teacher 1.000 [" in capsys.readouterr().out
