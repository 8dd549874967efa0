"""The workflows for GitHub Actions hold what they promise of rights, and their script renders and posts a comment."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from background_server import running
from conftest import ROOT
from quiet_handler import QuietHandler

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
SCRIPT = ROOT / ".github/metrics_comment.py"
MARK = "<!-- distil: what this branch does to the study -->"
TOKEN = "ghs_planted0123456789planted"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_has_no_secret_and_no_more_rights_than_it_says_why(path: Path) -> None:
    text = path.read_text()
    workflow = yaml.safe_load(text)
    assert "pull_request_target" not in text
    assert "${{ secrets" not in text
    assert workflow["permissions"] in ({}, {"contents": "read"})
    for name, job in workflow["jobs"].items():
        writes = {right for right, level in job.get("permissions", {}).items() if level == "write"}
        assert writes == ({"pull-requests"} if name == "comment" else set())
        for step in job["steps"]:
            assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", step.get("uses", f"actions/x@{'0' * 40}"))
            assert "${{" not in step.get("run", ""), "what a stranger named would be code here"
    targets = set(re.findall(r"make (\w+)", text))
    makefiles = "".join((ROOT / name).read_text() for name in ("Makefile", "tests/development.mk"))
    assert targets <= set(re.findall(r"^(\w+)[\w ]*:", makefiles, re.MULTILINE))


def test_the_job_that_may_write_runs_the_target_branch_and_never_for_a_fork() -> None:
    job = yaml.safe_load((ROOT / ".github/workflows/metrics.yml").read_text())["jobs"]["comment"]
    assert job["if"] == "github.event.pull_request.head.repo.full_name == github.repository"
    assert job["steps"][0]["with"]["ref"] == "${{ github.event.pull_request.base.sha }}"
    assert not [step for step in job["steps"] if "make" in step.get("run", "")]
    received = next(step["with"] for step in job["steps"] if "download-artifact" in step.get("uses", ""))
    assert received == {"name": "comment", "path": "received"}, "nothing may come over the script"


def test_every_pull_request_gets_a_comment() -> None:
    workflow = yaml.load((ROOT / ".github/workflows/metrics.yml").read_text(), yaml.BaseLoader)
    assert workflow["on"] == {"pull_request": ""}


def run(folder: Path, *words: str) -> str:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone without data of a study of two stages, in which main went on after the branch had left it."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "t")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "t@example.org")
    folder = tmp_path / "study"
    folder.mkdir()
    stages = {
        "ask": {
            "cmd": "cp prompt.md answers",
            "deps": ["prompt.md"],
            "params": ["votes"],
            "outs": ["answers"],
        },
        "score": {
            "cmd": "cp next.json metrics.json",
            "deps": ["answers", "next.json"],
            "metrics": [{"metrics.json": {"cache": False}}],
        },
    }
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    (folder / ".gitignore").write_text("/answers\n")
    write(folder, "which?", 1, 0.5)
    run(folder, "git", "init", "-q", "-b", "main")
    run(folder, "dvc", "init", "-q")
    commit(folder)
    run(folder, "git", "switch", "-q", "-c", "branch")
    write(folder, "which then?", 3, 0.75)
    commit(folder)
    run(folder, "git", "switch", "-q", "main")
    (folder / "later").touch()
    commit(folder)
    run(tmp_path, "git", "clone", "-q", "-b", "branch", str(folder), "clone")
    return tmp_path / "clone"


def write(folder: Path, prompt: str, votes: int, accuracy: float) -> None:
    (folder / "prompt.md").write_text(prompt)
    (folder / "params.yaml").write_text(f"votes: {votes}\n")
    (folder / "next.json").write_text(json.dumps({"accuracy": accuracy}))


def commit(folder: Path) -> None:
    run(folder, "dvc", "repro", "-q")
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "-q", "-m", "x")


@pytest.mark.slow
def test_a_comment_has_what_changed_since_the_branch_left_and_says_what_is_out_of_date(study: Path) -> None:
    told = run(study, sys.executable, str(SCRIPT), "render", "origin/main")
    assert told.startswith(MARK)
    assert re.search(r"\| params.yaml +\| votes +\| 1 +\| 3 ", told)
    assert re.search(r"\| metrics.json +\| accuracy +\| 0.5 +\| 0.75 +\| 0.25 ", told)
    assert "Out of date" not in told
    (study / "prompt.md").write_text("what?")
    (study / "params.yaml").write_text("votes: 5\n")
    run(study, "git", "commit", "-qam", "not run")
    told = run(study, sys.executable, str(SCRIPT), "render", "origin/main")
    heading, stale, since = told.partition("- ask: `prompt.md` modified, `params.yaml`: votes modified\n\n")
    assert stale and "**Out of date**" in heading and "Params" not in heading
    assert since.startswith("Since it began, at `")


@pytest.mark.slow
def test_a_metric_that_no_stage_wrote_or_that_is_gone_is_out_of_date(study: Path) -> None:
    (study / "metrics.json").write_text('{"accuracy": 0.99}')
    run(study, "git", "commit", "-qam", "forged")
    told = run(study, sys.executable, str(SCRIPT), "render", "origin/main")
    assert re.search(r"\| metrics.json +\| accuracy +\| 0.5 +\| 0.99 ", told)
    assert "**Out of date**" in told and "- score: `metrics.json` modified\n" in told
    run(study, "git", "rm", "-q", "metrics.json")
    told = run(study, sys.executable, str(SCRIPT), "render", "origin/main")
    assert "- score: `metrics.json` deleted\n" in told and "answers" not in told


@pytest.mark.slow
def test_a_table_too_long_for_a_comment_is_cut_at_a_row_and_nothing_else_is(study: Path) -> None:
    (study / "params.yaml").write_text("".join(f"a_param_of_some_length_{number}: 1\n" for number in range(3000)))
    run(study, "git", "commit", "-qam", "long")
    told = run(study, sys.executable, str(SCRIPT), "render", "origin/main")
    assert len(told) < 65_536
    assert told.index("**Out of date**") < told.index("**Params**") < told.index("**Metrics**")
    table = told.partition("**Params**")[2].partition("\n\nThe rest is left out")[0]
    assert "votes" in told and table.endswith("|")


def test_a_base_that_git_does_not_know_is_one_line() -> None:
    command = [sys.executable, str(SCRIPT), "render", "nowhere"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith("'git merge-base nowhere HEAD' failed\n")
    assert "Traceback" not in done.stderr


class Api(QuietHandler):
    """Plays the comments of GitHub's API: pages of a hundred, and a token that may have the right to write."""

    comments: list[dict[str, Any]]
    may_write = True

    def do_GET(self) -> None:  # noqa: N802
        page = int(self.path.rpartition("page=")[2])
        assert self.path == f"/repos/ann/study/issues/7/comments?per_page=100&page={page}"
        self.send(200, self.comments[100 * (page - 1) : 100 * page])

    def do_POST(self) -> None:  # noqa: N802
        assert self.path == "/repos/ann/study/issues/7/comments"
        body = self.read()
        if self.may_write:
            self.comments.append(comment(len(self.comments), body, "Bot"))
        self.send(*((201, self.comments[-1]) if self.may_write else (403, {"message": f"Not with {TOKEN}"})))

    def do_PATCH(self) -> None:  # noqa: N802
        one = self.comments[int(self.path.removeprefix("/repos/ann/study/issues/comments/"))]
        one["body"] = self.read()
        self.send(200, one)

    def read(self) -> str:
        assert self.headers["Authorization"] == f"Bearer {TOKEN}"
        return str(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["body"])

    def send(self, status: int, content: Any) -> None:
        self.reply(status, json.dumps(content).encode(), {})


