"""The store of paid answers: what is in it, and how answers move."""

import json
from pathlib import Path
from typing import Any

import pytest
from annotating import PATHS, annotate
from cli_study import (
    answer,
    call,
    compare_candidates,
    move_to_another_machine,
    set_up_candidates,
    set_up_study,
    stored,
)
from conftest import Project
from loopback_teacher import serve_teacher
from typer.testing import CliRunner

from distil.cli.main import app
from distil.core.errors import DistilError
from distil.core.metrics import read_details
from distil.forms.answers import Answer
from distil.store.answer_store import Stored
from distil.store.opening import open_store, store_path


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


def test_before_fetch_the_texts_are_named_and_the_store_is_told_all_the_same(project: Project) -> None:
    with serve_teacher(answer) as server:
        set_up_study(project, server)
    PATHS[0].unlink()
    said = call("store", "info")
    assert "0 answers" in said
    assert "no study here: texts.parquet is missing; run 'dvc repro fetch'" in said
    for command in (["annotate", "--dry-run"], ["batch", "export", "batch"], ["store", "prune", "--unplanned"]):
        with pytest.raises(DistilError, match=r"^texts.parquet is missing; run 'dvc repro fetch'$"):
            call(*command)


def test_answers_move_between_machines_as_jsonl(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_teacher(answer) as server:
        set_up_study(project, server)
        annotate()
        table, figures = PATHS[2].read_bytes(), PATHS[3].read_bytes()
        assert "10 answers" in call("store", "export", "answers.jsonl")
        assert set(json.loads(Path("answers.jsonl").read_text().splitlines()[0])) >= {"key", "answer", "teacher"}
        move_to_another_machine(monkeypatch)
        assert "10 new answers of 10" in call("store", "import", "answers.jsonl")
        assert "0 new answers of 10" in call("store", "import", "answers.jsonl")
        annotate()
        assert (len(server.bodies), PATHS[2].read_bytes(), PATHS[3].read_bytes()) == (10, table, figures)


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
        assert read_details(PATHS[3])["run"]["seconds"] is None


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


def test_candidates_answers_are_the_study_s_too(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_teacher(answer) as server:
        set_up_candidates(project, server)
        table = compare_candidates()
        assert "its candidates, twice: 20 answers stored, 0 missing" in call("store", "info")
        assert "0 of 20 answers would be deleted" in call("store", "prune", "--unplanned")
        move_to_another_machine(monkeypatch)
        assert "20 new answers of 30" in call("store", "import", table)
        compare_candidates()
        assert len(server.bodies) == 20
    with open_store(store_path()) as store:
        assert store.teachers() == {"toy-teacher"}


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
    said = call("store", "prune", "--unplanned", typed="n\n")
    assert "10 of 20 answers" in said
    assert "  toy-teacher: 10\n" in said
    assert stored() == 20
    call("store", "prune", "--unplanned", typed="y\n")
    assert stored() == 10
    annotate()
    assert len(server.bodies) == 20


def test_answers_without_a_date_are_told_apart_when_pruning_by_age(project: Project) -> None:
    project()
    with open_store(store_path()) as store:
        store.put_all([("0" * 64, Stored(Answer("x"), "m", received_at=1.0)), ("1" * 64, Stored(Answer("x"), "m"))])
    said = call("store", "prune", "--older-than-days", "0", "--yes")
    assert "1 of 2 answers" in said
    assert "1 answers without a date" in said
    assert stored() == 1
    assert CliRunner().invoke(app, ["store", "prune", "--older-than-days", "-1", "--yes"]).exit_code == 2


def line(**fields: Any) -> str:
    return json.dumps({"key": "0" * 64, "answer": {"reply": "x"}, "teacher": "m"} | fields) + "\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("{}\n", r"line 1 is no answer \(key: Field required"),
        ("[1]\n", r"line 1 is no answer \(not an object"),
        ("[" * 100_000, "line 1 is no answer"),
        (line(key="k"), "line 1 is no answer .key"),
        (line(answer={"nonsense": 1}), "answer.nonsense"),
        (line(answer={"reply": 1}), "answer.reply"),
        (line(answer={"reply": "x", "input_tokens": -1}), "answer.input_tokens"),
        (line(answer={"reply": "x", "output_tokens": 2**63}), "answer.output_tokens"),
        (line(answer={"reply": None, "top_logprobs": [["a", float("nan")]]}), "answer.top_logprobs"),
        (line(received_at=float("inf")), "received_at"),
        (line(retries=True), "retries"),
        (line(up_s=-1.0), "up_s: Input should be greater than or equal to 0"),
    ],
)
def test_a_file_that_holds_no_answers_is_refused(project: Project, content: str | None, message: str) -> None:
    project()
    if content is not None:
        Path("answers.jsonl").write_text(content)
    with pytest.raises(DistilError, match=message):
        call("store", "import", "answers.jsonl")


def test_one_bad_line_keeps_the_whole_file_out(project: Project) -> None:
    project()
    good = [line(key=f"{number:064}") for number in range(2_500)]
    Path("answers.jsonl").write_text("".join(good) + "{}\n")
    with pytest.raises(DistilError, match="line 2501 is no answer"):
        call("store", "import", "answers.jsonl")
    assert stored() == 0


def test_what_is_exported_is_imported_as_it_was(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project()
    full = Stored(Answer("\ud800", "stop", True, (("a", -0.5), ("\ud800", -3)), 1, 0, 2, 0), "m", "run", 1.5, 2.0, 3)
    answers = {"0" * 64: full, "1" * 64: Stored(Answer(None), "m")}
    with open_store(store_path()) as store:
        store.put_all(answers.items())
        for run, seconds in {"run": 100.5, "of another store": 7.0}.items():
            store.note_up_s(run, seconds)
    call("store", "export", "--all", "answers.jsonl")
    move_to_another_machine(monkeypatch)
    for _ in range(2):  # what is imported twice was not up twice
        call("store", "import", "answers.jsonl")
    with open_store(store_path()) as store:
        assert dict(store) == answers
        assert store.get_up_s(["run", "of another store"]) == {"run": 100.5}


def test_an_export_overwrites_nothing(project: Project) -> None:
    project()
    Path("answers.jsonl").write_text("precious")
    with pytest.raises(DistilError, match=r"answers.jsonl exists"):
        call("store", "export", "--all", "answers.jsonl")
    with pytest.raises(DistilError, match=r"answers.jsonl/below cannot be written"):
        call("store", "export", "--all", "answers.jsonl/below")
