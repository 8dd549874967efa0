import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import ROOT, Project
from safetensors.numpy import load_file
from tiny_model import MAX_TOKENS, TEXTS, make_tiny_model, make_tiny_student
from toy_rows import LABELS, make_rows, make_texts

from distil.assets import sha256_of
from distil.errors import InputError
from distil.metrics import read_metrics
from distil.rows import TRAIN, write_rows
from distil.student import Training, TrainParams, choose_precision, fine_tune, make_targets, save_student
from distil.torch_model import TorchClassifier
from stages.train import main

CPU = torch.device("cpu")
ROWS = make_rows(make_texts())
SETTINGS: dict[str, Any] = {
    "base": "tiny",
    "targets": "soft",
    "epochs": 1,
    "batch_size": 8,
    "learning_rate": 1e-2,
    "warmup_share": 0.1,
    "weight_decay": 0.01,
    "max_length": 16,
    "freeze_word_embeddings": True,
    "precision": "fp32",
    "seed": 0,
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("base"), [*TEXTS, *make_texts()])


def train(base: Path, rows: pd.DataFrame = ROWS, **changes: Any) -> Training:
    return fine_tune(base, rows, LABELS, TrainParams(**SETTINGS | changes), CPU)


def train_and_save(base: Path, folder: Path, **changes: Any) -> Path:
    save_student(train(base, **changes), folder)
    return folder


@pytest.mark.parametrize("targets", ["soft", "hard"])
def test_learns_a_word_that_tells_the_label(base: Path, tmp_path: Path, targets: str) -> None:
    rows = make_rows(make_texts(), share=0.7)
    save_student(train(base, rows, targets=targets, epochs=6, learning_rate=3e-3), tmp_path)
    shares = TorchClassifier(tmp_path, "cpu").predict_proba(["this camera works bad", "this camera works good"])
    assert shares.argmax(axis=1).tolist() == [0, 1]
    assert (shares.max(axis=1) > 0.85).tolist() == [targets == "hard"] * 2


def test_same_seed_same_bytes(base: Path, tmp_path: Path) -> None:
    weights = [
        (train_and_save(base, tmp_path / name, seed=seed, precision="bf16") / "model.safetensors").read_bytes()
        for name, seed in (("one", 3), ("again", 3), ("other", 4))
    ]
    assert weights[0] == weights[1]
    assert weights[0] != weights[2]


