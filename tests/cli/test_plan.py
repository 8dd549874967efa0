"""`distil plan` in a project under git and DVC, whose stages are run by hand and taken as computed."""

import datetime
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from annotating import ANNOTATE, PATHS, annotate
from background_server import running
from conftest import Project
from dvc.repo import Repo
from loopback_teacher import LoopbackTeacher, chat_answer, serve_teacher
from quiet_handler import QuietHandler
from stage_command import name_paths
from typer.testing import CliRunner

from distil.cli.main import app
from stages import fetch

FETCHED = (Path("corpus"), Path("assets.txt"), PATHS[0], Path("fetch.json"))
WORDS = ["good", "bad", "fine", "poor", "great", "awful", "nice", "dull", "fast", "slow"]
ALIASES = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)  # which DVC would unfold, to a billion words
PRICE = {"teacher_usd_per_million_tokens": {"input": 1_000_000, "output": 0}}  # a dollar a token


def answer(_body: dict[str, Any], _number: int) -> dict[str, Any]:
    return chat_answer("positive")


def git(*arguments: str) -> None:
    name = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *name, *arguments], check=True, capture_output=True)


def take_as_computed() -> None:
    with Repo() as repo:
        repo.commit(force=True)


def set_up(project: Project, url: str, fetch_params: dict[str, Any] | None = None, **changes: Any) -> None:
    columns = {"text": "text", "gold": "label"}
    project(
        fetch={"source": "corpus", "columns": columns} | (fetch_params or {}),
        annotate=ANNOTATE | changes,
        aggregate={},
        split={},
        runtime={"base_url": url, "retry_wait_s": 0.001},
    )


