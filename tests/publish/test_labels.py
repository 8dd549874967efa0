"""The labels for others: files that AutoTrain reads, and a dataset with its card on a loopback Hub."""

import hashlib
import shutil
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from datasets import load_dataset, load_from_disk
from hub_upload_server import WRITER, UploadServer, run, run_at
from huggingface_hub import DatasetCard, HfApi, snapshot_download
from typer.testing import CliRunner

from distil.cli.main import app
from distil.cli.publish import read_origin
from distil.core.errors import InputError
from distil.core.metrics import write_metrics
from distil.core.params import Kind, TaskParams
from distil.core.tables import LABELS, TEST, TRAIN, write_rows
from distil.publish.dataset_card import Origin, SourceParams, render_dataset_card
from distil.publish.label_files import (
    LABELLED,
    Splits,
    count_misread,
    describe_training,
    gather_splits,
    write_config,
    write_csv,
)
from distil.publish.release import Release, publish
from distil.student.params import TrainParams

REPOSITORY = "someone/labels"
SPAN = '{"start": 0, "end": 1, "label": "%s"}'
TASK = TaskParams(name="Toy | reviews", description="Is it good?", language="en", labels=["negative", "positive"])
SOURCE = {"license": "mit", "base_license": "mit", "texts_license": "mit", "texts": "toy texts"}
HARD = ['quotes " and, commas', "two\nlines", "a\rreturn", " blanks ", "\U0001f600 smiles", "'", "n/a"]
ASKED = {
    "teacher": "toy-teacher",
    "method": "generate",
    "protocol": "chat",
    "votes": 3,
    "prompt": "prompt.md",
    "prompt_sha256": hashlib.sha256(b"Say {text}").hexdigest(),
}
ASKED |= {"server": "endpoint"}
TOLD = {"texts": 12, "labelled": 11, "abstained": {"tie": 1}, "corrected": 1, "mean_agreement": 0.9}
TOLD |= {"unanimous": 0.75, "krippendorff_alpha": 0.5}
SCORED = {"test": {"rows": 2, "abstained": 0, "accuracy": 0.5, "macro_f1": 0.4}, "dev": {"rows": 0, "accuracy": None}}
ORIGIN = Origin(ASKED, TOLD, SCORED, "Say ``` or {text}")
KEYS = {  # of TextClassificationParams of autotrain-advanced 0.8.36, but for what its reader fills in
    *("lr", "epochs", "max_seq_length", "batch_size", "warmup_ratio", "gradient_accumulation", "optimizer"),
    *("scheduler", "weight_decay", "max_grad_norm", "seed", "logging_steps", "auto_find_batch_size"),
    *("mixed_precision", "save_total_limit", "eval_strategy", "early_stopping_patience", "early_stopping_threshold"),
}


def make_label(number: int, label: str | None, **changes: Any) -> dict[str, Any]:
    row = {"id": f"{number:016}", "teacher_label": label, "label": label, "soft": [0.25, 0.75], "votes": 3}
    return row | {"reason": "so", "abstained": None if label else "tie", "source": "teacher", **changes}


def write_tables(folder: Path, *, gold: bool = True) -> tuple[Path, Path, Path, Path]:
    """Eight rows to train on, two for validation, and three test rows of which one has no label of the teacher."""
    texts = [*HARD, *(f"text {number}" for number in range(len(HARD), 13))]
    said = [["negative", "positive"][number % 2] for number in range(13)]
    labels = [make_label(number, label) for number, label in enumerate(said)]
    labels[0] |= {"teacher_label": "positive", "source": "human"}
    labels[12] = make_label(12, None)
    rows = [row | {"text": text} for row, text in zip(labels, texts, strict=True)]
    train, validation, test, all_labels = paths = (
        folder / "data/train.parquet",
        folder / "data/validation.parquet",
        folder / "data/test.parquet",
        folder / "data/labels.parquet",
    )
    write_rows(train, TRAIN, [{name: row[name] for name in TRAIN.names} for row in rows[:8]])
    write_rows(validation, TRAIN, [{name: row[name] for name in TRAIN.names} for row in rows[8:10]])
    people = ["positive", "positive", "negative"] if gold else [None] * 3
    named = zip(rows[10:], people, strict=True)
    write_rows(test, TEST, [{"id": row["id"], "text": row["text"], "gold": label} for row, label in named])
    write_rows(all_labels, LABELS, labels)
    return paths


