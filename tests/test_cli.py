import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from annotating import PATHS, annotate, set_up
from batch_server import serve_batches
from conftest import ROOT, Project
from loopback_teacher import LoopbackTeacher, chat_answer, serve_teacher
from typer.testing import CliRunner, Result

from distil.cli import app
from distil.errors import DistilError
from distil.store import open_store, store_path

TEN = [f"text {number}" for number in range(10)]
PRICE = {"teacher_usd_per_million_tokens": {"input": 1, "output": 5}}


def answer(_body: dict[str, Any], _number: int) -> dict[str, Any]:
    return chat_answer("positive")


def set_up_study(project: Project, server: LoopbackTeacher, **annotate_params: Any) -> Path:
    set_up(project, server, TEN, **annotate_params)
    command = "python -m stages.annotate " + " ".join(map(str, PATHS))
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": {"annotate": {"cmd": command}}}))
    return Path.cwd()


def call(*arguments: str | Path, typed: str | None = None) -> str:
    result: Result = CliRunner().invoke(app, list(map(str, arguments)), input=typed, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def stored() -> int:
    with open_store(store_path()) as store:
        return len(store)


def move_to_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTIL_STORE", "another/answers.sqlite")


def test_a_dry_run_tells_requests_tokens_dollars_and_minutes_and_asks_nothing(project: Project) -> None:
    with serve_teacher(answer) as server:
        set_up_study(project, server, votes=1)
        annotate()
        set_up_study(project, server, votes=3)
        project(cost=PRICE, runtime={"base_url": server.url, "requests_per_minute": 10})
        said = call("annotate", "--dry-run")
        assert len(server.bodies) == 10
    assert "toy-teacher: 10 texts, 3 votes a text" in said
    assert "requests in the store  10\n" in said
    assert "requests to send       20\n" in said
    assert "tokens to expect       200 in, 40 out (as the 10 answers in the store)" in said
    assert "$0.00 ($1 in, $5 out per million: cost.teacher_usd_per_million_tokens" in said
    assert "2.0 minutes or more" in said


def test_a_dry_run_without_price_rate_or_answers_says_so(project: Project) -> None:
    with serve_teacher(answer) as server:
        set_up_study(project, server, votes={"min": 2, "max": 5})
        project(runtime={"base_url": "https://teacher.example/v1"})
        said = call("annotate", "--dry-run")
    assert "2 to 5 votes a text" in said
    assert "20, up to 30 more where votes disagree" in said
    assert "200 out" not in said
    assert "1,000 out (a guess" in said
    assert "unknown; cost.teacher_usd_per_million_tokens" in said
    assert "as the endpoint allows, 16 at once" in said


def test_the_store_tells_what_is_in_it(project: Project) -> None:
    with serve_teacher(answer) as server:
        set_up_study(project, server)
        annotate()
    said = call("store", "info")
    assert "10 answers" in said
    assert "toy-teacher: 10 answers, 100 tokens in, 20 out, 20" in said
    assert "the study here, toy-teacher: 10 answers stored, 0 missing" in said
    Path("params.yaml").unlink()
    assert "no study here: params.yaml is missing" in call("store", "info")


def test_answers_move_between_machines_as_jsonl(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_teacher(answer) as server:
        set_up_study(project, server)
        annotate()
        table, run = PATHS[2].read_bytes(), PATHS[4].read_bytes()
        assert "10 answers" in call("store", "export", "answers.jsonl")
        assert set(json.loads(Path("answers.jsonl").read_text().splitlines()[0])) >= {"key", "answer", "teacher"}
        move_to_another_machine(monkeypatch)
        assert "10 new answers of 10" in call("store", "import", "answers.jsonl")
        assert "0 new answers of 10" in call("store", "import", "answers.jsonl")
        annotate()
        assert (len(server.bodies), PATHS[2].read_bytes(), PATHS[4].read_bytes()) == (10, table, run)


def test_only_this_study_s_answers_are_exported_unless_all_are_asked_for(project: Project) -> None:
    with serve_teacher(answer) as server:
        set_up_study(project, server)
        annotate()
        Path("prompt.md").write_text("Another prompt: {text}")
        assert "0 answers" in call("store", "export", "mine.jsonl")
        assert "10 answers" in call("store", "export", "--all", "all.jsonl")


def test_a_colleague_pays_nothing_again_after_importing_the_table(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve_teacher(answer) as server:
        set_up_study(project, server, votes=2)
        annotate()
        table = PATHS[2].read_bytes()
        move_to_another_machine(monkeypatch)
        assert "20 new answers of 20" in call("store", "import", PATHS[2])
        annotate()
        assert (len(server.bodies), PATHS[2].read_bytes()) == (20, table)
        assert json.loads(PATHS[4].read_text())["seconds"] is None


def test_scores_come_out_of_an_imported_table_as_they_were(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def score(_body: dict[str, Any], number: int) -> dict[str, Any]:
        top = {" positive": -0.25 - number / 100, " negative": -1.5}
        return {"choices": [{"text": " positive", "logprobs": {"top_logprobs": [top]}, "finish_reason": "length"}]}

    with serve_teacher(score) as server:
        set_up_study(project, server, method="score", protocol="completion", max_tokens=1)
        annotate()
        table = PATHS[2].read_bytes()
        move_to_another_machine(monkeypatch)
        call("store", "import", PATHS[2])
        annotate()
        assert (len(server.bodies), PATHS[2].read_bytes()) == (10, table)


def test_the_answers_to_another_prompt_are_never_taken_from_a_table(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve_teacher(answer) as server:
        set_up_study(project, server)
        annotate()
    move_to_another_machine(monkeypatch)
    Path("prompt.md").write_text("Another prompt: {text}")
    with pytest.raises(DistilError, match="answers nothing that this study asks for"):
        call("store", "import", PATHS[2])
    assert stored() == 0


def test_pruning_asks_first_and_deletes_only_what_is_named(project: Project) -> None:
    with serve_teacher(answer) as server:
        set_up_study(project, server)
        annotate()
        Path("prompt.md").write_text("Another prompt: {text}")
        annotate()
    with pytest.raises(DistilError, match="say which answers shall go"):
        call("store", "prune")
    assert "0 of 20 answers" in call("store", "prune", "--teacher", "nobody", "--yes")
    assert "0 of 20 answers" in call("store", "prune", "--older-than-days", "1", "--yes")
    assert "10 of 20 answers" in call("store", "prune", "--unplanned", typed="n\n")
    assert stored() == 20
    call("store", "prune", "--unplanned", typed="y\n")
    assert stored() == 10
    annotate()
    assert len(server.bodies) == 20


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("{}\n", "line 1 is no answer"),
        ('{"key": 1, "answer": {"reply": "x"}, "teacher": "m"}\n', "key and teacher have to be text"),
        ('{"key": "k", "answer": {"nonsense": 1}, "teacher": "m"}\n', "line 1 is no answer"),
        ("[" * 100_000, "line 1 is no answer"),
    ],
)
def test_a_file_that_holds_no_answers_is_refused(project: Project, content: str | None, message: str) -> None:
    project()
    if content is not None:
        Path("answers.jsonl").write_text(content)
    with pytest.raises(DistilError, match=message):
        call("store", "import", "answers.jsonl")


def test_an_export_overwrites_nothing(project: Project) -> None:
    project()
    Path("answers.jsonl").write_text("precious")
    with pytest.raises(DistilError, match=r"answers.jsonl exists"):
        call("store", "export", "--all", "answers.jsonl")


def test_a_batch_goes_out_and_its_answers_come_back_into_the_study(project: Project) -> None:
    with serve_teacher(answer) as server, serve_batches() as batches:
        set_up_study(project, server, votes=2)
        Path("prompt.md").write_text('{"label": "positive"} {text}')
        project(runtime={"base_url": batches.url, "retry_wait_s": 0.001})
        assert "batch/requests-0001.jsonl" in call("batch", "export", "batch")
        assert "requests answered" in call("batch", "submit", "batch")
        batches.finish("batch_1", answered=15)  # each answer is its own prompt
        assert "completed" in call("batch", "status", "batch")
        assert "distil batch import" in call("batch", "fetch", "batch")
        said = call("batch", "import", "batch")
        assert "15 new answers, 0 known already, 5 failed" in said
        project(runtime={"base_url": server.url})
        assert set(annotate()["status"]) == {"ok"}
        assert len(server.bodies) == 5
        assert "nothing to export" in call("batch", "export", "another")


def test_with_several_teachers_a_batch_names_one(project: Project) -> None:
    with serve_teacher(answer) as server:
        set_up_study(project, server, model=None, teachers=["a", "b"])
        with pytest.raises(DistilError, match="--teacher has to be one of a, b"):
            call("batch", "export", "batch")
        call("batch", "export", "batch", "--teacher", "b")
    line = json.loads(Path("batch/requests-0001.jsonl").read_text().splitlines()[0])
    assert line["body"]["model"] == "b"


def test_the_command_ends_in_one_line_and_exit_1_where_there_is_no_project(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "distil", "annotate", "--dry-run"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    assert ended.stderr == "error: dvc.yaml is missing here; run distil in the project's folder\n"
