"""The benchmark on a tiny student, exported and measured for real."""

import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import ROOT, Project
from dvc_render.vega import VegaRenderer
from safetensors.numpy import load_file, save_file
from tiny_export import (
    LABELS,
    SPAN_LABELS,
    export_tiny_several,
    export_tiny_student,
    export_tiny_tagger,
    record_default,
)
from tiny_model import TEXTS, make_tiny_model

from distil.assets.references import sha256_of
from distil.core.errors import InputError
from distil.core.metrics import read_details, read_metrics
from distil.core.tables import TEST, TIMINGS, read_rows, write_rows
from distil.export.onnx_files import FP32, INT8
from distil.kinds.multi_label.learning.baselines import OneVersusRest
from distil.kinds.token_classification.learning.crf import Crf
from distil.linear.baselines import make_baselines
from distil.linear.features import make_tfidf
from distil.linear.trained_files import write_trained
from distil.speed.systems import computes_bf16
from stages.benchmark import main

PARAMS = {
    "rounds": 2,
    "texts": 12,
    "seconds": 0.1,
    "offline_texts": 30,
    "offline_seconds": 5,
    "pipeline_batch_size": 2,
    "batch_sizes": [1, 8],
    "batch_seconds": 0.02,
    "server_loads": [0.3, 0.6],
    "server_seconds": 0.3,
    "latency_limit_ms": 1e6,
    "seed": 0,
}
ONE_THREAD = {"threads": 1, "device": "cpu"}  # torch keeps to the number in later tests, and two wait busily
TORCH = {"student_torch", "student_torch_bf16"} if computes_bf16(torch.device("cpu")) else {"student_torch"}
STUDENTS = TORCH | {"student_onnx", "student_int8"}
SYSTEMS = STUDENTS | {"pipeline", "tfidf", "embeddings"}
MANY = [f"{text} {number}" for number in range(5) for text in TEXTS]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a student, its export and the baselines."""
    folder = tmp_path_factory.mktemp("models")
    student, onnx = export_tiny_student(tmp_path_factory)
    shutil.copytree(student, folder / "student")
    shutil.copytree(onnx, folder / "onnx")
    encoder = make_tiny_model(folder / "encoder")
    reference = f"{encoder}#sha256={sha256_of(encoder)}"
    baselines = make_baselines(LABELS, reference, folder / "assets.txt", "cpu")
    for baseline in baselines.values():
        baseline.fit(TEXTS, ["positive", "negative", "positive", "negative"])
    write_trained(folder / "baselines.safetensors", baselines)
    return folder


def run_benchmark(folder: Path, models: Path, texts: list[str], file: str = INT8) -> dict[str, Any]:
    test = [{"id": f"{number:016x}", "text": text, "gold": None} for number, text in enumerate(texts)]
    write_rows(folder / "test.parquet", TEST, test)
    export = record_default(folder / "export.json", file)
    inputs = (models / "student", models / "onnx", export, models / "baselines.safetensors", folder / "test.parquet")
    outputs = ("timings.parquet", "speed.json", "throughput.csv", "latency.csv")
    main(*inputs, *(folder / name for name in outputs))
    return read_details(folder / "speed.json")


def test_benchmark_measures_every_system_in_every_scenario_that_it_has(
    project: Project, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = project(benchmark=PARAMS, runtime=ONE_THREAD)
    speed = run_benchmark(folder, models, MANY)
    assert set(speed["systems"]) == SYSTEMS
    served = speed["systems"]["student_int8"]
    assert read_metrics(folder / "speed.json") == {
        "texts_per_s": served["offline"]["texts_per_s"],
        "p50_ms": served["single_stream"]["p50_ms"],
        "times_pipeline": speed["ratios"]["served_to_pipeline"]["median"],
        "details": [speed],
    }
    for name, system in speed["systems"].items():
        single, offline = system["single_stream"], system["offline"]
        assert 0 < single["p50_ms"] <= single["p90_ms"] <= single["p95_ms"] <= single["p99_ms"]
        assert 0 < offline["texts_per_s_min"] <= offline["texts_per_s"] <= offline["texts_per_s_max"]
        assert (offline["texts_per_call"], offline["repetitions"] >= 2) == (30, True), "more than there are"
        assert ("offline_encoded" in system) == (name in STUDENTS)
        assert ("batches" in system) == (name in STUDENTS | {"pipeline"})
        assert set(system.get("batches", {"1": 1.0, "8": 1.0})) == {"1", "8"}
    assert speed["systems"]["pipeline"]["offline"]["batch_size"] == 2
    assert (speed["texts"], speed["machine"]["threads"], speed["batch_tokens"]) == (12, 1, 256)
    assert (speed["machine"]["provider"], speed["machine"]["gpu"]) == ("CPUExecutionProvider", None)
    assert 0 < speed["words"]["p10"] <= speed["words"]["p50"] <= speed["words"]["p90"] <= speed["words"]["max"]
    ratio = speed["ratios"]["served_to_pipeline"]
    assert 0 < ratio["min"] <= ratio["median"] <= ratio["max"]
    assert "times the transformers pipeline" in capsys.readouterr().out
    most_per_s = 1000 / speed["systems"]["student_int8"]["single_stream"]["mean_ms"]
    server = speed["server"]["student_int8"]
    assert [load["load"] for load in server["loads"]] == [0.3, 0.6]
    for load in server["loads"]:
        wanted = load["load"] * most_per_s * 0.3
        assert abs(load["requests"] - wanted) < 6 * math.sqrt(wanted), "a Poisson number"
        assert load["arrivals_per_s"] == pytest.approx(load["requests"] / 0.3, rel=1e-4)
        assert 0 <= load["mean_wait_ms"] < load["mean_ms"]
    assert server["highest_arrivals_per_s"] == max(load["arrivals_per_s"] for load in server["loads"])


def make_sets() -> dict[str, Any]:
    return {"tfidf": OneVersusRest(make_tfidf(), "abc").fit(TEXTS, ['["a"]', '["b", "c"]', "[]", '["a"]'])}


def make_spans() -> dict[str, Any]:
    return {"crf": Crf(SPAN_LABELS).fit(TEXTS, ['[{"start": 2, "end": 6, "label": "PER"}]', *["[]"] * 3])}


@pytest.mark.parametrize(("make", "baselines"), [(export_tiny_several, make_sets), (export_tiny_tagger, make_spans)])
def test_students_of_other_kinds_are_timed_in_the_same_ways(
    project: Project, tmp_path_factory: pytest.TempPathFactory, make: Any, baselines: Any
) -> None:
    student, onnx = make(tmp_path_factory)
    folder = project(benchmark=PARAMS, runtime=ONE_THREAD)
    for name, place in (("student", student), ("onnx", onnx)):
        shutil.copytree(place, folder / name)
    write_trained(folder / "baselines.safetensors", trained := baselines())
    speed = run_benchmark(folder, folder, list(TEXTS))
    assert set(speed["systems"]) == STUDENTS | {"pipeline", *trained}
    for name in STUDENTS:
        assert {"single_stream", "offline", "offline_encoded", "batches"} <= speed["systems"][name].keys()
    assert speed["ratios"]["served_to_pipeline"]["min"] > 0


def test_timings_and_curves_hold_each_measurement(project: Project, models: Path) -> None:
    folder = project(benchmark=PARAMS, runtime=ONE_THREAD)
    speed = run_benchmark(folder, models, list(TEXTS))
    timings = read_rows(folder / "timings.parquet", TIMINGS)
    assert set(timings["system"]) == SYSTEMS
    assert set(timings["scenario"]) == {"single_stream", "offline", "offline_encoded", "batches", "server"}
    assert (timings["seconds"] > 0).all()
    assert (timings.loc[timings["scenario"] == "offline", "texts"] == 30).all()
    assert set(timings.loc[timings["scenario"] != "server", "round"]) == {0, 1}
    assert not timings.duplicated(["system", "scenario", "setting", "number"]).any()
    served = timings[timings["scenario"] == "server"]
    assert set(served["system"]) == {"student_int8"}
    assert served["setting"].value_counts().to_dict() == {
        load["load"]: load["requests"] for load in speed["server"]["student_int8"]["loads"]
    }
    assert (served["waited_s"] >= 0).all() and (served["waited_s"] < served["seconds"]).all()
    throughput, latency = (pd.read_csv(folder / name) for name in ("throughput.csv", "latency.csv"))
    assert set(map(tuple, throughput[["system", "batch_size"]].to_numpy())) == {
        (name, size) for name in STUDENTS | {"pipeline"} for size in (1, 8)
    }
    assert latency.groupby("system").size().to_dict() == dict.fromkeys(SYSTEMS, 99)
    assert latency.groupby("system")["ms"].agg(lambda ms: ms.is_monotonic_increasing).all()


def test_where_fp32_is_served_int8_is_neither_looked_for_nor_measured(
    project: Project, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    without = tmp_path / "models"
    shutil.copytree(models, without)
    (without / "onnx" / INT8).unlink()
    folder = project(benchmark=PARAMS, runtime=ONE_THREAD)
    speed = run_benchmark(folder, without, list(TEXTS), FP32)
    assert (speed["served"], set(speed["systems"])) == ("student_onnx", SYSTEMS - {"student_int8"})
    assert list(speed["server"]) == ["student_onnx"]
    shown = read_metrics(folder / "speed.json")
    assert shown["texts_per_s"] == speed["systems"]["student_onnx"]["offline"]["texts_per_s"]
    assert capsys.readouterr().out.startswith("benchmark: student_onnx ")


def test_dvc_draws_the_curves_with_a_line_for_each_system() -> None:
    rows = [{"system": name, "share": "0.5", "ms": "2.5", "rev": "workspace"} for name in ("tfidf", "pipeline")]
    template = str(ROOT / "plots" / "lines_by_system.json")
    spec = VegaRenderer(rows, "latency", template=template, x="share", y="ms", title="t").get_filled_template()
    encoding = spec["encoding"]
    assert [encoding[axis]["field"] for axis in ("x", "y", "color", "strokeDash")] == ["share", "ms", "system", "rev"]
    assert spec["data"]["values"] == rows
    assert "DVC_METRIC" not in str(spec)


def test_one_text_and_a_limit_that_no_load_keeps(project: Project, models: Path) -> None:
    folder = project(benchmark=PARAMS | {"latency_limit_ms": 1e-6}, runtime=ONE_THREAD)
    speed = run_benchmark(folder, models, ["a good product"])
    assert (speed["texts"], speed["words"]["p10"], speed["words"]["max"]) == (1, 3.0, 3)
    assert speed["systems"]["student_int8"]["batches"]["8"] > 0, "a batch holds it several times"
    assert speed["server"]["student_int8"]["highest_arrivals_per_s"] is None
    assert not any(load["within_limit"] for load in speed["server"]["student_int8"]["loads"])


def test_a_test_set_without_rows_is_refused(project: Project, models: Path) -> None:
    folder = project(benchmark=PARAMS, runtime=ONE_THREAD)
    with pytest.raises(InputError, match=r"test\.parquet has no rows"):
        run_benchmark(folder, models, [])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"server_loads": [0.5, 1.0]}, r"benchmark\.server_loads\.1 = 1\.0"),  # a queue that never ends
        ({"server_loads": []}, r"benchmark\.server_loads = \[\]"),
        ({"batch_sizes": [0]}, r"benchmark\.batch_sizes\.0 = 0"),
        ({"latency_limit_ms": 0}, r"benchmark\.latency_limit_ms = 0"),
    ],
)
def test_params_that_cannot_be_measured_are_refused(
    project: Project, models: Path, changes: dict[str, Any], message: str
) -> None:
    folder = project(benchmark=PARAMS | changes)
    with pytest.raises(InputError, match=message):
        run_benchmark(folder, models, list(TEXTS))


def test_a_model_that_fails_ends_the_stage_with_its_name(project: Project, models: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(models, broken)
    weights = load_file(broken / "student" / "model.safetensors")
    weights["bert.embeddings.position_embeddings.weight"] = weights["bert.embeddings.position_embeddings.weight"][:4]
    save_file(weights, broken / "student" / "model.safetensors", metadata={"format": "pt"})
    config = (broken / "student" / "config.json").read_text()
    (broken / "student" / "config.json").write_text(
        config.replace('"max_position_embeddings": 64', '"max_position_embeddings": 4')
    )
    folder = project(benchmark=PARAMS, runtime=ONE_THREAD)
    with pytest.raises(InputError, match=r"benchmark: pipeline cannot label the test texts \(.+\)"):
        run_benchmark(folder, broken, list(TEXTS))


def test_a_model_that_answers_nan_is_not_timed(project: Project, models: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(models, broken)
    weights = load_file(broken / "student" / "model.safetensors")
    weights["classifier.bias"] = np.full_like(weights["classifier.bias"], np.nan)
    save_file(weights, broken / "student" / "model.safetensors", metadata={"format": "pt"})
    folder = project(benchmark=PARAMS, runtime=ONE_THREAD)
    with pytest.raises(InputError, match="student_torch answers NaN"):
        run_benchmark(folder, broken, list(TEXTS))
