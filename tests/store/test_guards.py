from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Project

from distil.core.errors import InputError
from distil.forms.answers import Answer
from distil.store.answer_store import Stored
from distil.store.guards import refuse_to_pay_again
from distil.store.opening import open_store, store_path

OUTPUT = Path("data/annotations.parquet")


def check(teachers: list[str], stored: str = "", stage: str = "annotate") -> None:
    with open_store(store_path()) as store:
        if stored:
            store.put_all([(stored, Stored(Answer("x"), stored))])
        refuse_to_pay_again(store, stage, OUTPUT, teachers)


def write_lock(**section: Any) -> None:
    lock = {"stages": {"annotate": {"cmd": "x", "params": {"params.yaml": {"annotate": section}}}}}
    Path("dvc.lock").write_text(yaml.safe_dump(lock))


@pytest.mark.parametrize(
    "section",
    [
        {"model": "paid", "server": "endpoint"},
        {"model": "paid"},
        {"teachers": ["other", "paid"]},
        {"teachers": [{"model": "paid", "server": "endpoint"}], "server": "local"},
        {"teachers": ["other", {"model": "paid", "protocol": "chat"}], "recording": {"text": "text"}},
    ],
)
def test_a_teacher_of_a_finished_run_without_any_answer_is_not_paid_again(
    project: Project, section: dict[str, Any]
) -> None:
    project()
    write_lock(**section)
    message = (
        r"answers.sqlite holds no answer of paid, but dvc.lock .*'dvc pull data/a.*'distil store import .*pay_again"
    )
    with pytest.raises(InputError, match=message):
        check(["paid"], stored="somebody else")
    check(["paid"], stored="paid")


@pytest.mark.parametrize(
    "section",
    [
        {"model": "another"},
        {"model": "paid", "server": "local"},
        {"model": "paid", "server": "endpoint", "recording": {"text": "text"}},
        {"teachers": ["another", {"model": "paid", "server": "local"}]},
    ],
)
def test_a_study_that_was_finished_with_others_is_no_hindrance(project: Project, section: dict[str, Any]) -> None:
    project()
    write_lock(**section)
    check(["paid"])


RECORDED = {"protocol": "recorded", "recording": {"text": "text"}}
LIVE_IN_ANNOTATE = {"teachers": ["other", {"model": "paid", "server": "endpoint"}], "server": "local"}


@pytest.mark.parametrize(
    ("section", "candidate", "paid"),
    [
        ({"model": "recorded"} | RECORDED, {"model": "paid", "protocol": "chat"}, True),
        ({"model": "paid"} | RECORDED, {"votes": 1}, False),
        (LIVE_IN_ANNOTATE, {"model": "paid"}, True),
        (LIVE_IN_ANNOTATE, {"model": "other"}, False),
        ({"teachers": ["other", {"model": "paid"} | RECORDED]}, {"model": "paid"}, False),
        ({"teachers": ["other", {"model": "paid"} | RECORDED]}, {"model": "paid", "protocol": "chat"}, True),
    ],
)
def test_a_candidate_on_record_was_asked_as_compare_reads_it(
    project: Project, section: dict[str, Any], candidate: dict[str, Any], paid: bool
) -> None:
    project()
    sections = {"annotate": section, "compare": {"candidates": [{"name": "one"} | candidate]}}
    lock = {"stages": {"compare": {"cmd": "x", "params": {"params.yaml": sections}}}}
    Path("dvc.lock").write_text(yaml.safe_dump(lock))
    if paid:
        with pytest.raises(InputError, match=r"holds no answer of paid, but dvc.lock records a finished compare"):
            check(["paid"], stage="compare")
    else:
        check(["paid", "other"], stage="compare")


def test_without_a_record_or_a_paid_teacher_all_is_well(project: Project) -> None:
    project()
    check(["paid"])
    Path("dvc.lock").write_text("")
    check(["paid"])
    Path("dvc.lock").write_text("{stages: {annotate: {cmd: x}}}")
    check(["paid"])
    write_lock(model="paid")
    check([])


@pytest.mark.parametrize(
    "content",
    [
        b"[1]",
        b"a: [",
        b"\xff",
        b"[" * 2_000,
        b"stages: 1",
        b"stages: {annotate: 1}",
        b"stages: {annotate: {params: {params.yaml: {annotate: {model: [1]}}}}}",
        b"stages: {annotate: {params: {params.yaml: {annotate: 3}}}}",
    ],
)
def test_a_lock_that_is_none_is_told_in_one_line(project: Project, content: bytes) -> None:
    project()
    Path("dvc.lock").write_bytes(content)
    with pytest.raises(InputError, match=r"^dvc.lock cannot be read \(.*'git checkout dvc.lock'") as caught:
        check(["paid"])
    assert "\n" not in str(caught.value)