@pytest.fixture
def splits(tmp_path: Path) -> Splits:
    return gather_splits(*write_tables(tmp_path))


def test_test_rows_have_people_s_labels_and_all_others_what_the_student_learned(splits: Splits) -> None:
    assert {name: len(rows) for name, rows in splits.items()} == {"train": 8, "validation": 2, "test": 3}
    assert splits["test"]["label"].tolist() == ["positive", "positive", "negative"]
    assert splits["test"]["teacher_label"].fillna("none").tolist() == ["negative", "positive", "none"]
    assert set(splits["test"]["source"]) == {"gold"}
    corrected = splits["train"].iloc[0]
    assert (corrected["label"], corrected["teacher_label"], corrected["source"]) == ("negative", "positive", "human")
    assert splits["train"]["text"].tolist()[: len(HARD)] == HARD


def test_without_people_s_labels_test_rows_have_the_teacher_s_and_one_without_any_is_left_out(tmp_path: Path) -> None:
    test = gather_splits(*write_tables(tmp_path, gold=False))["test"]
    assert (test["label"].tolist(), set(test["source"])) == (["negative", "positive"], {"teacher"})


def test_the_csv_reads_back_as_it_was_and_what_pandas_takes_for_missing_is_counted(
    splits: Splits, tmp_path: Path
) -> None:
    train, *_ = write_csv(tmp_path / "out", splits)
    read = pd.read_csv(train, keep_default_na=False)
    assert read.columns.tolist() == ["text", "label"]
    assert read.equals(splits["train"][["text", "label"]])
    assert count_misread(train) == 1  # n/a


def test_the_config_has_autotrain_s_keys_and_never_lets_it_choose_by_test_rows(splits: Splits) -> None:
    config = describe_training(TASK.name, "owner/base", splits, TrainParams(base="x", epochs=7, precision="bf16"))
    assert set(config) == {"task", "base_model", "project_name", "log", "backend", "data", "params"}
    assert config["data"].pop("column_mapping") == {"text_column": "text", "target_column": "label"}
    assert config["data"] == {"path": ".", "train_split": "train", "valid_split": "validation"}
    assert set(config["params"]) <= KEYS
    assert config["project_name"] == "Toy-reviews"
    assert config["params"] | {"epochs": 7, "mixed_precision": "bf16", "batch_size": 8} == config["params"]
    fewer = splits | {"validation": splits["validation"][:1]}
    assert describe_training("!", "b", fewer, TrainParams(base="x"))["data"]["valid_split"] is None


