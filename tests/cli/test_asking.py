"""The commands that ask, and what they would ask and cost."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from annotating import annotate
from cli_study import (
    PRICE,
    answer,
    call,
    compare_candidates,
    set_up_candidates,
    set_up_study,
)
from conftest import ROOT, Project
from loopback_teacher import prompt_of, serve_teacher

from distil.assets.references import sha256_of
from distil.core.errors import DistilError


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


def test_a_dry_run_leaves_an_endpoint_asleep(project: Project) -> None:
    with serve_teacher(answer) as server:
        set_up_study(project, server)
        project(runtime={"hf_endpoint": {"name": "toy-endpoint"}}, cost={"teacher_usd_per_hour": 6.5})
        said = call("annotate", "--dry-run")
    assert "unknown; it is paid by the hour, $6.5 while it is up (cost.teacher_usd_per_hour)" in said
    assert "endpoint               toy-endpoint, resumed for the run, paused after it" in said
    assert "not ready" not in said


def test_a_dry_run_without_price_rate_or_answers_says_so(project: Project) -> None:
    with serve_teacher(answer) as server:
        set_up_study(project, server, votes={"min": 2, "max": 5})
        project(runtime={"base_url": "https://teacher.example/v1"})
        said = call("annotate", "--dry-run")
    assert "2 to 5 votes a text" in said
    assert "20, up to 30 more where votes disagree" in said
    assert "200 out" not in said
    assert "1,000 out (a guess" in said
    assert "unknown; give cost.teacher_usd_per_million_tokens" in said
    assert "as the endpoint allows, 16 at once" in said


def test_a_dry_run_counts_more_votes_only_of_texts_that_are_undecided(project: Project) -> None:
    def label(body: dict[str, Any], _number: int) -> str:
        return "negative" if body["seed"] == 1 and prompt_of(body).endswith(("8", "9")) else "positive"

    with serve_teacher(label) as server:
        set_up_study(project, server, votes=2)
        annotate()
        set_up_study(project, server, votes={"min": 2, "max": 5})
        prices = {"input": 10_000, "output": 0}  # $0.1 for an answer's 10 tokens
        project(cost={"teacher_usd_per_million_tokens": prices}, runtime={"base_url": server.url, "budget_usd": 2.3})
        said = call("annotate", "--dry-run")
    assert "requests to send       2, up to 4 more where votes disagree" in said
    assert "dollars to expect      $0.20, up to $0.60 where votes disagree" in said
    assert "spent so far: $2.00 for the answers in the store" in said
    assert "runtime.budget_usd: $2.30, may be passed" in said


def test_a_dry_run_of_several_teachers_adds_up_and_says_what_is_not_ready(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with serve_teacher(answer) as server:
        set_up_study(project, server, model=None, teachers=["a", "b"])
        here = {"base_url": server.url}
        project(runtime={"base_url": None, "endpoints": {"b": here}})
        said = call("annotate", "--dry-run")
        assert "not ready: runtime.base_url" in said
        assert "none (this machine, no price given)" in said
        assert "in all: 20 requests to send" in said
        project(runtime={"endpoints": {"a": here, "b": here | {"api_key_env": "NO_SUCH_KEY"}}})
        assert "not ready: the environment variable NO_SUCH_KEY" in call("annotate", "--dry-run")


def test_a_recording_is_neither_an_endpoint_nor_a_batch(project: Project) -> None:
    recording = {"files": ["votes.csv"], "text": "text", "votes": [{"label": "label"}]}
    with serve_teacher(answer) as server:
        set_up_study(project, server, protocol="recorded", recording=recording)
    said = call("annotate", "--dry-run")
    assert "time                   none, a recording is read" in said
    with pytest.raises(DistilError, match="toy-teacher is not behind an endpoint, so another model's answers"):
        call("batch", "export", "batch")


def test_the_stage_runs_with_this_python_first_and_its_exit_code_comes_back(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"annotate": {"cmd": "which python > out; exit 3"}}}))
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PATH": os.defpath}
    command = [sys.executable, "-m", "distil", "annotate"]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ended.returncode not in (0, 1), ended.stderr
    assert "Traceback" not in ended.stderr
    assert Path((tmp_path / "out").read_text().strip()).parent == Path(sys.executable).parent


def test_a_dry_run_of_candidates_counts_what_they_share_once(project: Project) -> None:
    with serve_teacher(answer) as server:
        set_up_study(project, server)
        assert "names no candidates, so nothing would be asked" in call("compare", "--dry-run")
        set_up_candidates(project, server)
        annotate()
        said = call("compare", "--dry-run")
        assert "twice: 10 texts, 2 votes a text" in said
        assert "requests to send       10\n" in said
        assert "as it is: 1 vote a text, of the answers of twice" in said
        compare_candidates()
        assert len(server.bodies) == 20


def test_a_dry_run_of_candidates_that_ask_alike_forecasts_the_votes_that_one_of_them_adds(project: Project) -> None:
    """Of two answers that agree the adaptive candidate asks no third; the one with three votes does."""
    candidates = [{"name": "two to five", "votes": {"min": 2, "max": 5}}, {"name": "three", "votes": 3}]
    with serve_teacher(answer) as server:
        set_up_candidates(project, server)
        project(compare={"rows": "gold", "candidates": candidates})
        said = call("compare", "--dry-run")
        assert "requests to send       20, up to 30 more where votes disagree\n" in said
        assert "three: 10 texts, 3 votes a text, beside what is of the answers of two to five\n" in said
        assert "requests to send       10\n" in said
        assert "in all: 30 requests to send" in said
        compare_candidates()
        assert len(server.bodies) == 30
        assert "three: 3 votes a text, of the answers of two to five\n" in call("compare", "--dry-run")


def test_a_dry_run_of_candidates_refuses_what_the_stage_refuses(project: Project) -> None:
    votes = Path("votes.csv")
    with serve_teacher(answer) as server:
        set_up_candidates(project, server)
        votes.write_text("text,label\ntext 1,positive\n")
        recording = {"files": [f"votes.csv#sha256={sha256_of(votes)}"], "text": "text", "votes": [{"label": "label"}]}
        then = {"name": "then", "model": "old", "recording": recording}
        for candidate, message in (
            (then, "the recording of the candidate 'then' has no answer to 9 of 10 rows"),
            (
                {"name": "elsewhere", "prompt": "other.md"},
                "prompt other.md of the candidate 'elsewhere' is not in prom",
            ),
        ):
            project(compare={"rows": "gold", "candidates": [candidate]})
            with pytest.raises(DistilError, match=message):
                call("compare", "--dry-run")
