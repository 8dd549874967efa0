"""A small study for the commands: ten texts, a teacher on loopback, and candidates."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from annotating import PATHS, set_up
from conftest import ROOT, Project
from loopback_teacher import LoopbackTeacher, chat_answer
from stage_command import name_paths
from typer.testing import CliRunner, Result

from distil.cli.main import app
from distil.core.ids import text_id
from distil.core.tables import TEXTS, write_rows
from distil.store.opening import open_store, store_path
from stages import compare

TEN = [f"text {number}" for number in range(10)]
COMPARE_PATHS = (
    *(PATHS[0], Path("prompts"), ROOT / "prices", PATHS[1]),
    *map(Path, ("comparison.parquet", "compare.json", "candidates.csv")),
)
PRICED = {"hardware": "c7a.large", "compare_models": []}
PRICE = {"teacher_usd_per_million_tokens": {"input": 1, "output": 5}}


def answer(_body: dict[str, Any], _number: int) -> dict[str, Any]:
    return chat_answer("positive")


def set_up_study(project: Project, server: LoopbackTeacher, **annotate_params: Any) -> Path:
    set_up(project, server, TEN, **annotate_params)
    paths = {"annotate": PATHS, "compare": COMPARE_PATHS}
    commands = {stage: " ".join(["python -m stages", *name_paths(stage, *paths[stage])]) for stage in paths}
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": {stage: {"cmd": cmd} for stage, cmd in commands.items()}}))
    return Path.cwd()


def call(*arguments: str | Path, typed: str | None = None) -> str:
    result: Result = CliRunner().invoke(app, list(map(str, arguments)), input=typed, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def stored() -> int:
    with open_store(store_path()) as store:
        return len(store)


def move_to_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTIL_STORE", str(Path("another/answers.sqlite").absolute()))


def set_up_candidates(project: Project, server: LoopbackTeacher) -> None:
    """The study of `set_up_study`, whose teacher votes once, and two candidates: one of them votes twice."""
    set_up_study(project, server)
    rows = [{"id": text_id(text), "text": text, "gold": "positive"} for text in TEN]
    write_rows(PATHS[0], TEXTS, rows)
    candidates = [{"name": "as it is"}, {"name": "twice", "votes": 2}]
    project(compare={"rows": "gold", "candidates": candidates}, split={}, aggregate={}, cost=PRICED)


def compare_candidates() -> Path:
    compare.main(*COMPARE_PATHS)
    return COMPARE_PATHS[4]