@pytest.fixture
def teacher(project: Project) -> Iterator[LoopbackTeacher]:
    """The teacher of a study that was computed and committed on the branch main."""
    Path("corpus").mkdir()
    rows = [f"it is {word},{'positive' if number % 2 else ''}" for number, word in enumerate(WORDS)]
    Path("corpus/toy.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    Path("prompt.md").write_text("Is it one of {labels}?\n{text}\n")
    Path("assets.txt").touch()
    stages: dict[str, dict[str, Any]] = {
        "fetch": {"deps": ["corpus"], "params": ["task", "fetch"]},
        "annotate": {"deps": [str(PATHS[0]), "${annotate.prompt}"], "params": ["task", "annotate"]},
    }
    for name, paths in (("fetch", FETCHED), ("annotate", PATHS)):
        stages[name] |= {"cmd": " ".join(["python -m", f"stages.{name}", *name_paths(name, *paths)])}
        stages[name] |= {"outs": [str(paths[2])], "metrics": [{str(paths[3]): {"cache": False}}]}
    stages["count"] = {"cmd": "true", "deps": [str(PATHS[2])], "outs": ["prompt.md.count"]}
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": stages}, width=1000))
    with serve_teacher(answer) as server:
        set_up(project, server.url)
        fetch.main(*FETCHED)
        annotate()
        Path("prompt.md.count").touch()
        git("init", "-q", "-b", "main")
        Path(".gitignore").write_text("store/\n")
        with Repo.init(".") as repo:
            repo.commit(force=True)
        git("add", "-A")
        git("commit", "-qm", "computed")
        yield server


def plan(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["plan", *arguments], catch_exceptions=False)
    return result.exit_code, result.output


def plan_as_json(*arguments: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(plan("--json", *arguments)[1])
    return told


def asked_by(teacher: LoopbackTeacher) -> int:
    before = len(teacher.bodies)
    annotate()
    return len(teacher.bodies) - before


def test_nothing_to_do_is_exit_0(teacher: LoopbackTeacher) -> None:
    code, said = plan()
    assert code == 0
    assert "annotate  unchanged" in said
    assert "annotate does not run: nothing is asked" in said


def test_a_prompt_edited_shows_its_lines_what_comes_after_it_and_what_it_asks(
    teacher: LoopbackTeacher, project: Project
) -> None:
    Path("prompt.md").write_text("Is it rather one of {labels}?\n{text}\n")
    set_up(project, teacher.url, votes=2)
    code, said = plan()
    assert code == 1
    assert "    prompt.md is modified: +1 -1 lines\n" in said
    assert "        -Is it one of {labels}?\n        +Is it rather one of {labels}?\n" in said
    assert "    annotate.votes: 1 -> 2\n" in said
    assert "count     will run\n    will come out otherwise: annotations.parquet (annotate)\n" in said
    (asking,) = plan_as_json()["asking"]
    assert asking["requests_to_send"] == {"least": 20, "most": 20}
    assert asked_by(teacher) == 20


def test_what_a_file_ran_with_is_looked_for_in_the_history(teacher: LoopbackTeacher) -> None:
    committed = Path("prompt.md").read_text()
    Path("prompt.md").write_text(f"{committed}A line that ran, and is in no commit.\n")
    take_as_computed()
    Path("prompt.md").write_text(f"{committed}Another.\n")
    assert "what it ran with last is in no commit" in plan()[1]
    git("checkout", "-q", "dvc.lock")
    git("commit", "-qam", "edited, and not run")
    assert "prompt.md is modified: +1 -0 lines\n" in plan()[1]


def test_more_votes_where_answers_disagree_are_bounded(teacher: LoopbackTeacher, project: Project) -> None:
    teacher.behave = lambda _body, number: chat_answer("positive" if number % 3 else "negative")
    set_up(project, teacher.url, votes={"min": 2, "max": 4}, max_tokens=49)
    (asking,) = plan_as_json()["asking"]
    assert asking["requests_to_send"] == {"least": 20, "most": 40}
    assert 20 < asked_by(teacher) <= 40


def test_answers_that_are_there_are_not_asked_for_again(teacher: LoopbackTeacher, project: Project) -> None:
    set_up(project, teacher.url, votes=3)
    project(cost=PRICE)
    told = plan_as_json()
    (asking,) = told["asking"]
    assert asking["requests_to_send"] == {"least": 20, "most": 20}
    assert asking["teachers"][0]["stored"] == 10
    assert asking["spent_usd"] == 100
    assert asking["usd"] == {"low": 200, "high": 200}
    assert told["exit_code"] == 1


def test_a_plan_against_a_branch_takes_what_that_has_computed(teacher: LoopbackTeacher, project: Project) -> None:
    git("switch", "-qc", "votes")
    set_up(project, teacher.url, votes=2)
    annotate()
    take_as_computed()
    git("commit", "-qam", "two votes")
    assert plan()[0] == 0
    code, said = plan("main")
    assert code == 1
    assert said.startswith("if nothing were computed but what main (")
    assert "annotate  will run\n    annotate.votes: 1 -> 2\n" in said
    assert "count     will run\n    will come out otherwise: annotations.parquet (annotate)\n" in said
    assert "requests to send       0\n" in said


def test_texts_that_will_be_others_make_the_counts_those_of_now(teacher: LoopbackTeacher, project: Project) -> None:
    set_up(project, teacher.url, {"limit": 4}, max_tokens=49)
    code, said = plan()
    assert code == 1
    assert "annotate will have 4 texts, and about 4 requests to send\n" in said
    assert "annotate, if its texts stay those that lie here now:\n" in said
    assert "annotate  will run\n    annotate.max_tokens: 50 -> 49\n    will come out otherwise: texts.parquet" in said
    (asking,) = plan_as_json()["asking"]
    assert (asking["requests_to_send"], asking["requests_then"]) == (None, 4)


def test_a_sample_tells_what_the_whole_will_cost(teacher: LoopbackTeacher, project: Project) -> None:
    set_up(project, teacher.url, {"limit": 4}, max_tokens=49)
    project(cost=PRICE)
    fetch.main(*FETCHED)
    annotate()
    take_as_computed()
    whole = plan_as_json()["whole"]
    assert (whole["texts"], whole["requests"], whole["usd"]) == (10, 10, 100)
    code, said = plan()
    assert code == 0
    whole = "all 10 texts, if each takes what one of the sample takes: 10 requests, 100 tokens in, 20 out, $100.00"
    assert whole in said
    set_up(project, teacher.url, {"limit": 7}, max_tokens=49)
    assert "annotate will have 7 texts, and about 3 requests to send\n" in plan()[1]
    fetch.main(*FETCHED)
    assert asked_by(teacher) == 3


def test_what_would_fail_late_is_an_error_with_exit_2(
    teacher: LoopbackTeacher, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    project(runtime={"base_url": teacher.url, "budget_usd": 99, "api_key_env": "NO_SUCH_KEY"}, cost=PRICE)
    code, nothing_to_ask = plan()
    assert code == 0
    project(annotate=ANNOTATE | {"max_tokens": 49})
    code, said = plan()
    assert code == 2
    assert "error: the environment variable NO_SUCH_KEY" in said
    assert "error: the environment variable NO_SUCH_KEY" not in nothing_to_ask
    assert "error: runtime.budget_usd = 99 may be passed: $0.0000 are spent" in said
    assert "note: no text that people labelled has the label negative of task.labels" in said
    Path("prompt.md").write_text("Is it good?\n")
    code, said = plan()
    assert code == 2
    assert "error: the prompt prompt.md has no {text}" in said
    assert "annotate: its requests can be counted once there are texts (dvc repro fetch) and no error below\n" in said
    Path("prompt.md").unlink()
    code, said = plan()
    assert code == 2
    assert "error: prompt.md is missing, on which stage annotate depends" in said


def test_without_texts_the_stages_are_told_all_the_same(teacher: LoopbackTeacher) -> None:
    PATHS[0].unlink()
    shutil.rmtree(".dvc/cache")
    code, said = plan()
    assert code == 1
    assert "fetch     will run\n    texts.parquet is not in DVC's cache\n" in said
    assert "annotate: its requests can be counted once there are texts" in said
    assert "note: outputs that DVC's cache here has not: 3" in said


def add_stages(**stages: dict[str, Any]) -> None:
    pipeline = yaml.safe_load(Path("dvc.yaml").read_text())
    pipeline["stages"] |= stages
    Path("dvc.yaml").write_text(yaml.safe_dump(pipeline, width=1000))


def test_a_section_of_a_later_stage_is_an_error_beside_the_counts(teacher: LoopbackTeacher, project: Project) -> None:
    add_stages(train={"cmd": "true", "params": ["train"]}, report={"cmd": "true", "params": ["report"]})
    licenses = {"license": "mit", "base_license": "mit", "texts_license": "mit", "texts": "toys"}
    project(train={"base": "base", "recipee": "auto"}, report=licenses | {"against": "nowhere"}, gates={"min": 1})
    set_up(project, teacher.url, votes=2)
    code, said = plan()
    assert code == 2
    assert "error: params.yaml: unknown key train.recipee; allowed here: " in said
    assert "error: params.yaml: unknown key gates.min; allowed here: " in said
    assert "error: git knows no revision 'nowhere' here" in said
    assert "requests to send       10\n" in said


def test_values_are_shown_plain_and_without_passwords_and_tokens(teacher: LoopbackTeacher, project: Project) -> None:
    address = "https://user:hunter2@example.org/{}/x.tar.gz?token=abcdef"
    odd = {datetime.date(2024, 1, 1): 5, 7: [float("nan"), float("-inf")], "at": address.format("long" * 20)}
    set_up(project, teacher.url, {"archive": address.format("a")}, extra=odd)
    Path("prompt.md").write_text(f"Is it one of {{labels}}?\n{address.format('b')}\n{{text}}\n")
    code, said = plan()
    assert code == 2  # for what these are no params of
    assert 'annotate.extra: not set -> {"2024-01-01": 5, "7": ["nan", "-inf"], "at": "' in said
    assert "+https://***@example.org/b/x.tar.gz?***\n" in said
    whole = plan("--json")[1]
    told = json.loads(whole, parse_constant=pytest.fail)
    shown = {change["what"]: change["new"] for stage in told["stages"] for change in stage["changes"]}
    assert shown["fetch.archive"] == "https://***@example.org/a/x.tar.gz?***"
    for secret in ("hunter2", "abcdef"):
        assert secret not in said + whole


def test_a_folder_is_compared_with_what_it_was_at_the_last_run(teacher: LoopbackTeacher) -> None:
    Path("code").mkdir()
    Path("code/a.py").write_text("1\n")
    Path("code/b.py").write_text("1\n")
    add_stages(count={"cmd": "true", "deps": ["code"], "outs": ["prompt.md.count"]})
    take_as_computed()
    git("add", "-A")
    git("commit", "-qm", "ran")
    Path("code/a.py").write_text("2\n")
    git("commit", "-qam", "edited since")
    assert "code is modified: code/a.py (since " in plan()[1]
    Path("code/b.py").write_text("2\n")
    assert "code is modified: code/a.py, code/b.py (since " in plan()[1]


def test_what_fetch_told_counts_only_where_it_stays_true(teacher: LoopbackTeacher, project: Project) -> None:
    set_up(project, teacher.url, {"limit": 4}, max_tokens=49)
    fetch.main(*FETCHED)
    annotate()
    take_as_computed()
    note = "no text that people labelled has the label negative"
    told = plan_as_json()
    assert (told["whole"]["texts"], note in told["checks"][0]["text"]) == (10, True)
    set_up(project, teacher.url, {"limit": 5}, max_tokens=49)
    told = plan_as_json()
    assert (told["whole"]["texts"], note in told["checks"][0]["text"]) == (10, True)
    set_up(project, teacher.url, {"limit": 4, "blank": "error"}, max_tokens=49)
    told = plan_as_json()
    assert (told["whole"], told["checks"]) == (None, [])


def test_the_texts_of_a_frozen_fetch_are_final(teacher: LoopbackTeacher, project: Project) -> None:
    pipeline = yaml.safe_load(Path("dvc.yaml").read_text())
    add_stages(fetch=pipeline["stages"]["fetch"] | {"frozen": True})
    set_up(project, teacher.url, {"limit": 4}, votes=2)
    code, said = plan()
    assert code == 1
    assert "fetch     frozen\n" in said
    (asking,) = plan_as_json()["asking"]
    assert (asking["final"], asking["requests_to_send"]) == (True, {"least": 10, "most": 10})


class Endpoint(QuietHandler):
    """Lists its models to those who have the key."""

    def do_GET(self) -> None:  # noqa: N802
        wanted = f"Bearer {self.server.key}"  # type: ignore[attr-defined]
        status = 200 if self.path == "/v1/models" else 404
        status = status if self.headers["Authorization"] == wanted else 401
        body = json.dumps({"data": [{"id": "toy-teacher"}]}).encode()
        self.reply(status, body, {})


@contextmanager
def serve_models(key: str) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    server.key = key  # type: ignore[attr-defined]
    with running(server):
        yield f"http://127.0.0.1:{server.server_port}"


def test_check_knocks_at_the_endpoint_without_asking_the_teacher(
    teacher: LoopbackTeacher, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_KEY", "sk-toy")
    with serve_models("sk-toy") as url:
        for path, model, key, expected in (
            ("/v1", "toy-teacher", "sk-toy", "note: GET {url}/v1/models: it answers, and has toy-teacher"),
            ("/v1", "other", "sk-toy", "note: GET {url}/v1/models: it answers, and does not list other among 1 models"),
            ("/v1", "toy-teacher", "sk-no", "error: GET {url}/v1/models: HTTP 401; the key is wrong"),
            ("/v2", "toy-teacher", "sk-toy", "note: GET {url}/v2/models: HTTP 404: it answers, and does not say"),
        ):
            monkeypatch.setenv("TOY_KEY", key)
            set_up(project, f"{url}{path}", model=model)
            project(runtime={"base_url": f"{url}{path}", "api_key_env": "TOY_KEY"})
            code, said = plan("--check")
            assert expected.format(url=url) in said
            assert code == (2 if expected.startswith("error") else int(model != "toy-teacher"))
            assert key not in said
    code, said = plan("--check")
    assert code == 2
    assert f"error: GET {url}/v2/models: no answer" in said


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda: Path("dvc.yaml").unlink(), "dvc.yaml is missing here; run distil in the project's folder"),
        (lambda: Path("dvc.yaml").write_text("stages: [\n"), "dvc.yaml has no usable stages"),
        (
            lambda: Path("dvc.lock").write_text("<<<<<<< HEAD\nschema: '2.0'\n=======\n>>>>>>> other\n"),
            "DVC cannot read this project: ",
        ),
        (lambda: Path("params.yaml").write_text("annotate: {prompt: p.md\n"), "params.yaml, line 2 is not YAML: "),
        (
            lambda: Path("params.yaml").write_text(f"{ALIASES}task: *a8\n"),
            "params.yaml, line 6 is not YAML: with its aliases",
        ),
        (lambda: Path(".dvc").rename("no"), "DVC cannot read this project: "),
    ],
)
def test_what_cannot_be_read_is_one_line_and_exit_2(teacher: LoopbackTeacher, spoil: Any, complaint: str) -> None:
    spoil()
    code, said = plan()
    assert code == 2
    assert f"error: {complaint}" in said
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) == 1


def test_a_revision_has_to_be_one_and_may_have_computed_nothing(teacher: LoopbackTeacher) -> None:
    assert plan("no-such") == (
        2,
        "error: git knows no revision 'no-such' here; 'git branch --all' and 'git log --oneline' list what it knows\n",
    )
    git("rm", "-q", "--cached", "dvc.lock")
    git("commit", "-qm", "without a lock")
    code, said = plan("HEAD")
    assert code == 1
    assert "fetch     will run\n    dvc.lock has no run of it\n" in said
    assert "note: revision 'HEAD' has no dvc.lock" in said


def test_without_git_there_is_a_plan_and_no_revision(teacher: LoopbackTeacher) -> None:
    shutil.rmtree(".git")
    Path(".dvc/config").write_text("[core]\n    no_scm = true\n")
    Path("prompt.md").write_text("Is it rather one of {labels}?\n{text}\n")
    code, said = plan()
    assert code == 1
    assert "    prompt.md is modified\n" in said
    assert plan("main")[1].startswith("error: this folder is not under git")
