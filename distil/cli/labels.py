"""The command `distil export-labels`: the labels as files that others train on."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from distil.assets.references import resolve
from distil.cli.project import check_fresh, stage_path
from distil.core.errors import InputError
from distil.core.metrics import read_details
from distil.core.params import TaskParams, load_params
from distil.core.tables import TEST, count_rows
from distil.publish.label_files import (
    Splits,
    count_misread,
    describe_training,
    gather_splits,
    write_config,
    write_csv,
    write_jsonl,
    write_parquet,
)
from distil.report.findings import find_hub_name
from distil.student.params import TrainParams

TABLES = ("train", "validation", "test", "labels")
STAGES = ("annotate", "aggregate", "split")  # that make the labels
MISREAD = "texts or labels that pandas reads as missing, such as n/a: AutoTrain would too; the parquet file has them"


def export_labels(folder: Annotated[Path, typer.Argument(help="Folder to write to; made if it is not there.")]) -> None:
    """Write the labels as train.csv and test.csv (text, label), as parquet, and as a config for AutoTrain.

    Labels that are sets or spans go into train.jsonl and test.jsonl instead, and no config is written.
    """
    splits, without = read_splits()
    task = load_params("task", TaskParams)
    one_label = task.kind == "classification"
    try:
        tables = write_csv(folder, splits) if one_label else write_jsonl(folder, splits)
        parquet = write_parquet(folder, splits)
        if one_label:
            config = write_config(folder, describe_training(task.name, find_base(), splits, read_train_params()))
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error}); name another folder") from None
    for path, rows in zip(tables, splits.values(), strict=True):
        misread = count_misread(path) if one_label else 0
        typer.echo(f"{path}: {len(rows):,} rows" + (f"; {misread:,} {MISREAD}" if misread else ""))
    if without:
        typer.echo(f"{without:,} test texts have no label, neither people's nor the teacher's, and are left out")
    typer.echo(f"{', '.join(path.name for path in parquet)}: the same rows with votes, shares and reasons")
    if one_label:
        typer.echo(f"{config}: now 'cd {folder} && autotrain --config {config.name}'")


def read_splits() -> tuple[Splits, int]:
    """The labelled rows of each split, and how many test rows have no label.

    Raises `InputError` if they are not what the study as it stands makes, or none is to train on.
    """
    train, validation, test, labels = (stage_path("split", f"--{name}") for name in TABLES)
    check_fresh(STAGES)
    splits = gather_splits(train, validation, test, labels)
    if "train" not in splits:
        raise InputError(f"{train} has no rows; see section split in params.yaml")
    return splits, count_rows(test, TEST) - len(splits.get("test", ()))


def find_base() -> str:
    """The student's base as others open it: its name on the Hub, or else its folder on this machine."""
    base = load_params("train", TrainParams).base
    return find_hub_name(base) or str(resolve(base, stage_path("train", "--assets")).absolute())


def read_train_params() -> TrainParams:
    """The knobs of training as they were fitted to these rows, where the student of the same base is trained."""
    params = load_params("train", TrainParams)
    path = stage_path("train", "--metrics")
    trained = read_details(path) if path.is_file() else {}
    if trained.get("base") != params.base:
        return params
    try:
        recipe = trained["recipe"] or {}
        fitted = {name: recipe[name]["value"] for name in ("learning_rate", "epochs") if name in recipe}
        return TrainParams.model_validate(params.model_dump() | fitted | {"max_length": trained["max_length"]})
    except (TypeError, ValidationError):
        raise InputError(f"{path} has no recipe that train knows; 'dvc repro' writes it anew") from None
