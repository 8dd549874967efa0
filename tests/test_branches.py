"""Branches, merges, experiments and clones, as docs/experiments.md has them: what runs, and what is asked."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from dvc.repo import Repo
from loopback_teacher import LoopbackTeacher, prompt_of, serve_teacher
from stage_server import serve_stages
from tiny_model import make_tiny_model
from toy_study import BAD, GOOD, PROMPT, behave, copy_toy, toy_params, write_corpus

pytestmark = pytest.mark.slow
ROWS = 40
STAGES = ["fetch", "annotate", "aggregate", "split"]  # a second each; those after them go by the same rules
PRICE = {"input": 1.0, "output": 1.0}  # so that the guard of what was paid for is at its post


def answer(body: dict[str, Any], number: int) -> str:
    """The toy teacher, which is never wrong where it is asked to mind."""
    if "Mind" not in prompt_of(body):
        return behave(body, number)
    return "positive" if any(word in prompt_of(body) for word in GOOD) else "negative"


class Study:
    """A clone of the toy project, and what its teacher is asked."""

    def __init__(self, folder: Path, teacher: LoopbackTeacher, log: Path) -> None:
        self.folder = folder
        self.teacher = teacher
        self.log = log
        self.before = len(teacher.bodies)

    def run(self, *words: str, fails: bool = False) -> str:
        """What a command prints."""
        done = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, check=False)
        assert bool(done.returncode) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def git(self, *words: str, fails: bool = False) -> str:
        return self.run("git", *words, fails=fails)

    def dvc(self, *words: str, fails: bool = False) -> str:
        return self.run(sys.executable, "-m", "dvc", *words, fails=fails)

    def distil(self, *words: str, fails: bool = False) -> str:
        return self.run(sys.executable, "-m", "distil", *words, fails=fails)

    def repro(self) -> list[str]:
        """Reproduce, and return the stages whose command really ran."""
        before = len(self.log.read_text().splitlines())
        with self.repo() as repo:
            repo.reproduce()
        return [line.removeprefix("stages.") for line in self.log.read_text().splitlines()[before:]]

    @contextmanager
    def repo(self) -> Iterator[Repo]:
        """DVC without a process of its own, which would take a second to start."""
        with chdir(self.folder), Repo() as repo:
            yield repo

    def asked(self) -> int:
        """How many requests the teacher got since this was asked last."""
        before, self.before = self.before, len(self.teacher.bodies)
        return self.before - before

    def edit(self, section: str, **changes: Any) -> None:
        path = self.folder / "params.yaml"
        params = yaml.safe_load(path.read_text())
        params[section] |= changes
        path.write_text(yaml.safe_dump(params))

    def write_prompt(self, words: str, name: str = PROMPT) -> None:
        (self.folder / name).write_text(f"{words}, {{labels}}?\nText: {{text}}\n")

    def clean(self) -> None:
        """Nothing is to be committed, and nothing to be run."""
        assert self.git("status", "--porcelain") == ""
        with self.repo() as repo:
            assert repo.status() == {}

    def run_queue(self) -> str:
        """Have two workers do what is queued; one that ends before it sees anything is started anew."""
        status = ""
        for _ in range(120):
            if not status or "Worker status: 0 active, 0 idle" in status:
                self.dvc("queue", "start", "--jobs", "2")
            time.sleep(2)
            status = self.dvc("queue", "status")
            if not re.search("Running|Queued", status):
                return status
        raise TimeoutError(status)


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    """The toy study, reproduced, committed and pushed to a remote that is a folder."""
    place = tmp_path_factory.mktemp("branches")
    folder = place / "origin"
    copy_toy(folder, ROWS)
    keep_stages(folder / "dvc.yaml")
    base = make_tiny_model(place / "base", texts=[*GOOD, *BAD, "item is"], layers=1)
    with (
        pytest.MonkeyPatch.context() as patch,
        serve_teacher(answer) as teacher,
        serve_stages(place / "server") as log,
    ):
        patch.setenv("PATH", str(log.parent / "bin"), prepend=os.pathsep)
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("DISTIL_STORE", str(place / "answers.sqlite"))
        patch.setenv("TOY_KEY", "sk-planted-here")
        for who in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{who}_NAME", "t")
            patch.setenv(f"GIT_{who}_EMAIL", "t@example.org")
        params = toy_params(base, teacher.url)
        params["compare"] = {"candidates": []}
        params["cost"]["teacher_usd_per_million_tokens"] = PRICE
        (folder / "params.yaml").write_text(yaml.safe_dump(params))
        study = Study(folder, teacher, log)
        study.git("init", "--quiet", "--initial-branch", "main")
        study.dvc("init", "--quiet")
        study.dvc("remote", "add", "--default", "team", str(place / "remote"))
        assert study.repro() == STAGES
        assert study.asked() == ROWS
        study.git("add", "--all")
        study.git("commit", "--quiet", "--message", "the first run")
        study.dvc("push", "--run-cache", "--quiet")
        yield study


def keep_stages(dvc_file: Path) -> None:
    """Leave the first stages alone in dvc.yaml, as they are."""
    project = yaml.safe_load(dvc_file.read_text())
    dvc_file.write_text(yaml.safe_dump({"stages": {name: project["stages"][name] for name in STAGES}}))


@pytest.fixture
def study(origin: Study, tmp_path: Path) -> Study:
    """A clone in which nothing is to be run; it shares the store with the others."""
    return clone(origin, tmp_path / "clone")


def clone(origin: Study, folder: Path) -> Study:
    study = Study(origin.folder, origin.teacher, origin.log)
    study.git("clone", "--quiet", str(origin.folder), str(folder))
    study.folder = folder
    with study.repo() as repo:
        repo.pull(run_cache=True)
    return study


def test_a_branch_asks_what_is_new_is_compared_and_merged(study: Study) -> None:
    study.git("switch", "--quiet", "--create", "prompt-v2")
    study.write_prompt("Mind")
    assert study.repro() == ["annotate", "aggregate", "split"]
    assert study.asked() == ROWS
    told = study.dvc("metrics", "diff", "main", "--md")
    assert re.search(r"\| metrics.teacher.json +\| teacher.accuracy +\| 0\.\d+ +\| 1\.0 ", told)
    study.git("commit", "--quiet", "--all", "--message", "mind")
    study.git("switch", "--quiet", "main")
    with study.repo() as repo:
        repo.checkout()
    assert study.repro() == []
    study.git("merge", "--quiet", "prompt-v2")
    assert study.repro() == []  # DVC brings what ran before out of its cache
    assert study.asked() == 0
    study.clean()


def commit_branch(study: Study, name: str) -> None:
    study.git("switch", "--quiet", "--create", name, "main")
    if name == "prompt":
        study.write_prompt("Mind you")
    else:
        study.edit("aggregate", min_agreement=0.1)
        study.edit("split", salt="another")
    study.repro()
    study.git("commit", "--quiet", "--all", "--message", name)


def test_branches_whose_lock_conflicts_are_merged_by_repro_to_the_same_end_in_either_order(study: Study) -> None:
    commit_branch(study, "prompt")
    commit_branch(study, "params")
    study.asked()
    ends = []
    for ours, theirs in (("prompt", "params"), ("params", "prompt")):
        study.git("switch", "--quiet", "--create", f"{theirs}-into-{ours}", ours)
        told = study.git("merge", theirs, fails=True)
        assert "CONFLICT (content): Merge conflict in dvc.lock" in told
        assert "<<<<<<<" not in "".join(path.read_text() for path in tracked(study))
        study.git("commit", "--message", "too early", fails=True)
        study.repro()
        study.git("commit", "--quiet", "--all", "--message", "merged")
        study.clean()
        ends.append([path.read_bytes() for path in tracked(study)])
    assert ends[0] == ends[1]
    assert study.asked() == 0


def tracked(study: Study) -> list[Path]:
    return [study.folder / "dvc.lock", *sorted((study.folder / "metrics").iterdir())]


def test_an_experiment_in_the_working_tree_becomes_a_branch(study: Study) -> None:
    study.write_prompt("Mind this", "prompts/new.md")
    told = study.dvc("exp", "run", "--name", "new", "--set-param", "annotate.prompt=prompts/new.md")
    assert "Experiment results have been applied to your workspace" in told
    assert study.asked() == ROWS
    assert "annotate.prompt" in study.dvc("params", "diff", "main")
    study.dvc("exp", "branch", "new", "new-prompt")
    study.git("stash", "--quiet", "--include-untracked")
    study.git("switch", "--quiet", "new-prompt")
    assert (study.folder / "prompts/new.md").exists()
    assert study.repro() == []
    study.git("switch", "--quiet", "main")
    study.dvc("exp", "apply", "new")
    assert study.repro() == []
    assert study.asked() == 0


@pytest.mark.long  # by DVC's own workers, which may wait for ever in a container
def test_experiments_aside_and_in_a_queue_find_key_and_store_and_pay_once(study: Study) -> None:
    study.write_prompt("Mind that", "prompts/aside.md")
    prompt = ("--set-param", "annotate.prompt=prompts/aside.md")
    assert "No such file" in study.dvc("exp", "run", "--temp", *prompt, fails=True)
    assert study.asked() == 0
    study.git("add", "prompts/aside.md")
    study.dvc("exp", "run", "--temp", *prompt)
    assert study.asked() == ROWS
    study.teacher.delay_s = 0.2  # so that both are at it when the teacher is asked
    shares = ("--set-param", "aggregate.min_agreement=0.2,0.3")
    study.dvc("exp", "run", "--queue", *prompt, "--set-param", "+annotate.votes=2", *shares)
    status = study.run_queue()
    study.teacher.delay_s = 0.0
    assert len(re.findall("Success", status)) == 2, status
    assert study.asked() == ROWS  # a second vote, once
    assert len({json.dumps(body, sort_keys=True) for body in study.teacher.bodies}) == len(study.teacher.bodies)
    assert study.git("status", "--porcelain") == "A  prompts/aside.md\n"


def test_a_colleague_s_clone_runs_nothing_and_pays_for_what_is_new_alone(
    study: Study, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answers = tmp_path / "answers.jsonl"
    study.write_prompt("Mind all")
    study.repro()
    assert study.asked() == ROWS
    study.git("checkout", "--quiet", ".")
    study.distil("store", "export", str(answers), "--all")
    monkeypatch.setenv("DISTIL_STORE", str(tmp_path / "the colleague's" / "answers.sqlite"))
    with study.repo() as repo:
        repo.checkout()
    assert study.repro() == []
    write_corpus(study.folder, ROWS + 3)
    told = study.dvc("repro", fails=True)
    assert "distil store import data/annotations.parquet" in told
    assert study.asked() == 0
    study.dvc("pull", "data/annotations.parquet")
    study.distil("store", "import", "data/annotations.parquet")
    assert study.repro() == STAGES[1:]  # fetch had its turn
    assert study.asked() == 3
    study.write_prompt("Mind all")
    study.distil("store", "import", str(answers))
    study.repro()
    assert study.asked() == 3  # the new texts under that prompt
