"""The benchmark on a tiny student, exported and measured for real."""

from pathlib import Path
from typing import Any

import pytest
from conftest import Project
from tiny_model import TEXTS, make_tiny_model, make_tiny_student

from distil.assets import sha256_of
from distil.baselines import make_baselines, save_baselines
from distil.errors import InputError
from distil.metrics import read_metrics
from distil.onnx_export import FP32, INT8, copy_student, export_fp32, quantize_int8
from distil.rows import TEST, TIMINGS, read_rows, write_rows
from stages.benchmark import main

LABELS = ["negative", "positive"]
PARAMS = {"seconds": 0.1, "rounds": 2, "texts": 12, "pipeline_batch_size": 2}
SYSTEMS = {"pipeline", "student_onnx", "student_int8", "tfidf", "embeddings"}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a student, its export and the baselines."""
    folder = tmp_path_factory.mktemp("models")
    make_tiny_student(folder / "student", LABELS)
    copy_student(folder / "student", folder / "onnx")
    export_fp32(folder / "student", folder / "onnx" / FP32, 18)
    quantize_int8(folder / "onnx" / FP32, folder / "onnx" / INT8, "portable")
    encoder = make_tiny_model(folder / "encoder")
    reference = f"{encoder}#sha256={sha256_of(encoder)}"
    baselines = make_baselines(LABELS, reference, folder / "assets.txt", "cpu")
    for baseline in baselines.values():
        baseline.fit(TEXTS, ["positive", "negative", "positive", "negative"])
    save_baselines(folder / "baselines.joblib", baselines)
    return folder


def run_benchmark(folder: Path, models: Path, texts: list[str]) -> dict[str, Any]:
    test = [{"id": f"{number:016x}", "text": text, "gold": None} for number, text in enumerate(texts)]
    write_rows(folder / "test.parquet", TEST, test)
    inputs = (models / "student", models / "onnx", models / "baselines.joblib", folder / "test.parquet")
    main(*inputs, folder / "timings.parquet", folder / "speed.json")
    return read_metrics(folder / "speed.json")


def test_benchmark_measures_every_system_in_every_scenario(
    project: Project, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = project(benchmark=PARAMS | {"server_load": 0.5, "seed": 0}, runtime={"threads": 1, "device": "cpu"})
    speed = run_benchmark(folder, models, [f"{text} {number}" for number in range(5) for text in TEXTS])
    assert set(speed["systems"]) == SYSTEMS
    for system in speed["systems"].values():
        single, offline = system["single_stream"], system["offline"]
        assert 0 < single["p50_ms"] <= single["p90_ms"] <= single["p95_ms"] <= single["p99_ms"]
        assert 0 < offline["texts_per_s_min"] <= offline["texts_per_s"] <= offline["texts_per_s_max"]
        assert offline["repetitions"] >= 2
    assert speed["systems"]["pipeline"]["offline"]["batch_size"] == 2
    assert speed["batch_tokens"] == 256
    assert (speed["texts"], speed["machine"]["threads"]) == (12, 1)
    assert speed["machine"]["provider"] == "CPUExecutionProvider"
    mean_s = speed["systems"]["student_int8"]["single_stream"]["mean_ms"] / 1000
    assert speed["server"]["student_int8"]["arrivals_per_s"] == pytest.approx(0.5 / mean_s, rel=1e-3)
    assert "times the transformers pipeline" in capsys.readouterr().out


def test_timings_hold_each_measurement(project: Project, models: Path) -> None:
    folder = project(benchmark=PARAMS | {"server_load": 0.5, "seed": 0})
    speed = run_benchmark(folder, models, list(TEXTS))
    timings = read_rows(folder / "timings.parquet", TIMINGS)
    assert set(timings["system"]) == SYSTEMS
    assert (timings["seconds"] > 0).all()
    assert (timings.loc[timings["scenario"] == "offline", "texts"] == len(TEXTS)).all()
    served = timings[timings["scenario"] == "server"]
    assert set(served["system"]) == {"student_int8"}
    assert served["arrived_s"].is_monotonic_increasing
    assert len(served) == speed["server"]["student_int8"]["requests"]
    assert not timings.duplicated(["system", "scenario", "number"]).any()


def test_a_test_set_without_rows_is_refused(project: Project, models: Path) -> None:
    folder = project(benchmark=PARAMS | {"server_load": 0.5, "seed": 0})
    with pytest.raises(InputError, match=r"test\.parquet has no rows"):
        run_benchmark(folder, models, [])


def test_a_load_at_which_the_queue_never_ends_is_refused(project: Project, models: Path) -> None:
    folder = project(benchmark=PARAMS | {"server_load": 1.0, "seed": 0})
    with pytest.raises(InputError, match=r"benchmark\.server_load = 1\.0"):
        run_benchmark(folder, models, list(TEXTS))
