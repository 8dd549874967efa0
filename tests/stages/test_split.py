from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from annotating import ANNOTATE
from conftest import Project

from distil.audit.rows import HEADER
from distil.core.errors import InputError
from distil.core.ids import text_id
from distil.core.metrics import read_details, read_metrics
from distil.core.tables import CALIBRATION, LABELS, TEST, TEXTS, TRAIN, read_rows, write_rows
from stages.split import main

TABLES = "texts labels train validation calibration test"
PATHS = (*(Path(f"{name}.parquet") for name in TABLES.split()), Path("teacher.json"), Path("audit.csv"))


def set_up(project: Project, count: int, gold: str | None = "positive", **params: Any) -> None:
    folder = project(split={"test_share": 0.2, "validation_share": 0.1, "salt": "s"} | params, annotate=ANNOTATE)
    (folder / "prompt.md").write_text("{text}\n")
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
    return read_rows(PATHS[2], TRAIN), read_rows(PATHS[3], TRAIN), read_rows(PATHS[5], TEST)


def test_every_row_goes_to_one_place_and_an_abstention_to_test_only(project: Project) -> None:
    set_up(project, 400)
    main(*PATHS)
    train, validation, test = tables()
    ids = [*train["id"], *validation["id"], *test["id"]]
    assert len(set(ids)) == len(ids)
    assert len(ids) + 100 > 400 > len(ids)
    assert train["label"].notna().all()
    assert list(train.columns) == TRAIN.names
    metrics = read_details(PATHS[6])
    on_test, on_dev = metrics["test"], metrics["dev"]
    headline = {"accuracy": on_test["accuracy"], "macro_f1": on_test["macro_f1"], "dev_accuracy": on_dev["accuracy"]}
    assert read_metrics(PATHS[6]) == {"teacher": headline, "details": [metrics]}
    assert metrics["test"]["rows"] == len(test)
    assert metrics["test"]["rows"] + metrics["dev"]["rows"] == 400
    assert metrics["dev"]["accuracy"] == pytest.approx(0.5, abs=0.06)  # half positive; a quarter abstained, and wrong


