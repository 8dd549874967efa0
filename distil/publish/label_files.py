"""The labels as files for others: a table a split as parquet, its texts and labels as csv or jsonl, and AutoTrain's
config.

Test rows have people's label where there is one, else the teacher's; all other rows the label that the student learned.
Sources: the config reader of autotrain-advanced (autotrain/parser.py) and its TextClassificationParams, release 0.8.36.
"""

import csv
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import yaml

from distil.core.tables import LABELS, SHARES, TEST, TRAIN, read_rows, write_rows
from distil.student.params import TrainParams

LABELLED = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),  # of the label: teacher, human, adjudicated, or gold
        pa.field("teacher_label", pa.string()),  # null: the teacher abstained
        pa.field("shares", SHARES),  # of the teacher's votes or scores, as data/labels.parquet has them in soft
        pa.field("votes", pa.int32(), nullable=False),
        pa.field("reason", pa.string()),  # of a vote for teacher_label, where the prompt asks for one
    ]
)
PAIR = ["text", "label"]
CONFIG = "autotrain.yaml"
CONFIG_HEAD = """# In this folder: autotrain --config autotrain.yaml
# test.csv is for scoring alone: AutoTrain chooses by its valid_split, so the test rows must not be that.
"""
LONGEST_PROJECT_NAME = 50
Splits = dict[str, pd.DataFrame]


def gather_splits(train: Path, validation: Path, test: Path, labels: Path) -> Splits:
    """The rows of each split that has any, in the columns of LABELLED; a test row without any label is left out.

    Raises `InputError` as `read_rows` does.
    """
    told = read_rows(labels, LABELS).rename(columns={"soft": "shares"}).set_index("id")
    splits = {}
    for name, path in (("train", train), ("validation", validation), ("test", test)):
        rows = read_rows(path, TEST if name == "test" else TRAIN)[["id", "text", *(["gold"] if name == "test" else [])]]
        rows = rows.join(told, on="id")
        if name == "test":
            by_people = rows["gold"].notna()
            rows = rows.assign(
                label=rows["gold"].where(by_people, rows["label"]), source=rows["source"].mask(by_people, "gold")
            )
        rows = rows[rows["label"].notna()]
        if len(rows):
            splits[name] = rows[LABELLED.names].sort_values("id", ignore_index=True)
    return splits


def write_parquet(folder: Path, splits: Splits) -> list[Path]:
    """Write NAME.parquet for each split, in the columns of LABELLED; returns the files."""
    paths = [folder / f"{name}.parquet" for name in splits]
    for path, rows in zip(paths, splits.values(), strict=True):
        write_rows(path, LABELLED, rows)
    return paths


def write_csv(folder: Path, splits: Splits) -> list[Path]:
    """Write NAME.csv for each split, with the columns text and label; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.csv" for name in splits]
    for path, rows in zip(paths, splits.values(), strict=True):
        rows[PAIR].to_csv(path, index=False, lineterminator="\n", quoting=csv.QUOTE_ALL)  # a lone \r would end a row
    return paths


def write_jsonl(folder: Path, splits: Splits) -> list[Path]:
    """Write NAME.jsonl for each split, of labels that are JSON: a text and its label a line; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.jsonl" for name in splits]
    for path, rows in zip(paths, splits.values(), strict=True):
        lines = ({"text": text, "label": json.loads(label)} for text, label in rows[PAIR].itertuples(index=False))
        path.write_text("".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines), encoding="utf-8")
    return paths


def count_misread(path: Path) -> int:
    """Rows of which pandas, and so AutoTrain, reads the text or the label as missing, such as "n/a" and "None"."""
    return int(pd.read_csv(path).isna().any(axis=1).sum())


def write_config(folder: Path, config: Mapping[str, Any]) -> Path:
    """Write AutoTrain's config into the folder of the csv files."""
    path = folder / CONFIG
    path.write_text(CONFIG_HEAD + yaml.safe_dump(config, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def describe_training(task: str, base: str, splits: Splits, params: TrainParams) -> dict[str, Any]:
    """AutoTrain's config for the same base and knobs, as far as it has them; `base` is on the Hub, or a folder.

    AutoTrain refuses validation rows that lack a label of the training rows; without a valid_split it draws its own.
    """
    labels = {name: set(rows["label"]) for name, rows in splits.items()}
    epochs = params.epochs if isinstance(params.epochs, int) else max(params.epochs)
    return {
        "task": "text_classification",
        "base_model": base,
        "project_name": re.sub(r"[^A-Za-z0-9]+", "-", task)[:LONGEST_PROJECT_NAME].strip("-") or "distil",
        "log": "none",
        "backend": "local",
        "data": {
            "path": ".",
            "train_split": "train",
            "valid_split": "validation" if labels.get("validation") == labels["train"] else None,
            "column_mapping": {"text_column": "text", "target_column": "label"},
        },
        "params": {
            "epochs": epochs,
            "lr": params.learning_rate,
            "batch_size": params.batch_size // params.gradient_accumulation,
            "gradient_accumulation": params.gradient_accumulation,
            "scheduler": params.schedule,
            "warmup_ratio": params.warmup_share,
            "weight_decay": params.weight_decay,
            "max_grad_norm": params.max_grad_norm,
            "max_seq_length": params.max_length if isinstance(params.max_length, int) else 512,
            "mixed_precision": params.precision if params.precision in ("bf16", "fp16") else None,
            "seed": params.seed,
        },
    }