def comment(number: int, body: str, kind: str) -> dict[str, Any]:
    return {"id": number, "body": body, "user": {"type": kind}, "html_url": f"https://example.org/{number}"}


@contextmanager
def serve_api(comments: list[dict[str, Any]], may_write: bool = True) -> Iterator[str]:
    handler = type("Handler", (Api,), {"comments": comments, "may_write": may_write})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    with running(server):
        yield f"http://127.0.0.1:{server.server_port}"


def post(folder: Path, url: str, text: str) -> subprocess.CompletedProcess[str]:
    (folder / "comment.md").write_text(text)
    own = {"GITHUB_API_URL": url, "GITHUB_REPOSITORY": "ann/study", "GITHUB_TOKEN": TOKEN}
    command = [sys.executable, "-I", str(SCRIPT), "post", "comment.md", "7"]
    return subprocess.run(command, cwd=folder, env=os.environ | own, capture_output=True, text=True, check=False)


def test_a_comment_is_written_once_and_then_over_itself_among_hundreds_of_others(tmp_path: Path) -> None:
    others = [comment(number, f"{MARK} said a person", "User") for number in range(130)]
    with serve_api(others) as url:
        first = post(tmp_path, url, f"{MARK}\nfirst")
        second = post(tmp_path, url, f"{MARK}\nsecond")
    assert first.stdout == second.stdout == "https://example.org/130\n"
    assert [one["body"] for one in others[130:]] == [f"{MARK}\nsecond"]


def test_what_the_api_refuses_is_one_line_without_the_token(tmp_path: Path) -> None:
    with serve_api([], may_write=False) as url:
        done = post(tmp_path, url, MARK)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "403" in done.stderr
    assert "pull-requests: write" in done.stderr
    assert TOKEN not in done.stdout + done.stderr
