"""A small pipeline under git and DVC that is edited, planned and reproduced."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.repo import Repo

from distil.planning.pipeline import Step, read_pipeline

RAN = "ran.log"
STAGES = ["clean", "label", "learn", "time", "tell", "draw"]
DVC: dict[str, Any] = {
    "stages": {
        "clean": {
            "cmd": f"echo clean >> {RAN}; sort -u texts.txt > clean.txt",
            "deps": ["texts.txt", "code/clean.sh"],
            "outs": ["clean.txt"],
        },
        "label": {
            "cmd": f"echo label >> {RAN}; grep -c . clean.txt > labels.txt; echo '\"count\"' > labels.json",
            "deps": ["clean.txt", "${label.prompt}", "code"],
            "params": ["label"],
            "outs": ["labels.txt"],
            "metrics": [{"labels.json": {"cache": False}}],
        },
        "learn": {
            "cmd": f"echo learn >> {RAN}; mkdir -p model; "
            "(cat labels.txt; grep rate params.yaml) > model/weights; echo '\"loss\"' > learn.json",
            "deps": ["labels.txt"],
            "params": ["learn"],
            "outs": ["model"],
            "metrics": [{"learn.json": {"cache": False}}],
        },
        "time": {
            "cmd": f"echo time >> {RAN}; date +%s%N > speed.txt",
            "deps": ["model/weights"],
            "params": ["time"],
            "outs": ["speed.txt"],
            "meta": {"measured": ["speed.txt"]},
        },
        "tell": {
            "cmd": f"echo tell >> {RAN}; cat speed.txt labels.txt > story.txt; echo '\"told\"' > tell.json",
            "deps": ["speed.txt", "labels.txt"],
            "params": ["tell"],
            "outs": ["story.txt"],
            "metrics": [{"tell.json": {"cache": False}}],
        },
        "draw": {
            "cmd": f"echo draw >> {RAN}; sed s/^/-/ clean.txt > picture.txt",
            "deps": ["clean.txt"],
            "params": ["draw"],
            "outs": ["picture.txt"],
        },
    }
}
PARAMS: dict[str, Any] = {
    "label": {"prompt": "a.md", "votes": 1},
    "learn": {"rate": 1},
    "time": {"rounds": 1},
    "tell": {"rows": 1},
    "draw": {"width": 1},
}


class Toy:
    """A small project under git and DVC."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.params = yaml.safe_load(yaml.safe_dump(PARAMS))

    def start(self) -> None:
        (self.folder / "code").mkdir()
        for name, text in {"texts.txt": "b\na\n", "a.md": "A\n", "b.md": "B\n", "code/clean.sh": "1\n"}.items():
            (self.folder / name).write_text(text)
        (self.folder / "code/label.sh").write_text("1\n")
        self.write_dvc(DVC)
        self.edit()
        (self.folder / ".gitignore").write_text(f"{RAN}\n")
        self.git("init", "-q", "-b", "main")
        Repo.init(str(self.folder)).close()
        self.repro()
        self.git("add", "-A")
        self.git("commit", "-qm", "toy")

    def write_dvc(self, pipeline: dict[str, Any]) -> None:
        (self.folder / "dvc.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False, width=1000))

    def change_stage(self, name: str, **keys: Any) -> None:
        pipeline = yaml.safe_load((self.folder / "dvc.yaml").read_text())
        pipeline["stages"][name] |= keys
        self.write_dvc(pipeline)

    def edit(self, section: str | None = None, **changes: Any) -> None:
        if section:
            self.params[section] |= changes
        (self.folder / "params.yaml").write_text(yaml.safe_dump(self.params))

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def remove(self, *names: str) -> None:
        for name in names:
            path = self.folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def forget_cache(self) -> None:
        shutil.rmtree(self.folder / ".dvc/cache")

    def forget_runs(self) -> None:
        shutil.rmtree(self.folder / ".dvc/cache/runs", ignore_errors=True)

    def repro(self) -> list[str]:
        log = self.folder / RAN
        before = len(log.read_text().splitlines()) if log.exists() else 0
        with Repo(str(self.folder)) as repo:
            repo.reproduce()
        return log.read_text().splitlines()[before:] if log.exists() else []

    def git(self, *arguments: str) -> None:
        name = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", *name, *arguments], cwd=self.folder, check=True, capture_output=True)


Edit = Callable[[Toy], None]


def together(*edits: Edit) -> Edit:
    """One edit after the other."""

    def edit(toy: Toy) -> None:
        for each in edits:
            each(toy)

    return edit


W, M, R = "will run", "may run", "restored"
FROM_LABEL = {"learn": M, "time": M, "tell": M}


def enter_copy(project: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    """A copy of a project in a folder, to do as one likes with, which is the working folder."""
    shutil.copytree(project, folder / "project", symlinks=True)
    monkeypatch.chdir(folder / "project")
    return Toy(folder / "project")


def states(steps: list[Step]) -> dict[str, str]:
    return {step.name: step.state for step in steps if step.state != "unchanged"}


def clone(toy: Toy, *, keep_cache: bool = False) -> None:
    """Go on in a fresh clone, without the files that git ignores."""
    toy.git("clean", "-fdxq", *(["-e", ".dvc/cache"] if keep_cache else []))


def check_against_what_runs(toy: Toy, expected: dict[str, str]) -> None:
    planned = states(read_pipeline())
    ran = set(toy.repro())
    assert planned == expected
    assert {stage for stage, state in planned.items() if state == "will run"} <= ran
    assert ran <= {stage for stage, state in planned.items() if state in ("will run", "may run")}
    assert states(read_pipeline()) in ({}, {"draw": "will run"}, {"label": "frozen"})
