from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from conftest import Project

from distil.core.errors import InputError
from distil.core.metrics import read_details, read_metrics
from distil.core.tables import LABELS, TEST, TEXTS, TRAIN, read_rows, write_rows
from stages.split import main

NAMES = "texts.parquet labels.parquet train.parquet validation.parquet test.parquet teacher.json"
PATHS = tuple(map(Path, NAMES.split()))


def set_up(project: Project, count: int, gold: str | None = "positive", **params: Any) -> None:
    folder = project(split={"test_share": 0.2, "validation_share": 0.1, "salt": "s"} | params)
    ids = [f"{number:016x}" for number in range(count)]
    texts = [{"id": text_id, "text": f"text {text_id}", "gold": gold} for text_id in ids]
    labels = [
        {"id": text_id, "teacher_label": name, "label": name, "soft": [0.5, 0.5], "votes": 1, "source": "teacher"}
        for number, text_id in enumerate(ids)
        for name in [(None, "positive", "negative", "positive")[number % 4]]
    ]
    write_rows(folder / "texts.parquet", TEXTS, texts)
    write_rows(folder / "labels.parquet", LABELS, labels)


def tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    return read_rows(PATHS[2], TRAIN), read_rows(PATHS[3], TRAIN), read_rows(PATHS[4], TEST)


def test_every_row_goes_to_one_place_and_an_abstention_to_test_only(project: Project) -> None:
    set_up(project, 400)
    main(*PATHS)
    train, validation, test = tables()
    ids = [*train["id"], *validation["id"], *test["id"]]
    assert len(set(ids)) == len(ids)
    assert len(ids) + 100 > 400 > len(ids)
    assert train["label"].notna().all()
    assert list(train.columns) == TRAIN.names
    metrics = read_details(PATHS[5])
    on_test, on_dev = metrics["test"], metrics["dev"]
    headline = {"accuracy": on_test["accuracy"], "macro_f1": on_test["macro_f1"], "dev_accuracy": on_dev["accuracy"]}
    assert read_metrics(PATHS[5]) == {"teacher": headline, "details": [metrics]}
    assert metrics["test"]["rows"] == len(test)
    assert metrics["test"]["rows"] + metrics["dev"]["rows"] == 400
    assert metrics["dev"]["accuracy"] == pytest.approx(0.5, abs=0.06)  # half positive; a quarter abstained, and wrong


def test_without_gold_nothing_is_called_accuracy(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    set_up(project, 400, gold=None)
    main(*PATHS)
    assert len(tables()[2]) > 30
    assert read_details(PATHS[5])["test"] == {"rows": 0, "abstained": 0, "accuracy": None, "macro_f1": None}
    assert "unknown (no gold labels)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("count", "params", "message"),
    [
        (3, {"test_share": 0.01}, r"no row for .*test \(.*of 3 texts 3 have a gold label and 2 a teacher's label"),
        (1, {}, "no row for train"),
        (40, {"validation_share": 0.001}, "no row for validation"),
        (40, {"test_share": 1.5}, r"split.test_share = 1.5"),
    ],
)
def test_too_few_rows_are_counted_in_one_line(
    project: Project, count: int, params: dict[str, Any], message: str
) -> None:
    set_up(project, count, **params)
    with pytest.raises(InputError, match=message):
        main(*PATHS)


def test_no_validation_rows_are_needed_if_none_were_asked_for(project: Project) -> None:
    set_up(project, 40, validation_share=0)
    main(*PATHS)
    assert tables()[1].empty


def test_a_missing_table_says_what_to_do(project: Project) -> None:
    set_up(project, 4)
    PATHS[0].unlink()
    with pytest.raises(InputError, match=r"texts\.parquet is missing; 'dvc repro' writes it"):
        main(*PATHS)
