import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import toy_sets
import yaml
from conftest import ROOT, Project
from stage_command import name_paths
from tiny_bases import make_base
from tiny_model import TEXTS, make_tiny_model
from tiny_training import SETTINGS
from toy_rows import LABELS, make_rows, make_texts

from distil.assets.references import sha256_of
from distil.core.errors import InputError
from distil.core.metrics import read_details, read_metrics
from distil.core.tables import SUSPECTS, TRAIN, read_rows, write_rows
from distil.encoders.torch_model import TorchClassifier, choose_device
from stages.train import main, warn_of_labels

ROWS = make_rows(make_texts())
HELD_OUT = make_rows(["your tripod is bad", "your tripod is good"])
PATHS = [
    *("train.parquet", "validation.parquet", "assets.txt", "models/student", "data/suspects.parquet"),
    *("metrics/train.json", "metrics/training.csv"),
]

LAUNCH = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]  # what accelerate launch calls


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("base"), [*TEXTS, *make_texts()], layers=1)


def prepare(project: Project, base: Path, rows: pd.DataFrame, held_out: pd.DataFrame, **changes: Any) -> Path:
    folder = project(train=SETTINGS | changes | {"base": f"{base}#sha256={sha256_of(base)}"})
    write_rows(folder / "train.parquet", TRAIN, rows)
    write_rows(folder / "validation.parquet", TRAIN, held_out)
    return folder


def run_stage(project: Project, base: Path, held_out: pd.DataFrame = HELD_OUT, **changes: Any) -> dict[str, Any]:
    folder = prepare(project, base, ROWS, held_out, **changes)
    main(*(folder / path for path in PATHS))
    details = read_details(folder / "metrics/train.json")
    assert read_metrics(folder / "metrics/train.json") == {"seconds": details["seconds"], "details": [details]}
    return details


@pytest.mark.parametrize(
    ("more", "named"), [(1, "label 0,"), (7, "label 0, label 1, label 2, label 3, label 4 and 2 more,")]
)
def test_a_label_without_rows_is_told(more: int, named: str) -> None:
    labels = [*LABELS, *(f"label {number}" for number in range(more))]
    learnt = [[label] for label in ROWS["label"]]
    (warning,) = warn_of_labels(learnt, labels)
    assert warning.startswith(f"no training text has the label {named} so the student cannot learn it")
    assert warn_of_labels(learnt, LABELS) == []


def test_without_rows_to_train_on(project: Project, base: Path) -> None:
    folder = prepare(project, base, ROWS[:0], HELD_OUT[:0])
    with pytest.raises(InputError, match=r"train\.parquet has no rows: every text is a test row"):
        main(*(folder / path for path in PATHS))


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments, *name_paths("train", *PATHS)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_stage(project: Project, base: Path, capfd: pytest.CaptureFixture[str]) -> None:
    metrics = run_stage(project, base)
    assert list(metrics) == [
        *(
            "rows",
            "rows_by_label",
            "suspects",
            "label_health",
            "noise",
            "left_out",
            "max_length",
            "reading",
            "warnings",
        ),
        *(
            "below_min_agreement",
            "validation_rows",
            "seconds",
            "distilled_from",
            "steps",
            "final_loss",
            "validation_agreement",
        ),
        *("rung", "trained", "epochs", "epochs_agreement"),
        *("precision", "base", "parameters", "device", "recipe", "ladder"),
    ]
    assert (metrics["rows"], metrics["validation_rows"], metrics["steps"]) == (80, 2, 10)
    assert metrics["device"] == choose_device("auto").type
    assert metrics["rows_by_label"] == {"negative": 40, "positive": 40}
    assert metrics["validation_agreement"] in {0.0, 0.5, 1.0}
    assert metrics["suspects"] is None
    assert Path("metrics/training.csv").read_text().startswith("step,epoch,loss,learning_rate\n1,0.1,")
    out, err = capfd.readouterr()
    assert out.startswith("train: 80 rows, 1 epochs, ")
    assert out.count("\n") == 1
    assert err == ""


