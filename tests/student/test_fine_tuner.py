import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import load_file
from tiny_model import MAX_TOKENS, TEXTS, make_tiny_model, make_tiny_student
from tiny_training import CPU, SETTINGS, make_tuner
from toy_rows import LABELS, make_rows, make_texts

from distil.core.errors import InputError
from distil.encoders.outputs import Outputs
from distil.encoders.reading import measure_cut
from distil.encoders.torch_model import TorchClassifier
from distil.kinds.classification.learning.targets import Targets, make_targets, number_labels
from distil.student.fine_tuner import FineTuner, Training, choose_max_length, choose_precision
from distil.student.params import TrainParams

ROWS = make_rows(make_texts())


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("base"), [*TEXTS, *make_texts()])


def answers(rows: pd.DataFrame = ROWS, kind: Literal["soft", "hard"] = "soft") -> Targets:
    return make_targets(rows, number_labels(rows, LABELS), len(LABELS), kind, 0.0)


def train(base: Path, rows: pd.DataFrame = ROWS, epochs: int = 1, seed: int = 0, **changes: Any) -> Training:
    return make_tuner(base, rows, **changes).train(answers(rows), epochs, seed)


def train_and_save(base: Path, folder: Path, seed: int = 0, **changes: Any) -> Path:
    tuner = make_tuner(base, ROWS, **changes)
    tuner.save(tuner.train(answers(), 1, seed), folder)
    return folder


@pytest.mark.parametrize("targets", ["soft", "hard"])
def test_learns_a_word_that_tells_the_label(base: Path, targets: Literal["soft", "hard"]) -> None:
    rows = make_rows(make_texts(), share=0.7)
    tuner = make_tuner(base, rows, learning_rate=3e-3)
    training = tuner.train(answers(rows, targets), 6, 0)
    shares = tuner.predict_proba(training, ["this camera works bad", "this camera works good"])
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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_disk_that_is_full_while_the_student_is_saved(base: Path, tmp_path: Path) -> None:
    tuner = make_tuner(base, ROWS)
    trained = tuner.train(answers(), 1, 0)
    for file in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        folder = tmp_path / file
        folder.mkdir()
        if file == "model.safetensors":  # takes the place of a link, not of a folder
            (folder / file).mkdir()
        else:
            (folder / file).symlink_to("/dev/full")
        with pytest.raises((InputError, OSError)) as caught:
            tuner.save(trained, folder)
        if not isinstance(caught.value, OSError):  # which the command tells in one line
            assert f"{folder} cannot be written (" in str(caught.value) and "; make room there" in str(caught.value)


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


def test_head_over_other_labels_is_replaced(tmp_path: Path) -> None:
    other = make_tiny_student(tmp_path / "base", ["a", "b", "c"])
    student = TorchClassifier(train_and_save(other, tmp_path / "student"), "cpu")
    assert student.labels == list(LABELS)
    assert student.predict_proba(["good"]).shape == (1, 2)


def test_more_tokens_than_the_base_takes(base: Path) -> None:
    with pytest.raises(InputError, match=rf"max_length = {MAX_TOKENS + 1}.*{MAX_TOKENS} tokens at most"):
        make_tuner(base, ROWS, max_length=MAX_TOKENS + 1)


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


@pytest.mark.parametrize(
    ("broken", "error", "told"),
    [
        ("Trainer.__init__", RuntimeError("MPS backend out of memory (allocated 9 GB)"), "at step 1; raise train.grad"),
        (
            "Trainer.train",
            torch.OutOfMemoryError("CUDA out of memory."),
            "at step 1; raise train.gradient_accumulation",
        ),
        ("predict_logits", RuntimeError("DefaultCPUAllocator: can't allocate memory"), "while it labels texts; free"),
        ("predict_logits", MemoryError(), "while it labels texts; free some, or lower train.max_length = 16"),
    ],
)
def test_no_memory_left(base: Path, monkeypatch: pytest.MonkeyPatch, broken: str, error: Exception, told: str) -> None:
    tuner = make_tuner(base, ROWS)
    fail(monkeypatch, broken, error)
    with pytest.raises(InputError, match=f"^train: out of memory on cpu {told}"):
        tuner.predict_proba(tuner.train(answers(), 1, 0), ["one"])