def test_folder_holds_what_other_tools_read_and_nothing_else(base: Path, tmp_path: Path) -> None:
    train_and_save(base, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["architectures"] == ["BertForSequenceClassification"]
    assert config["id2label"] == {"0": "negative", "1": "positive"}
    assert config["label2id"] == {"negative": 0, "positive": 1}
    assert json.loads((tmp_path / "tokenizer_config.json").read_text())["model_max_length"] == SETTINGS["max_length"]


def test_truncation_and_padding_of_the_base_are_not_handed_on(base: Path, tmp_path: Path) -> None:
    stored = json.loads((base / "tokenizer.json").read_text())
    stored["truncation"] = {"max_length": 5, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}
    stored["padding"] = {"strategy": {"Fixed": 5}, "direction": "Right", "pad_id": 0, "pad_type_id": 0}
    stored["padding"] |= {"pad_token": "[PAD]", "pad_to_multiple_of": None}
    other = make_tiny_model(tmp_path / "base", [*TEXTS, *make_texts()])
    (other / "tokenizer.json").write_text(json.dumps(stored))
    student = train_and_save(other, tmp_path / "student")
    saved = json.loads((student / "tokenizer.json").read_text())
    assert saved["truncation"] is None
    assert saved["padding"] is None
    assert "max_length" not in json.loads((student / "tokenizer_config.json").read_text())
    same = train_and_save(base, tmp_path / "same")
    assert (student / "model.safetensors").read_bytes() == (same / "model.safetensors").read_bytes()


@pytest.mark.parametrize("frozen", [True, False])
def test_word_embeddings_change_only_if_not_frozen(base: Path, tmp_path: Path, frozen: bool) -> None:
    train_and_save(base, tmp_path, freeze_word_embeddings=frozen)
    before = load_file(base / "model.safetensors")["embeddings.word_embeddings.weight"]
    after = load_file(tmp_path / "model.safetensors")["bert.embeddings.word_embeddings.weight"]
    assert np.array_equal(before, after) == frozen


def test_curve_falls_and_follows_the_schedule(base: Path) -> None:
    training = train(base, epochs=3)
    assert training.steps == 30
    assert training.curve["step"].tolist() == list(range(1, 31))
    assert training.curve["epoch"].iloc[-1] == 3
    assert training.curve["loss"].iloc[-5:].mean() < training.curve["loss"].iloc[:5].mean()
    assert training.curve["learning_rate"].idxmax() == pytest.approx(3, abs=1)  # a tenth of 30 steps is warm-up
    assert training.curve["learning_rate"].iloc[-1] < 1e-3


def test_targets() -> None:
    rows = make_rows(["it is bad", "it is good"], share=0.75)
    assert make_targets(rows, LABELS, "soft").tolist() == [[0.75, 0.25], [0.25, 0.75]]
    assert make_targets(rows, LABELS, "hard").tolist() == [[1, 0], [0, 1]]


def test_head_over_other_labels_is_replaced(tmp_path: Path) -> None:
    other = make_tiny_student(tmp_path / "base", ["a", "b", "c"])
    student = TorchClassifier(train_and_save(other, tmp_path / "student"), "cpu")
    assert student.labels == list(LABELS)
    assert student.predict_proba(["good"]).shape == (1, 2)


@pytest.mark.parametrize("rows", [ROWS.iloc[:0], ROWS[ROWS["label"] == "positive"]])
def test_fewer_than_two_labels(base: Path, rows: pd.DataFrame) -> None:
    with pytest.raises(InputError, match=rf"{len(rows)} rows .*needs two labels.*aggregate.min_agreement"):
        train(base, rows)


def test_rows_of_another_task(base: Path) -> None:
    with pytest.raises(InputError, match="dvc repro"):
        fine_tune(base, ROWS, ["negative", "good"], TrainParams(**SETTINGS), CPU)


def test_more_tokens_than_the_base_takes(base: Path) -> None:
    with pytest.raises(InputError, match=rf"max_length = {MAX_TOKENS + 1}.*{MAX_TOKENS} tokens at most"):
        train(base, max_length=MAX_TOKENS + 1)


@pytest.mark.parametrize("present", ["config only", "no vocabulary"])
def test_base_without_tokenizer(tmp_path: Path, present: str) -> None:
    make_tiny_model(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    if present == "config only":
        (tmp_path / "tokenizer_config.json").unlink()
    with pytest.raises(InputError, match=r"has no tokenizer; add the model's tokenizer\.json") as error:
        train(tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("model.safetensors", b"\x08"),
        ("config.json", b"{}"),
        ("config.json", b"{"),
        ("config.json", b'{"model_type": "vit"}'),
    ],
)
def test_base_that_cannot_be_loaded(tmp_path: Path, file: str, content: bytes) -> None:
    make_tiny_model(tmp_path)
    (tmp_path / file).write_bytes(content)
    with pytest.raises(InputError, match="cannot be loaded") as error:
        train(tmp_path)
    assert "\n" not in str(error.value)


def test_loss_that_is_not_a_number_stops(base: Path) -> None:
    with pytest.raises(InputError, match=r"not a number at step \d+; lower train.learning_rate"):
        train(base, learning_rate=1e30)


def test_precision() -> None:
    assert choose_precision("fp32", CPU) == "fp32"
    assert choose_precision("bf16", CPU) == "bf16"
    assert choose_precision("auto", CPU) in {"bf16", "fp32"}
    assert choose_precision("auto", torch.device("mps")) == "fp32"


def run_stage(project: Project, base: Path, validation: pd.DataFrame) -> dict[str, Any]:
    folder = project(train=SETTINGS | {"base": f"{base}#sha256={sha256_of(base)}"})
    write_rows(folder / "train.parquet", TRAIN, ROWS)
    write_rows(folder / "validation.parquet", TRAIN, validation)
    main(
        folder / "train.parquet",
        folder / "validation.parquet",
        folder / "assets.txt",
        folder / "models/student",
        folder / "metrics/train.json",
        folder / "metrics/training.csv",
    )
    return read_metrics(folder / "metrics/train.json")


def test_stage(project: Project, base: Path, capfd: pytest.CaptureFixture[str]) -> None:
    metrics = run_stage(project, base, make_rows(["your tripod is bad", "your tripod is good"]))
    assert list(metrics) == [
        *("rows", "validation_rows", "epochs", "steps", "seconds", "final_loss", "validation_agreement"),
        *("precision", "base", "parameters", "device"),
    ]
    assert (metrics["rows"], metrics["validation_rows"], metrics["steps"], metrics["device"]) == (80, 2, 10, "cpu")
    assert metrics["validation_agreement"] in {0.0, 0.5, 1.0}
    assert Path("metrics/training.csv").read_text().startswith("step,epoch,loss,learning_rate\n1,0.1,")
    out, err = capfd.readouterr()
    assert out.startswith("train: 80 rows, 1 epochs, ")
    assert out.count("\n") == 1
    assert err == ""


def test_stage_without_validation_rows(project: Project, base: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_stage(project, base, ROWS.iloc[:0])["validation_agreement"] is None
    assert "no validation rows" in capfd.readouterr().out


def test_command_ends_with_one_line(project: Project, base: Path) -> None:
    folder = project(train=SETTINGS | {"base": f"{base}#sha256={sha256_of(base)}"})
    write_rows(folder / "rows.parquet", TRAIN, ROWS[ROWS["label"] == "positive"])
    arguments = ["rows.parquet", "rows.parquet", "assets.txt", "models/student", "train.json", "training.csv"]
    done = subprocess.run(
        [sys.executable, "-m", "stages.train", *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: train: 40 rows with the labels {'positive': 40}, but a classifier needs two")
    assert done.stderr.count("\n") == 1
    assert not Path("models").exists()
