"""Requests as batch files, and their answers."""

import json
from pathlib import Path

import pytest
from annotating import annotate
from batch_server import serve_batches
from cli_study import (
    PRICE,
    answer,
    call,
    set_up_study,
)
from conftest import Project
from loopback_teacher import serve_teacher

from distil.core.errors import DistilError


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


def test_a_batch_above_the_budget_is_not_exported(project: Project) -> None:
    with serve_teacher(answer) as server:
        set_up_study(project, server)
        annotate()
        set_up_study(project, server, votes=3)
        project(cost=PRICE, runtime={"base_url": server.url, "budget_usd": 0.0005})  # $0.00002 an answer
        with pytest.raises(
            DistilError, match=r"budget_usd = 0.0005 .* cost \$0.0002, and these .* \$0.0004 at the full"
        ):
            call("batch", "export", "batch")
        assert not Path("batch").exists()
        project(runtime={"base_url": server.url, "budget_usd": 0.001})
        said = call("batch", "export", "batch")
    assert "requests to send       20\n" in said
    assert "(full prices; a batch usually costs half)" in said


def test_with_several_teachers_a_batch_names_one(project: Project) -> None:
    with serve_teacher(answer) as server:
        set_up_study(project, server, model=None, teachers=["a", "b"])
        with pytest.raises(DistilError, match="--teacher has to be one of a, b"):
            call("batch", "export", "batch")
        for command in ("export", "submit", "status", "fetch", "import"):
            with pytest.raises(DistilError, match="--teacher has to be one of a, b"):
                call("batch", command, "batch", "--teacher", "typo")
        with pytest.raises(DistilError, match=r"prompt.md cannot be written"):
            call("batch", "export", "prompt.md", "--teacher", "b")
        call("batch", "export", "batch", "--teacher", "b")
    request = json.loads(Path("batch/requests-0001.jsonl").read_text().splitlines()[0])
    assert request["body"]["model"] == "b"
