"""The stage on tiny students: what it compares, what it leaves out of the folder, and which file is the one to use."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import Project
from safetensors.numpy import load_file, save_file
from tiny_export import LABELS, OPSET, export_tiny_several, export_tiny_student, export_tiny_tagger
from tiny_model import make_hard_to_round, make_tiny_student
from toy_rows import make_rows, make_texts

from distil.classifiers.onnx_classifier import OnnxClassifier
from distil.classifiers.opening import open_onnx
from distil.core.errors import InputError
from distil.core.metrics import read_details, read_metrics, write_metrics
from distil.core.served import read_served
from distil.core.tables import CALIBRATION, TRAIN, write_rows
from distil.encoders.opening import open_torch
from distil.export.onnx_files import FP32, INT8, WEIGHTS
from distil.selective.unlike import read_unlike
from stages.export import COMPARED_TEXTS, ask, check_difference, draw_more, main, measure_difference

SETTINGS: dict[str, Any] = {
    "int8_target": "portable",
    "fp16": False,
    "opset": OPSET,
    "max_logit_difference": 1e-4,
    "min_label_agreement": 0.97,
}
ROWS = make_rows(make_texts())
VALIDATION, LESSONS = ROWS.iloc[:20], ROWS.iloc[20:]


def run_stage(project: Project, student: Path, rows: int = 20, lessons: int = 60, **changes: object) -> Path:
    folder = project(export=SETTINGS | changes)
    write_rows(folder / "validation.parquet", TRAIN, VALIDATION.iloc[:rows])
    write_rows(folder / "train.parquet", TRAIN, LESSONS.iloc[:lessons])
    run_main(folder, student)
    return folder


def run_main(folder: Path, student: Path, calibration: pd.DataFrame | None = None) -> None:
    rows = pd.DataFrame(columns=CALIBRATION.names) if calibration is None else calibration
    write_rows(folder / "calibration.parquet", CALIBRATION, rows)
    names = ("validation.parquet", "train.parquet", "calibration.parquet", "annotate.json", "onnx", "export.json")
    main(student, *(folder / name for name in names))


def test_stage(project: Project, tmp_path_factory: pytest.TempPathFactory, capfd: pytest.CaptureFixture[str]) -> None:
    student, exported = export_tiny_student(tmp_path_factory)
    capfd.readouterr()
    folder = run_stage(project, student, fp16=True, min_label_agreement=0.5)
    metrics = read_details(folder / "export.json")
    shown = {"int8": {"agreement_with_fp32": metrics["int8"]["agreement_with_fp32"]}}
    assert read_metrics(folder / "export.json") == shown | {"details": [metrics]}
    assert (metrics["opset"], metrics["rows"], metrics["texts"]) == (OPSET, 20, 80)
    assert metrics["fp32"]["max_logit_difference"] < 1e-4
    assert metrics["fp32"]["agreement_with_torch"] == 1
    assert metrics["fp32"]["megabytes"] == pytest.approx((folder / "onnx" / FP32).stat().st_size / 1e6, rel=1e-4)
    assert metrics["torch"]["megabytes"] == pytest.approx((folder / "onnx" / WEIGHTS).stat().st_size / 1e6, rel=1e-4)
    assert (metrics["int8"]["target"], metrics["int8"]["fp32_layers"]) == ("portable", ["head"])
    assert 0 < metrics["int8"]["max_logit_difference"] < 0.5
    assert 0 < metrics["fp16"]["max_logit_difference"] < 0.01
    for name in ("int8", "fp16"):
        found = metrics[name]
        assert 0.5 <= found["agreement_low"] < found["agreement_with_fp32"] <= found["agreement_high"] <= 1
    int8, fp32 = (OnnxClassifier(folder / "onnx", file, device="cpu").predict(ROWS["text"]) for file in (INT8, FP32))
    assert metrics["int8"]["teacher_agreement"] == pytest.approx(np.mean(VALIDATION["label"] == int8[:20]), abs=0.051)
    assert metrics["int8"]["agreement_with_fp32"] == pytest.approx(np.mean(np.equal(int8, fp32)), abs=0.026)
    assert metrics["default_file"] == INT8
    assert metrics["default_why"].startswith("int8 gives fp32's label on ")
    assert metrics["left_out"] == {}
    assert (folder / "onnx" / FP32).read_bytes() == (exported / FP32).read_bytes(), "the same student, the same bytes"
    out, err = capfd.readouterr()
    assert out.startswith("export: fp32 within ")
    assert "20 validation rows and 7 probes, int8 gives fp32's label on " in out and "of 80 texts -> " in out
    assert out.count("\n") == 1
    assert err == ""


def test_where_half_of_the_layers_is_not_enough_fp32_is_the_file_to_use(
    project: Project, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    student = make_tiny_student(tmp_path / "student", LABELS)
    make_hard_to_round(student, "layer.0.", "layer.1.", "pooler")
    multiply(student, "layer.1.output.dense.weight", 1e5)  # gives more than fp16 holds
    folder = run_stage(project, student, fp16=True)
    metrics = read_details(folder / "export.json")
    assert (metrics["default_file"], {"int8", "fp16"} & set(metrics)) == (FP32, set())
    left_out = metrics["left_out"]["int8"]
    assert len(left_out["fp32_layers"]) == 2
    assert left_out["agreement_high"] < 0.97
    assert left_out["why"] == metrics["default_why"]
    assert read_metrics(folder / "export.json")["int8"]["agreement_with_fp32"] == left_out["agreement_with_fp32"]
    assert metrics["left_out"]["fp16"]["why"] == "fp16 answers what is no number, where fp32 does not"
    assert [path.name for path in (folder / "onnx/onnx").iterdir()] == ["model.onnx"], "nobody takes it by accident"
    assert read_served(folder / "export.json") == "student_onnx"
    int8, fp16 = capfd.readouterr().err.splitlines()
    assert int8.startswith("warning: int8 gives fp32's label on ") and "export.min_label_agreement = 0.97" in int8
    assert "onnx/model_quantized.onnx is left out; onnx/model.onnx is the file to use" in int8
    assert fp16.endswith("onnx/model_fp16.onnx is left out. Write export.fp16: false, or train the student anew")


@pytest.mark.parametrize(
    ("make", "told"),
    [(export_tiny_several, "fp32's labels with an F1 of "), (export_tiny_tagger, "fp32's spans with an F1 of ")],
)
def test_students_of_other_kinds_are_judged_by_what_they_name(
    project: Project, tmp_path_factory: pytest.TempPathFactory, make: Any, told: str
) -> None:
    student, exported = make(tmp_path_factory)
    model = open_torch(student, "cpu")
    labels = ask(model, VALIDATION["text"].to_list()).labels
    folder = project(export=SETTINGS | {"min_label_agreement": 0.0})
    taught = VALIDATION.assign(label=[*["[]"] * 5, *labels[5:]])
    write_rows(folder / "validation.parquet", TRAIN, taught)
    write_rows(folder / "train.parquet", TRAIN, LESSONS)
    run_main(folder, student)
    metrics = read_details(folder / "export.json")
    assert "[]" not in labels[:5]
    assert metrics["torch"]["teacher_agreement"] == metrics["fp32"]["teacher_agreement"] == 15 / 20
    assert metrics["fp32"]["agreement_with_torch"] == 1
    assert metrics["fp32"]["max_logit_difference"] < 1e-4
    assert told in metrics["default_why"]
    fp32, int8 = (ask(open_onnx(folder / "onnx", file, device="cpu"), ROWS["text"].to_list()) for file in (FP32, INT8))
    pairs = zip(*(map(json.loads, answers.labels) for answers in (fp32, int8)), strict=True)
    named = [({json.dumps(one) for one in known}, {json.dumps(one) for one in said}) for known, said in pairs]
    same, every = np.sum([(2 * len(one & other), len(one) + len(other)) for one, other in named], axis=0)
    assert metrics["int8"]["agreement_with_fp32"] == pytest.approx(same / every, abs=0.03)
    assert (folder / "onnx" / FP32).read_bytes() == (exported / FP32).read_bytes(), "the same student, the same bytes"


def multiply(student: Path, part: str, factor: float) -> None:
    weights = load_file(student / "model.safetensors")
    for name in weights:
        if part in name:
            weights[name] *= factor
    save_file(weights, student / "model.safetensors", metadata={"format": "pt"})


def test_training_texts_fill_up_to_the_number_that_is_compared() -> None:
    shuffled = LESSONS.sample(frac=1, random_state=0)
    assert draw_more(shuffled, 5) == draw_more(LESSONS, 5) == LESSONS["text"].to_list()[:5]
    assert draw_more(LESSONS, COMPARED_TEXTS) == LESSONS["text"].to_list()
    assert draw_more(LESSONS, -3) == []


def test_stage_that_fails_leaves_no_folder_that_looks_done(
    project: Project, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    student, _ = export_tiny_student(tmp_path_factory)
    with pytest.raises(InputError, match=r"by up to .*, more than export\.max_logit_difference = 1e-12"):
        run_stage(project, student, max_logit_difference=1e-12)
    assert sorted(path.name for path in tmp_path.iterdir() if "onnx" in path.name or "export" in path.name) == []


def test_large_logits_may_differ_by_more() -> None:
    torch = np.array([[-200.0, 0.5], [20.0, 0.0]], dtype=np.float32)
    for place, difference, expected in (((0, 0), 0.004, 2e-5), ((0, 1), 3e-5, 3e-5)):
        other = torch.copy()
        other[place] += difference
        assert measure_difference(other, torch) == pytest.approx(expected, rel=0.01)
    assert np.isnan(measure_difference(torch * np.nan, torch))


def test_fp32_that_strays_from_torch_is_refused() -> None:
    check_difference(1e-3, 1e-3)
    for difference in (2e-3, float("nan")):
        with pytest.raises(InputError, match=r"by up to (0\.002|nan), more than export\.max_logit_difference = 0\.001"):
            check_difference(difference, 1e-3)


def calibrate(student: Path, gold: bool = True) -> pd.DataFrame:
    """Rows on which the student is right as often as it is sure."""
    texts = [f"{text} {number}" for number in range(3) for text in ROWS["text"]]
    said = OnnxClassifier(student, FP32, device="cpu").predict(texts)
    others = {"negative": "positive", "positive": "negative"}
    labels = [label if number % 20 else others[label] for number, label in enumerate(said)]
    ids = [f"{number:016x}" for number in range(len(texts))]
    rows = {"id": ids, "text": texts, "gold": labels if gold else None, "teacher_label": labels}
    return pd.DataFrame(rows, columns=CALIBRATION.names)


def set_up_cascade(project: Project, **cascade: float) -> Path:
    folder = project(export=SETTINGS | {"min_label_agreement": 0.0}, cascade=cascade, cost={"hardware": "x"})
    write_rows(folder / "validation.parquet", TRAIN, VALIDATION)
    write_rows(folder / "train.parquet", TRAIN, LESSONS)
    return folder


def test_the_folder_holds_temperature_and_threshold_and_still_opens(
    project: Project, tmp_path_factory: pytest.TempPathFactory, capfd: pytest.CaptureFixture[str]
) -> None:
    student, exported = export_tiny_student(tmp_path_factory)
    folder = set_up_cascade(project, agreement=0.85)
    rows = calibrate(exported)
    run_main(folder, student, rows)
    record = read_details(folder / "export.json")["selective"]
    config = json.loads((folder / "onnx/config.json").read_text())
    assert config["selective"]["threshold"] == pytest.approx(record["threshold"], rel=1e-5)
    assert (record["file"], record["target"], record["risk"]) == (INT8, {"agreement": 0.85}, 0.05)
    assert (record["rows"], record["calibration_rows"]) == (20, 240)
    assert {**config, "selective": None} == {**json.loads((student / "config.json").read_text()), "selective": None}
    opened = open_onnx(folder / "onnx", INT8, device="cpu")
    assert opened.selective == (config["selective"]["temperature"], config["selective"]["threshold"], INT8)
    said, sureness = opened.predict_with_sureness(rows["text"].to_list())
    kept = np.asarray(sureness) >= config["selective"]["threshold"]
    assert record["kept"] == pytest.approx(kept.mean(), abs=1e-5)
    assert np.mean((np.array(said) == rows["teacher_label"]) | ~kept) > 0.85
    out, err = capfd.readouterr()
    assert "is certified for agreement 0.85 at a risk of 0.05 on 240 calibration rows, and keeps" in out
    assert err == ""
    assert open_torch(folder / "onnx", "cpu").labels == opened.labels


def test_what_training_texts_are_like_is_kept_on_request(
    project: Project, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    student, _ = export_tiny_student(tmp_path_factory)
    folder = run_stage(project, student, unlike=True, min_label_agreement=0.5)
    kept = (folder / "onnx/unlike.npz").read_bytes()
    found = read_unlike(folder / "onnx", INT8)
    opened = open_onnx(folder / "onnx", INT8, device="cpu", reads=found.reads)
    distances = found.measure(opened.read(VALIDATION["text"].to_list()))
    np.testing.assert_allclose(np.sort(distances), found.known, rtol=1e-5)
    run_main(folder, student)
    assert (folder / "onnx/unlike.npz").read_bytes() == kept, "the same texts, the same bytes"
    run_stage(project, student, min_label_agreement=0.5)
    assert not (folder / "onnx/unlike.npz").exists()


def test_where_nothing_is_certified_it_is_told_with_the_rows_that_would_do(
    project: Project, tmp_path_factory: pytest.TempPathFactory, capfd: pytest.CaptureFixture[str]
) -> None:
    student, exported = export_tiny_student(tmp_path_factory)
    folder = set_up_cascade(project, agreement=0.99)
    run_main(folder, student, calibrate(exported))
    record = read_details(folder / "export.json")["selective"]
    assert record["threshold"] is None and record["kept"] is None
    assert open_onnx(folder / "onnx", INT8, device="cpu").selective.threshold is None
    told = capfd.readouterr().err.splitlines()[-1]
    assert told.startswith("warning: no threshold is certified for agreement 0.99 at a risk of 0.05 on 240 calibration")
    assert "rows would do" in told or "lower the target" in told


@pytest.mark.parametrize(
    ("cascade", "gold", "prices", "fault"),
    [
        ({"accuracy": 0.9}, False, None, "needs calibration rows that people labelled, and there are none"),
        ({"usd_per_million": 5.0}, True, None, "cascade.usd_per_million needs what the teacher takes for its tokens"),
        ({"usd_per_million": 5e6}, True, {"input": 1.0, "output": 1.0}, "is as much as the teacher alone takes for a"),
    ],
)
def test_a_target_that_cannot_be_is_refused_before_anything_is_exported(
    project: Project,
    tmp_path_factory: pytest.TempPathFactory,
    cascade: dict[str, float],
    gold: bool,
    prices: dict[str, float] | None,
    fault: str,
) -> None:
    student, exported = export_tiny_student(tmp_path_factory)
    folder = set_up_cascade(project, **cascade)
    project(cost={"hardware": "x", "compare_models": [], "teacher_usd_per_million_tokens": prices})
    told = {"input_tokens": 80, "output_tokens": 80}
    counts = {"input_tokens": 8000, "cached_tokens": None, "output_tokens": 800, "told": told, "answers": 80}
    write_metrics(folder / "annotate.json", {}, {"teacher": "m", "server": "endpoint", "texts": 80, **counts})
    with pytest.raises(InputError, match=fault):
        run_main(folder, student, calibrate(exported, gold))
    with pytest.raises(InputError, match="calibration_share is 0"):
        run_main(folder, student)
    assert not (folder / "onnx").exists()