def test_an_error_that_is_not_of_memory_stays_what_it_is(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fail(monkeypatch, "Trainer.train", RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match=r"^shapes do not match$"):
        train(base)


def fail(monkeypatch: pytest.MonkeyPatch, broken: str, error: Exception) -> None:
    def raise_it(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(f"distil.student.fine_tuner.{broken}", raise_it)


def test_precision() -> None:
    assert choose_precision("fp32", CPU) == "fp32"
    assert choose_precision("bf16", CPU) == "bf16"
    assert choose_precision("auto", CPU) in {"bf16", "fp32"}
    assert choose_precision("auto", torch.device("mps")) == "fp32"
    with pytest.raises(InputError, match="fp16' needs a CUDA GPU, and this runs on cpu"):
        choose_precision("fp16", CPU)


def test_length_from_the_data() -> None:
    assert choose_max_length("auto", [3, 17, 5], 512) == 24
    assert choose_max_length("auto", [3, 700], 512) == 512
    assert choose_max_length("auto", [3, 9], None) == 16
    assert choose_max_length(128, [3, 700], 512) == 128


def test_longer_texts_are_cut_and_counted(base: Path) -> None:
    rows = make_rows(["this camera is so very very very good", "it is bad"])
    tuner = make_tuner(base, rows, max_length=6)
    assert (tuner.max_length, measure_cut(tuner.tokenizer, tuner.texts, tuner.max_length)["texts_cut"]) == (6, 1)
    tuner = make_tuner(base, rows, max_length="auto")
    assert measure_cut(tuner.tokenizer, tuner.texts, tuner.max_length)["texts_cut"] == 0


def test_a_text_of_3000_words_is_read_as_far_as_the_base_goes(base: Path) -> None:
    rows = make_rows(["it is bad", "good " * 3000])
    tuner = make_tuner(base, rows, max_length="auto")
    assert tuner.max_length == tuner.limit == MAX_TOKENS
    longer, as_far = tuner.predict_proba(tuner.train(answers(rows), 1, 0), ["good " * 3000, "good " * (MAX_TOKENS - 2)])
    np.testing.assert_allclose(longer, as_far, atol=1e-6)


@pytest.mark.parametrize("rows", [80, 77])
def test_parts_of_a_batch_give_its_gradient(base: Path, rows: int) -> None:
    """Batches in one, two or four parts differ by rounding alone, also where the last one is small."""
    weights = [
        train(base, ROWS.iloc[:rows], gradient_accumulation=parts, batch_size=16, learning_rate=1e-4, dropout=0.0)
        .model.classifier.weight.detach()
        .numpy()
        for parts in (1, 2, 4)
    ]
    assert np.abs(weights[1] - weights[0]).max() < 1e-6
    assert np.abs(weights[2] - weights[0]).max() < 1e-6


def test_each_epoch_shows_every_row_in_other_batches(base: Path) -> None:
    curve = train(base, ROWS.iloc[:20], epochs=2, learning_rate=1e-30, dropout=0.0).curve
    losses = curve["loss"].to_numpy().reshape(2, 3)  # batches of 8, 8 and 4 rows
    means = (losses * [8, 8, 4]).sum(axis=1) / 20
    assert means[0] == pytest.approx(means[1], abs=1e-6)
    assert not np.allclose(losses[0], losses[1], atol=1e-4)


def test_a_row_of_weight_zero_teaches_nothing(base: Path) -> None:
    doubled = pd.concat([ROWS, ROWS.assign(label=ROWS["label"].map({"negative": "positive", "positive": "negative"}))])
    targets = np.concatenate([answers(), 0 * answers()])
    tuner = make_tuner(base, doubled, learning_rate=3e-3)
    shares = tuner.predict_proba(tuner.train(targets, 8, 0), ["this camera works bad", "this camera works good"])
    assert shares.argmax(axis=1).tolist() == [0, 1]


@pytest.mark.parametrize(("schedule", "middle"), [("linear", 0.5), ("cosine", 0.5), ("constant", 1.0)])
def test_schedules(base: Path, schedule: str, middle: float) -> None:
    curve = train(base, epochs=2, schedule=schedule, warmup_share=0.0).curve
    assert curve["learning_rate"].iloc[10] == pytest.approx(middle * SETTINGS["learning_rate"], rel=0.01)


def test_logger_that_transformers_does_not_know(base: Path) -> None:
    with pytest.raises(InputError, match=r"runtime\.report_to = \['nowhere'\]: nowhere is not supported"):
        FineTuner(base, ROWS["text"], Outputs(LABELS), TrainParams(**SETTINGS), CPU, ["nowhere"])


def test_dvclive_logs_beside_and_leaves_dvc_yaml_alone(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "--quiet"], check=True)
    name = ["-c", "user.name=toy", "-c", "user.email=toy@example.org"]
    subprocess.run(["git", *name, "commit", "--quiet", "--allow-empty", "--message=start"], check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "--quiet"], check=True)
    tuner = FineTuner(base, ROWS["text"], Outputs(LABELS), TrainParams(**SETTINGS), CPU, ["dvclive"])
    curve = tuner.train(answers(), 1, 0).curve
    logged = pd.read_csv("dvclive/plots/metrics/loss.tsv", sep="\t")
    assert logged["loss"].tolist() == pytest.approx(curve["loss"].tolist(), rel=1e-3)
    assert not Path("dvc.yaml").exists()
