"""A small study of any kind in a git repository with DVC, whose revisions have the labels that a test writes down.

Sixty texts: of each three the first is a test row, the second has people's label too, the third has none. People's
label is right of the kind; where a plan says so, teacher or student give the wrong one, or the teacher none.
"""

import contextlib
import subprocess
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from dvc.repo import Repo

from distil.core.ids import text_id
from distil.core.metrics import write_metrics
from distil.core.params import Kind
from distil.core.tables import LABELS, PREDICTIONS, TEST, TEXTS, write_rows
from distil.diff.sides import Places
from distil.kinds.multi_label.labelling.canonical.label import write_label as write_set
from distil.kinds.token_classification.labelling.canonical.label import write_label as write_spans

ROWS = 60
KNOWN: dict[Kind, tuple[list[str], str, str]] = {  # the labels, the right one of each text, the wrong one
    "classification": (["negative", "positive"], "positive", "negative"),
    "multi_label": (["anger", "joy", "love"], write_set(["joy", "love"]), write_set(["joy"])),
    "token_classification": (
        ["person", "place"],
        write_spans([(0, 4, "person"), (14, 18, "place")]),
        write_spans([(0, 4, "person")]),
    ),
}
SERVED = "student_int8"
OUTS = {
    "annotate": ("prompt.md", "data/texts.parquet", ""),
    "aggregate": ("data/texts.parquet", "data/labels.parquet", ""),
    "split": (
        "data/labels.parquet",
        "data/test.parquet",
        " --texts data/texts.parquet --labels data/labels.parquet --test data/test.parquet",
    ),
    "train": ("data/test.parquet", "data/student.txt", ""),
    "export": ("data/student.txt", "data/onnx.txt", ""),
    "evaluate": (
        "data/onnx.txt",
        "data/predictions.parquet",
        " --predictions data/predictions.parquet --metrics metrics/quality.json",
    ),
}
PLACES = Places(
    texts=Path("data/texts.parquet"),
    labels=Path("data/labels.parquet"),
    test=Path("data/test.parquet"),
    predictions=Path("data/predictions.parquet"),
    quality=Path("metrics/quality.json"),
)
Numbers = Collection[int]


@dataclass(frozen=True)
class Plan:
    """Which of the rows are as they should not be, by their numbers."""

    kind: Kind = "classification"
    teacher_wrong: Numbers = ()
    teacher_silent: Numbers = ()
    student_wrong: Numbers = ()
    test: Numbers = range(0, ROWS, 3)
    unlabelled: Numbers = range(2, ROWS, 3)  # by people
    left_out: Numbers = ()
    served: str = SERVED
    corrected: Numbers = ()  # by people, to the wrong label


BEFORE = Plan(teacher_wrong={0, 3, 6, 1, 4, 2, 5}, student_wrong={0, 3})
AFTER = Plan(teacher_wrong={0, 9, 12, 1, 7, 5, 8}, teacher_silent={15}, student_wrong={3, 6, 9})


def name_text(number: int) -> str:
    return f"Anna sings in Oslo, take {number}"


def id_of(number: int) -> str:
    return text_id(name_text(number))


def write_study(folder: Path, plan: Plan) -> None:
    """Write params, tables and metrics as a run of the study would leave them."""
    labels, right, wrong = KNOWN[plan.kind]
    task = {"name": "toy", "kind": plan.kind, "description": "Which?", "language": "en", "labels": labels}
    (folder / "params.yaml").write_text(yaml.safe_dump({"task": task}), encoding="utf-8")
    rows = [number for number in range(ROWS) if number not in plan.left_out]
    gold = {number: None if number in plan.unlabelled else right for number in rows}
    texts = [{"id": id_of(number), "text": name_text(number), "gold": gold[number], "split": None} for number in rows]
    write_rows(folder / "data/texts.parquet", TEXTS, texts)
    write_rows(folder / "data/labels.parquet", LABELS, [_decide(number, plan, right, wrong) for number in rows])
    test = [number for number in rows if number in plan.test]
    tested = [{"id": id_of(number), "text": name_text(number), "gold": gold[number]} for number in test]
    write_rows(folder / "data/test.parquet", TEST, tested)
    said = [
        {"id": id_of(number), "system": system, "label": wrong if number in plan.student_wrong else right}
        | {"probabilities": None, "right": None}
        for system in ("student", plan.served)
        for number in test
    ]
    write_rows(folder / "data/predictions.parquet", PREDICTIONS, said)
    write_metrics(folder / "metrics/quality.json", {}, {"served": plan.served, "confidence": 0.95})
    for name in ("prompt.md", "data/student.txt", "data/onnx.txt"):
        (folder / name).write_text(f"{plan}\n", encoding="utf-8")


def _decide(number: int, plan: Plan, right: str, wrong: str) -> dict[str, Any]:
    silent = number in plan.teacher_silent
    said = None if silent else wrong if number in plan.teacher_wrong else right
    return {
        "id": id_of(number),
        "teacher_label": said,
        "label": wrong if number in plan.corrected else said,
        "soft": None if silent else _soften(plan.kind),
        "votes": 0 if silent else 3,
        "reason": None if silent else f"Since it is take {number}.",
        "abstained": "tie" if silent else None,
        "source": "human" if number in plan.corrected else "teacher",
    }


def _soften(kind: Kind) -> list[float]:
    return (
        [0.0, 4.0, 0.0, 2 / 3] if kind == "token_classification" else [1 / 3, 2 / 3, *[0.0] * (kind == "multi_label")]
    )


def git(folder: Path, *words: str) -> None:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def start_repository(folder: Path) -> None:
    """An empty project under git and DVC; `first` is its commit without any run."""
    stages: dict[str, dict[str, Any]] = {
        name: {"cmd": f"python -m stages.{name}{options}", "deps": [dep], "outs": [out]}
        for name, (dep, out, options) in OUTS.items()
    }
    stages["evaluate"] |= {"metrics": [{"metrics/quality.json": {"cache": False}}]}
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}), encoding="utf-8")
    (folder / ".gitignore").write_text("/data\n", encoding="utf-8")
    git(folder, "init", "--quiet", "-b", "main")
    Repo.init(str(folder)).close()
    commit(folder, "first")


def commit(folder: Path, name: str) -> None:
    """Commit what git does not ignore, and tag it."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", name)
    git(folder, "tag", name)


def commit_study(folder: Path, name: str, plan: Plan) -> None:
    """Write a study, record it as DVC would have run it, and commit it under a tag."""
    write_study(folder, plan)
    with contextlib.chdir(folder), Repo() as repo:  # DVC looks for dvc.yaml in the working folder
        repo.commit(force=True)
    commit(folder, name)


def of_kind(plan: Plan, kind: Kind) -> Plan:
    return replace(plan, kind=kind)