def test_without_gold_nothing_is_called_accuracy(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    set_up(project, 400, gold=None)
    main(*PATHS)
    assert len(tables()[2]) > 30
    assert read_details(PATHS[6])["test"] == {"rows": 0, "abstained": 0, "accuracy": None, "macro_f1": None}
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


def write_texts(texts: list[str], split: str | None = None) -> None:
    """Another table of texts for the labels that are there."""
    ids = read_rows(PATHS[0], TEXTS)["id"]
    rows = zip(ids, texts, strict=True)
    gold = [{"id": text_id, "text": text, "gold": "positive", "split": split} for text_id, text in rows]
    write_rows(PATHS[0], TEXTS, gold)


def test_near_duplicates_across_the_split_are_counted_and_told(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up(project, 400)
    write_texts([f"Sentence number {number // 2 * 7919} of this list{'!' * (number % 2)}" for number in range(400)])
    main(*PATHS)
    near = read_details(PATHS[6])["near_duplicates"]
    assert near["test"] > 20
    assert near["train_and_validation"] > 20
    assert near["left_out"] == 0
    said = capsys.readouterr().err
    assert f"split: {near['test']} of {len(tables()[2])} test texts have near-duplicates" in said
    assert f"train or validate ({near['train_and_validation']}), such as 'Sentence number" in said
    assert "!', which flatters scores; split.near_duplicates: together keeps" in said
    alone = set(tables()[2]["id"])
    project(split={"salt": "s", "near_duplicates": "together"})
    main(*PATHS)
    assert alone < set(tables()[2]["id"])
    assert read_details(PATHS[6])["near_duplicates"] == {"test": 0, "train_and_validation": 0, "left_out": 0}
    assert capsys.readouterr().err == ""


def test_what_scores_and_is_shown_to_the_teacher_is_told(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    set_up(project, 0)
    texts = [f"{text_id(str(number))} is the text" for number in range(100)]
    told = {"teacher_label": "positive", "label": "positive", "soft": [0, 1], "votes": 1, "source": "teacher"}
    write_rows(PATHS[0], TEXTS, [{"id": text_id(text), "text": text, "gold": "positive"} for text in texts])
    write_rows(PATHS[1], LABELS, [{"id": text_id(text)} | told for text in texts])
    main(*PATHS)
    test = tables()[2]["text"].to_list()
    learnt = next(text for text in texts if text not in test)
    project(annotate=ANNOTATE | {"examples": {"file": "examples.csv", "nearest": 0}})
    show = (
        "warning: 2 texts of test, or that people read blind, are examples of examples.csv, or nearly the same as one"
    )
    for shown, said in (([learnt], ""), ([learnt, *test[:2]], show)):
        Path("examples.csv").write_text("text,label\n" + "".join(f"{text},positive\n" for text in shown))
        main(*PATHS)
        assert capsys.readouterr().err.startswith(said)
        assert bool(said) == ("examples.csv" in said)
    for content in (b"", b"a,b\n1,2\n", b"text\n\xff\xfe\n"):
        Path("examples.csv").write_bytes(content)
        main(*PATHS)
    Path("examples.csv").unlink()
    main(*PATHS)
    assert capsys.readouterr().err == "", "annotate refuses such a file as soon as it is shown"
    Path("prompt.md").write_text(f"---\nexamples:\n  - text: {test[0]}\n    label: positive\n---\n{{text}}\n")
    main(*PATHS)
    assert "warning: 1 texts of test, or that people read blind, are examples of prompt.md" in capsys.readouterr().err


def test_texts_that_are_all_test_score_the_teacher(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    set_up(project, 40)
    write_texts([f"text {number}" for number in range(40)], split="test")
    main(*PATHS)
    train, validation, test = tables()
    assert (len(train), len(validation), len(test)) == (0, 0, 40)
    assert read_details(PATHS[6])["test"]["accuracy"] == 0.5
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert said.err.startswith("split: every text is a test row, as its source says: they score the teacher")
    assert "40 test; teacher's accuracy 0.500 (40 rows) on test" in said.out


def test_calibration_rows_are_nobody_else_s_and_leave_test_and_validation_as_they_were(project: Project) -> None:
    set_up(project, 400)
    main(*PATHS)
    assert read_rows(PATHS[4], CALIBRATION).empty
    before, validation, test = tables()
    set_up(project, 400, calibration_share=0.25)
    main(*PATHS)
    train, *rest = tables()
    assert [set(part["id"]) for part in rest] == [set(validation["id"]), set(test["id"])]
    calibration = read_rows(PATHS[4], CALIBRATION)
    assert set(before["id"]) - set(train["id"]) == set(calibration.loc[calibration["teacher_label"].notna(), "id"])
    assert 50 < len(calibration) < 110
    assert calibration["gold"].notna().all()
    assert 0.1 < calibration["teacher_label"].isna().mean() < 0.4, "those on which the teacher abstained are among them"
    assert not set(calibration["id"]) & {*train["id"], *validation["id"], *test["id"]}


def test_a_calibration_share_that_draws_nothing_is_told(project: Project) -> None:
    set_up(project, 40, calibration_share=0.001)
    with pytest.raises(InputError, match=r"no row for calibration .* split\.calibration_share"):
        main(*PATHS)


def write_audit(ids: list[str], label: str = "positive") -> None:
    lines = [f"{each},{each}{'0' * 48},{label},ann,2026-01-01,,labelled,s,100,0.1\n" for each in ids]
    PATHS[7].write_text(f"{HEADER}\n{''.join(lines)}")


def test_audited_rows_train_and_validate_nothing_and_test_rows_stay(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up(project, 400, gold=None)
    main(*PATHS)
    parts, bytes_before = tables(), [path.read_bytes() for path in PATHS[2:6]]
    write_audit([])
    main(*PATHS)
    assert [path.read_bytes() for path in PATHS[2:6]] == bytes_before, "a file without rows changes nothing"
    audited = [*parts[0]["id"][:5], *parts[1]["id"][:2], *parts[2]["id"][:3], "f" * 16]
    write_audit(audited)
    main(*PATHS)
    train, validation, test = tables()
    assert set(train["id"]) == set(parts[0]["id"]) - set(audited)
    assert set(validation["id"]) == set(parts[1]["id"]) - set(audited)
    assert test.equals(parts[2])
    assert "7 read blind by people" in capsys.readouterr().out
    write_audit(audited[:1], label="neutral")
    with pytest.raises(InputError, match=r"audit.csv, text .*: the label neutral is not in task.labels"):
        main(*PATHS)