def test_a_student_of_several_labels(project: Project, base: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rows = toy_sets.make_rows(toy_sets.make_texts())
    settings = {**SETTINGS, "base": f"{base}#sha256={sha256_of(base)}", "recipe": "auto", "rung": "frozen"}
    task = {
        "name": "toy",
        "kind": "multi_label",
        "description": "What?",
        "language": "en",
        "labels": list(toy_sets.LABELS),
    }
    folder = project(task=task, train=settings)
    write_rows(folder / "train.parquet", TRAIN, rows)
    write_rows(folder / "validation.parquet", TRAIN, rows[:9])
    main(*(folder / path for path in PATHS))
    metrics = read_details(folder / "metrics/train.json")
    assert metrics["rows_by_label"] == {"negative": 24, "positive": 24, "picture": 36}
    assert (metrics["suspects"], metrics["noise"], metrics["left_out"]) == (None, "keep", 0)
    assert metrics["ladder"]["measure"] == "micro F1"
    assert metrics["validation_agreement"] > 0.9
    assert read_rows(folder / "data/suspects.parquet", SUSPECTS).empty
    config = json.loads((folder / "models/student/config.json").read_text())
    assert config["problem_type"] == "multi_label_classification"
    assert set(config["thresholds"]) == set(toy_sets.LABELS)
    assert capfd.readouterr().out.startswith("train: 72 rows, a linear head on the base as it is, ")


def test_a_student_of_spans(project: Project, base: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = "this camera works good " * 10
    rows = ROWS[:4].assign(text=[f"{number} {text}" for number in range(4)])
    rows["label"] = '[{"start": 7, "end": 13, "label": "negative"}]'
    rows["soft"] = [np.array([7.0, 13.0, 0.0, 1.0])] * 4
    folder = prepare(project, base, rows, rows[:1], rung="frozen", recall_target=0.9)
    task = yaml.safe_load((folder / "params.yaml").read_text())["task"]
    project(task=task | {"kind": "token_classification"})
    main(*(folder / path for path in PATHS))
    details = read_details(folder / "metrics/train.json")
    assert details["reading"]["texts_cut"] == 0, "a text that is longer than a window is read in several"
    assert details["rows_by_label"] == {"negative": 4, "positive": 0}
    assert details["recall"]["recall_after"] >= 0.9
    assert read_rows(folder / "data/suspects.parquet", SUSPECTS).empty
    config = json.loads((folder / "models/student/config.json").read_text())
    assert list(config["id2label"].values()) == ["O", "B-negative", "I-negative", "B-positive", "I-positive"]
    out, err = capfd.readouterr()
    assert out.startswith("train: 4 rows, a linear head on the base as it is, ")
    assert err.startswith("warning: no training text has the label positive")


def test_recall_is_for_spans_alone(project: Project, base: Path) -> None:
    with pytest.raises(InputError, match=r"train\.recall_target = 0\.9 is for spans alone"):
        run_stage(project, base, recall_target=0.9)


def test_several_seeds_their_spread_and_the_suspects(
    project: Project, base: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    metrics = run_stage(project, base, seeds=3, suspects="embeddings", min_agreement=0.5)
    seeds = metrics["seeds"]
    assert list(seeds["agreement"]) == ["0", "1", "2"]
    assert metrics["validation_agreement"] == sorted(seeds["agreement"].values())[1]
    assert seeds["agreement"][str(seeds["kept"])] == metrics["validation_agreement"]
    assert len(read_rows(Path("data/suspects.parquet"), SUSPECTS)) == metrics["suspects"]
    assert " suspected labels (keep: 0 left out), " in capfd.readouterr().out


@pytest.mark.parametrize("distilled", [False, True])
def test_ensemble_is_distilled_into_one_student_on_all_texts(
    project: Project, base: Path, monkeypatch: pytest.MonkeyPatch, distilled: bool
) -> None:
    suspected = np.arange(len(ROWS)) < 10
    monkeypatch.setattr("distil.kinds.classification.learning.training_set.find_suspects", lambda *_: suspected)
    metrics = run_stage(
        project, base, seeds=2, distill_ensemble=distilled, suspects="embeddings", noise="drop", batch_size=10
    )
    assert metrics["left_out"] == 10
    assert metrics["distilled_from"] == (2 if distilled else None)
    assert (metrics["seeds"]["kept"] == "ensemble") == distilled
    assert metrics["rows_by_label"] == dict.fromkeys(("negative", "positive"), 40 if distilled else 35)
    assert metrics["rows"] == sum(metrics["rows_by_label"].values()) == 10 * metrics["steps"]
    assert TorchClassifier(Path("models/student"), "cpu").labels == ["negative", "positive"]


def test_stage_without_validation_rows(project: Project, base: Path, capfd: pytest.CaptureFixture[str]) -> None:
    metrics = run_stage(project, base, HELD_OUT.iloc[:0], seeds=2)
    assert metrics["validation_agreement"] is None
    assert "seeds" not in metrics
    assert "no validation rows" in capfd.readouterr().out


def test_command_ends_with_one_line(project: Project, base: Path) -> None:
    prepare(project, base, ROWS[ROWS["label"] == "positive"], HELD_OUT)
    done = run_python("-m", "stages.train")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: train: a classifier needs rows of two labels, and has 40 of positive; ")
    assert done.stderr.count("\n") == 1
    assert not Path("models").exists()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["xlnet", "longformer", "funnel"])
def test_base_that_cannot_be_exported_is_refused_before_it_is_trained(
    project: Project, tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    base = make_base(tmp_path / "base", kind)
    capfd.readouterr()
    with pytest.raises(
        InputError, match=rf"is a {kind}, which cannot be exported to ONNX \(.+\); name another"
    ) as error:
        run_stage(project, base, learning_rate=1e30)  # at which a training would end otherwise
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_two_processes_share_the_batches_and_write_one_student(project: Project, base: Path) -> None:
    prepare(project, base, ROWS, HELD_OUT, epochs=6, learning_rate=3e-3, gradient_accumulation=1)
    done = run_python(*LAUNCH, "stages.train")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("train: 80 rows") == 1
    assert read_details(Path("metrics/train.json"))["steps"] == 60  # as one process takes
    student = TorchClassifier(Path("models/student"), "cpu")
    assert student.predict_proba(["this camera is bad", "this camera is good"]).argmax(axis=1).tolist() == [0, 1]


def test_batch_that_processes_cannot_share(project: Project, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")  # as LAUNCH sets it
    told = r"train\.batch_size = 6 cannot be shared by 2 processes, each computing its share in 2 parts"
    with pytest.raises(InputError, match=told):
        run_stage(project, base, batch_size=6)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits the process's memory as Linux does")
def test_out_of_memory(project: Project, base: Path, tmp_path: Path) -> None:
    wide = make_base(tmp_path / "wide", "bert", num_hidden_layers=2, intermediate_size=200_000)
    known = make_rows([f"the {noun} is {word}" for noun in ("camera", "phone") for word in ("bad", "good")] * 20)
    prepare(project, wide, known, HELD_OUT.iloc[:0], batch_size=80, gradient_accumulation=1)
    limited = (  # 2 GB more than the imports took
        "import resource; from distil.core.command import run; from stages.train import main; "
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize(); "
        "resource.setrlimit(resource.RLIMIT_AS, (used + 2 * 10**9,) * 2); run(main)"
    )
    done = run_python("-c", limited)
    assert done.returncode == 1
    assert "train: out of memory on cpu at step 1; raise train.gradient_accumulation = 1 to compute" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not Path("models").exists()
