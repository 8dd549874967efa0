"""An endpoint that sleeps is resumed for the run and paused after it, whatever ends the run."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from annotating import PATHS, annotate, set_up
from conftest import ROOT, Project
from huggingface_hub import constants
from loopback_teacher import LoopbackTeacher
from sleeping_server import PLACE, TOKEN, SleepingServer, serve_sleeping
from stage_command import name_paths

from distil.core.errors import EndpointError
from distil.core.metrics import read_details
from distil.core.runtime import RuntimeParams

TEXTS = [f"text {number}" for number in range(20)]
AT_LOOPBACK = """
import runpy, sys
from huggingface_hub import constants
constants.INFERENCE_ENDPOINTS_ENDPOINT = sys.argv.pop(1)
runpy.run_module("stages.annotate", run_name="__main__")
"""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, project: Project) -> Iterator[SleepingServer]:
    """The API at the place of Hugging Face's, and a study whose teacher sleeps there."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with serve_sleeping() as server:
        monkeypatch.setattr(constants, "INFERENCE_ENDPOINTS_ENDPOINT", f"{server.url}/v2")
        set_up(project, LoopbackTeacher(lambda _body, _number: None), TEXTS)
        give(project)
        yield server


def give(project: Project, endpoints: dict[str, Any] | None = None, **endpoint: Any) -> None:
    """Have the section runtime name the endpoint, and other hosts in `endpoints`."""
    sleeping = {"name": "toy-endpoint", "namespace": "someone", **endpoint}
    runtime = {"hf_endpoint": sleeping, "retry_wait_s": 0.001, "max_in_flight": 2, "max_retries": 1}
    project(runtime=runtime | {"endpoints": endpoints or {}})