def test_autotrain_reads_the_config_and_the_files(
    splits: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parser = pytest.importorskip("autotrain.parser", reason="autotrain-advanced is not installed")
    write_csv(tmp_path, splits)
    path = write_config(tmp_path, describe_training(TASK.name, "owner/base", splits, TrainParams(base="x")))
    monkeypatch.chdir(tmp_path)
    read = parser.AutoTrainConfigParser(path.name)
    schema = read.task_param_map[read.task]
    assert set(read.parsed_config) <= set(schema.model_fields)
    assert set(schema.model_fields) >= KEYS
    params = schema(**read.parsed_config)
    read.munge_data_map[read.task](params, local=True)
    found = load_from_disk(params.data_path)
    assert {name: len(rows) for name, rows in found.items()} == {"train": 8, "validation": 2}
    assert found["train"].features["autotrain_label"].names == TASK.labels


def test_the_card_tells_how_the_labels_were_made_and_stays_markdown(splits: Splits) -> None:
    card = render_dataset_card(TASK, SourceParams.model_validate(SOURCE | {"examples": 3}), splits, ORIGIN)
    data = yaml.safe_load(card.split("---\n")[1])
    assert DatasetCard(card).data["configs"] == data["configs"], "the Hub's library reads the same"
    assert (data["license"], data["language"], data["size_categories"]) == ("mit", ["en"], ["n<1K"])
    assert [file["path"] for file in data["configs"][0]["data_files"]][2] == "data/test.parquet"
    for words in (
        "# Toy \\| reviews",
        "| train | 8 | the teacher (7), people, who corrected the teacher (1) | 4 | 4 |",
        "| test | 3 | people | 1 | 2 |",
        "toy-teacher, method generate over the chat protocol, 3 votes a text",
        "11 of 12 texts; no label for 1 (tie)",
        "All votes agree on 75.0% of the texts that got at least two; Krippendorff's alpha 0.500",
        "Against people's labels, on 2 test rows: accuracy 0.500, macro F1 0.400",
        "Corrected by people: 1 labels",
        "````text\nSay ``` or {text}\n````",
        "The texts: mit.",
    ):
        assert words in card
    assert "other rows that people labelled" not in card
    recorded = Origin(ASKED, TOLD | {"unanimous": None, "mean_agreement": None}, SCORED, None)
    other = render_dataset_card(TASK, SourceParams.model_validate(SOURCE), splits, recorded)
    assert "recorded elsewhere, to a prompt that is not repeated here" in other
    assert "toy-teacher, by a recording of its answers, 3 votes a text" in other
    assert "All votes agree" not in other


@pytest.mark.parametrize(
    ("kind", "labels", "told"),
    [
        (
            "multi_label",
            ['["negative", "positive"]', "[]"],
            "| `text`, `label` | what a classifier learns: a JSON list",
        ),
        (
            "token_classification",
            [f"[{SPAN % 'positive'}, {SPAN % 'negative'}]", "[]"],
            "| `shares` | four numbers for each span that a vote names",
        ),
    ],
)
def test_the_card_tells_of_sets_and_spans(kind: Kind, labels: list[str], told: str, splits: Splits) -> None:
    task = TASK.model_copy(update={"kind": kind})
    scored = {"test": {"rows": 2, "micro_f1": 0.5, "macro_f1": 0.4}, "dev": {"rows": 0, "micro_f1": None}}
    rows = {"train": splits["train"][:2].assign(label=labels, source="teacher")}
    card = render_dataset_card(task, SourceParams.model_validate(SOURCE), rows, Origin(ASKED, TOLD, scored, "{text}"))
    assert told in card
    assert "| train | 2 | the teacher | 1 | 1 |" in card
    assert "F1 0.500, macro F1 0.400" in card
    tag = "token-classification" if kind == "token_classification" else "text-classification"
    assert yaml.safe_load(card.split("---\n")[1])["task_categories"] == [tag]


PIPELINE = {
    "annotate": {"cmd": "true", "outs": [{"metrics/annotate.json": {"cache": False}}]},
    "aggregate": {"cmd": "true", "outs": ["data/labels.parquet", {"metrics/aggregate.json": {"cache": False}}]},
    "split": {
        "cmd": "x --labels data/labels.parquet --train data/train.parquet --validation data/validation.parquet "
        "--test data/test.parquet --metrics metrics/teacher.json",
        "deps": ["data/labels.parquet"],
        "outs": ["data/train.parquet", "data/validation.parquet", "data/test.parquet"],
    },
    "train": {"cmd": "x --assets assets.txt --metrics metrics/train.json"},
    "report": {"cmd": "x --annotate metrics/annotate.json --aggregate metrics/aggregate.json"},
}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose labels are split, as dvc.lock says."""
    folder = tmp_path_factory.mktemp("labels")
    write_tables(folder)
    for name, details in (("annotate", ASKED), ("aggregate", TOLD), ("teacher", SCORED)):
        write_metrics(folder / "metrics" / f"{name}.json", {}, details)
    base = "hf:owner/base@" + 40 * "0"
    write_metrics(
        folder / "metrics/train.json",
        {},
        {"base": base, "max_length": 64, "recipe": {"epochs": {"value": 9}, "learning_rate": {"value": 5e-5}}},
    )
    params = {"task": TASK.model_dump(), "report": SOURCE, "train": {"base": base}}
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    (folder / "prompt.md").write_text("Say {text}", encoding="utf-8")
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": PIPELINE}), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run(sys.executable, "-m", "dvc", "init", "--quiet", "--no-scm")
        run(sys.executable, "-m", "dvc", "commit", "--quiet", "--force")
    return folder


@pytest.fixture
def project(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the study as the working folder."""
    shutil.copytree(study, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def test_a_user_exports_the_labels(project: Path) -> None:
    result = CliRunner().invoke(app, ["export-labels", "out"])
    assert result.exit_code == 0, result.output
    assert "out/train.csv: 8 rows; 1 texts or labels that pandas reads as missing" in result.output
    assert "now 'cd out && autotrain --config autotrain.yaml'" in result.output
    names = {f"{name}.{kind}" for name in ("train", "validation", "test") for kind in ("csv", "parquet")}
    assert {path.name for path in Path("out").iterdir()} == {*names, "autotrain.yaml"}
    assert pq.read_schema("out/test.parquet").names == LABELLED.names
    config = yaml.safe_load(Path("out/autotrain.yaml").read_text(encoding="utf-8"))
    fitted = {name: config["params"][name] for name in ("epochs", "lr", "max_seq_length")}
    assert (config["base_model"], fitted) == ("owner/base", {"epochs": 9, "lr": 5e-5, "max_seq_length": 64})
    Path("data/labels.parquet").write_bytes(b"others")
    with pytest.raises(InputError, match="stage aggregate is out of date"):
        CliRunner().invoke(app, ["export-labels", "out"], catch_exceptions=False)


def test_teachers_that_are_all_recorded_have_no_prompt_whatever_the_section_s_protocol(project: Path) -> None:
    for server, prompt in (("mixed", "Say {text}"), ("recorded", None)):
        write_metrics(Path("metrics/annotate.json"), {}, ASKED | {"server": server})
        assert read_origin().prompt == prompt


def test_a_user_publishes_the_labels_privately_and_another_reads_them(project: Path, hub: UploadServer) -> None:
    said = run_at(hub, project, "-m", "distil", "publish", "--dataset", REPOSITORY)
    repository = hub.repositories[f"datasets/{REPOSITORY}"]
    commit = repository.branches["main"][-1]
    assert said == f"4 files, private, commit {commit.sha[:12]} -> {hub.url}/datasets/{REPOSITORY}\n"
    assert repository.is_private
    assert REPOSITORY not in hub.repositories, "no model of that name"
    assert "Say {text}" in commit.files["README.md"].decode()
    folder = snapshot_download(
        REPOSITORY, repo_type="dataset", endpoint=hub.url, token=WRITER, cache_dir=project / "hub"
    )
    found = load_dataset(folder, cache_dir=str(project / "datasets"))  # by the card's list of files
    assert {name: len(rows) for name, rows in found.items()} == {"train": 8, "validation": 2, "test": 3}
    assert (found["test"][0]["label"], found["train"][0]["text"]) == ("positive", HARD[0])


def test_files_of_an_earlier_release_of_the_labels_are_removed(
    splits: Splits, hub: UploadServer, tmp_path: Path
) -> None:
    card = render_dataset_card(TASK, SourceParams.model_validate(SOURCE), splits, ORIGIN)
    (tmp_path / "x.parquet").write_bytes(b"x")
    files = {f"data/{name}.parquet": tmp_path / "x.parquet" for name in ("train", "validation")}
    api = HfApi(hub.url, token=WRITER)
    publish(Release(REPOSITORY, files, card, "first", kind="dataset", is_public=True), api)
    assert not hub.repositories[f"datasets/{REPOSITORY}"].is_private
    del files["data/validation.parquet"]
    again = publish(Release(REPOSITORY, files, card, "second", kind="dataset", is_public=True), api)
    assert again.removed == ("data/validation.parquet",)


@pytest.mark.parametrize("names", [[], ["someone/a", "--dataset", "someone/b"]])
def test_it_has_to_be_said_what_is_published(names: list[str]) -> None:
    with pytest.raises(InputError, match="owner/name for the student, or --dataset"):
        CliRunner().invoke(app, ["publish", *names], catch_exceptions=False)