def test_it_is_resumed_used_and_paused_and_left_asleep_when_nothing_is_missing(
    server: SleepingServer, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = annotate()
    assert (len(rows), server.answered, server.state) == (20, 20, "paused")
    assert [call for call in server.calls if "completions" not in call and "health" not in call] == [
        f"GET {PLACE}",
        f"POST {PLACE}/resume",
        f"GET {PLACE}",
        f"GET {PLACE}",
        f"POST {PLACE}/pause",
    ]
    assert "someone/toy-endpoint is paused" in capsys.readouterr().err
    run = read_details(PATHS[3])["run"]
    assert run["up_s"] > run["seconds"]

    calls = len(server.calls)
    annotate()
    assert len(server.calls) == calls, "all answers are in the store"
    assert read_details(PATHS[3])["run"] == run, "the hours of the run that asked are kept"


def test_it_stays_up_if_that_is_wanted(server: SleepingServer, project: Project) -> None:
    give(project, pause_after=False)
    annotate()
    assert server.state == "running"


@pytest.mark.parametrize("state", ["running", "initializing", "scaledToZero"])
def test_one_that_is_up_starts_or_is_woken_by_asking_it_is_not_resumed(server: SleepingServer, state: str) -> None:
    server.state = state
    annotate()
    assert (server.answered, server.state) == (20, "paused")


def test_the_key_of_another_host_of_the_same_model_does_not_go_to_the_endpoint(
    server: SleepingServer, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELSEWHERE", "a key of another host")
    elsewhere = {"base_url": "https://elsewhere.example/v1", "api_key_env": "ELSEWHERE"}
    give(project, endpoints={"owner/teacher": elsewhere})
    annotate()
    assert (server.answered, server.health_keys) == (20, {f"Bearer {TOKEN}"})


def test_it_is_paused_after_an_error(server: SleepingServer) -> None:
    server.answer = lambda: (401, {"error": "no"})
    with pytest.raises(EndpointError, match="401: no"):
        annotate()
    assert server.state == "paused"


@pytest.mark.parametrize(
    ("endpoint", "state", "message"),
    [
        ({}, "failed", "someone/toy-endpoint did not start: no GPU left; its logs"),
        ({"ready_within_s": 0.1}, "initializing", "is initializing and does not answer after 0.1 s"),
    ],
)
def test_one_that_does_not_start_is_paused_and_named(
    server: SleepingServer, project: Project, endpoint: dict[str, Any], state: str, message: str
) -> None:
    give(project, **endpoint)
    server.ends_up = state
    with pytest.raises(EndpointError, match=message):
        annotate()
    assert (server.answered, server.state) == (0, "paused")


@pytest.mark.parametrize(
    ("token", "endpoint", "message"),
    [
        (TOKEN, {"name": "another"}, "another cannot be resumed: .*its name, and its namespace"),
        ("hf_other", {}, "toy-endpoint cannot be resumed: .*HF_TOKEN"),
    ],
)
def test_one_that_cannot_be_resumed_is_named(
    server: SleepingServer,
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    token: str,
    endpoint: dict[str, Any],
    message: str,
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    give(project, **endpoint)
    with pytest.raises(EndpointError, match=message) as caught:
        annotate()
    assert "\n" not in str(caught.value)
    assert "token hf_" not in str(caught.value)


def test_pausing_is_tried_again_and_told_loudly_where_it_fails(
    server: SleepingServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.refused_pauses = 1
    annotate()
    assert server.state == "paused"
    PATHS[0].with_name("store").joinpath("answers.sqlite").unlink()

    server.refused_pauses, server.looks_to_start = 3, 1
    with pytest.raises(EndpointError, match=r"could not be paused \(.*\) and goes on costing: pause it at https://"):
        annotate()
    server.refused_pauses, server.looks_to_start = 3, 1
    PATHS[0].with_name("store").joinpath("answers.sqlite").unlink()
    server.answer = lambda: (401, {"error": "no"})
    with pytest.raises(EndpointError, match="401: no"):
        annotate()
    assert "warning: the endpoint someone/toy-endpoint could not be paused" in capsys.readouterr().err


def while_it_labels(server: SleepingServer) -> bool:
    return server.answered > 3


def while_it_is_resumed(server: SleepingServer) -> bool:
    return server.state == "initializing"


def while_it_starts(server: SleepingServer) -> bool:
    return server.looks_to_start < 10_000


@pytest.mark.parametrize(
    ("kind", "moment", "exit_code"),
    [
        (signal.SIGINT, while_it_labels, 130),
        (signal.SIGTERM, while_it_labels, 143),
        (signal.SIGHUP, while_it_labels, 129),
        (signal.SIGINT, while_it_is_resumed, 130),
        (signal.SIGTERM, while_it_is_resumed, 143),
        (signal.SIGINT, while_it_starts, 130),
        (signal.SIGTERM, while_it_starts, 143),
    ],
)
def test_it_is_paused_after_ctrl_c_sigterm_and_a_closed_terminal(
    server: SleepingServer, kind: signal.Signals, moment: Callable[[SleepingServer], bool], exit_code: int
) -> None:
    if signal.getsignal(kind) is signal.SIG_IGN:
        pytest.skip("nohup has it ignored, and so it stays")
    server.delay_s = 0.1
    if moment is while_it_starts:
        server.looks_to_start = 10_000
    if moment is while_it_is_resumed:
        server.resume_s = 5
    command = [sys.executable, "-c", AT_LOOPBACK, f"{server.url}/v2", *name_paths("annotate", *PATHS)]
    child = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True)
    while not moment(server):
        assert child.poll() is None
        time.sleep(0.01)
    child.send_signal(kind)
    _, said = child.communicate(timeout=30)
    assert (child.returncode, server.state) == (exit_code, "paused")
    assert server.calls[-1] == f"POST {PLACE}/pause"
    assert "requests to go; every answer so far is kept" in said
    assert "Traceback" not in said


def test_an_address_and_an_endpoint_that_sleeps_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="base_url and hf_endpoint exclude each other"):
        RuntimeParams.model_validate({"base_url": "https://x", "hf_endpoint": {"name": "y"}})
