import asyncio
import hashlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from aiohttp import web
from annotating import PATHS, TEXT_ROWS, annotate, by_number, run_stage, set_up
from conftest import ROOT, Project
from loopback_teacher import Behaviour, chat_answer, error, prompt_of, serve_teacher
from stage_command import stage_command
from tiny_model import TEXTS, make_tiny_model

from distil.assets.references import sha256_of
from distil.core.errors import EndpointError, InputError
from distil.core.metrics import read_details, read_metrics
from distil.teacher.counting import load_counter


def test_a_cascade_without_rows_for_it_is_told_before_anything_is_paid(project: Project) -> None:
    with serve_teacher(by_number) as server:
        set_up(project, server)
        project(cascade={"agreement": 0.97}, split={"calibration_share": 0})
        with pytest.raises(InputError, match=r"cascade\.agreement = 0\.97 needs rows of its own"):
            annotate()
        assert server.bodies == []
        project(split={"calibration_share": 0.2})
        assert len(annotate()) == len(TEXT_ROWS)


def test_every_text_is_asked_as_it_is_and_gets_a_row(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    with serve_teacher(by_number) as server:
        set_up(project, server)
        rows = annotate()
    assert sorted(prompt_of(body) for body in server.bodies) == sorted(
        f"Label with negative, positive: {text}" for text in TEXT_ROWS
    )
    assert len(rows) == len(TEXT_ROWS)
    assert rows["id"].is_monotonic_increasing
    assert set(rows["status"]) == {"ok"}
    metrics = read_details(PATHS[3])
    assert read_metrics(PATHS[3])["requests"] == metrics["requests"]
    assert metrics["status"] == {"ok": 7}
    assert metrics["labels"] == {"negative": 4, "positive": 3}
    assert (metrics["input_tokens"], metrics["output_tokens"], metrics["reasoning_tokens"]) == (70, 14, None)
    assert read_details(PATHS[3])["run"]["answers_per_s"] > 0
    assert 0 < read_details(PATHS[3])["run"]["text_seconds"]["p50"] <= read_details(PATHS[3])["run"]["seconds"]
    assert "7 requests answered, 0 retries, 0 answers already in the store; 7 ok" in capsys.readouterr().out


def test_nothing_is_asked_twice(project: Project) -> None:
    with serve_teacher(by_number) as server:
        set_up(project, server)
        annotate()
        first = PATHS[2].read_bytes()
        annotate()
        assert (len(server.bodies), PATHS[2].read_bytes()) == (7, first)
        set_up(project, server, votes=3)
        assert len(annotate()) == 21
        assert len(server.bodies) == 21
        assert sorted({body["seed"] for body in server.bodies}) == [0, 1, 2]
        Path("prompt.md").write_text("Another: {text}")
        annotate()
        assert len(server.bodies) == 42
        set_up(project, server)
        annotate()
        assert (len(server.bodies), PATHS[2].read_bytes()) == (42, first)


def test_answers_that_name_no_label_are_kept_as_abstentions(project: Project) -> None:
    replies = ["positive", "who knows", "bullish", "I cannot say", '{"reason": "cut', "negative"]

    def behave(_body: dict[str, Any], number: int) -> Any:
        if number == 6:
            return error(400, "context too long")
        return chat_answer(replies[number], "length" if number == 4 else "stop")

    with serve_teacher(behave) as server:
        set_up(project, server)
        rows = annotate()
    counts = rows["status"].value_counts().to_dict()
    assert counts == {"ok": 2, "out_of_set": 2, "refused": 1, "truncated": 1, "http_error": 1}
    assert rows.loc[rows["status"] != "ok", "label"].isna().all()


def test_a_failure_on_the_way_keeps_what_came_and_looks_not_done(project: Project) -> None:
    def behave(_body: dict[str, Any], number: int) -> Any:
        return "positive" if number < 3 else error(503)

    with serve_teacher(behave) as server:
        set_up(project, server)
        project(runtime={"base_url": server.url, "max_in_flight": 1, "max_retries": 0})
        with pytest.raises(EndpointError, match=r"4 of 7 requests failed on the way, the first with: 503"):
            annotate()
        assert not PATHS[2].exists()
        server.behave = by_number
        assert len(annotate()) == 7
        assert len(server.bodies) == 7 + 4


def test_some_failures_may_be_allowed(project: Project) -> None:
    with serve_teacher(lambda _, number: error(503) if number == 3 else "positive") as server:
        set_up(project, server, max_failed_share=0.2)
        project(runtime={"base_url": server.url, "max_in_flight": 1, "max_retries": 0})
        assert annotate()["status"].value_counts().to_dict() == {"ok": 6, "http_error": 1}


@pytest.mark.parametrize(
    ("behave", "message"),
    [
        (
            lambda _body, _number: "no idea at all, I am afraid, none",
            "none of the teacher's answers .*7 parse_failed.*'no idea",
        ),
        (
            lambda _body, _number: error(422, "text not in the recording"),
            "7 http_error.*422: text not in the recording",
        ),
    ],
)
def test_a_teacher_that_is_of_no_use_is_named(project: Project, behave: Behaviour, message: str) -> None:
    with serve_teacher(behave) as server:
        set_up(project, server)
        with pytest.raises(InputError, match=message):
            annotate()
    assert not PATHS[2].exists()


def test_html_and_a_dead_endpoint_end_the_run_in_one_line(project: Project) -> None:
    with serve_teacher(lambda _body, _number: web.Response(text="<html>", content_type="text/html")) as server:
        set_up(project, server)
        page = run_stage()
    dead = run_stage()
    for ended, message in ((page, "a web page (text/html), not JSON"), (dead, "cannot connect")):
        last = ended.stderr.strip().splitlines()[-1]
        assert ended.returncode == 1
        assert last.startswith("error: ")
        assert message in last
        assert "Traceback" not in ended.stderr


def test_ctrl_c_waits_for_what_is_in_flight_and_the_next_run_goes_on(project: Project) -> None:
    with serve_teacher(by_number) as server:
        texts = [f"text {number}" for number in range(60)]
        set_up(project, server, texts)
        project(runtime={"base_url": server.url, "max_in_flight": 4})
        server.delay_s = 0.1
        command = stage_command("annotate", *PATHS)
        child = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True)
        while len(server.bodies) < 10:
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        _, stderr = child.communicate(timeout=30)
        asked = len(server.bodies)
        assert child.returncode == 130
        assert f"{60 - asked} requests to go" in stderr
        assert asked < 60
        annotate()
        assert len(server.bodies) == 60
    assert server.most_in_flight == 4


def test_the_key_is_in_no_file_that_a_run_leaves(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_KEY", "sk-very-secret")
    with serve_teacher(by_number) as server:
        set_up(project, server)
        folder = project(runtime={"base_url": server.url, "api_key_env": "TOY_KEY"})
        annotate()
        assert server.headers[0]["Authorization"] == "Bearer sk-very-secret"
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.name.startswith("answers.sqlite") for path in files)
    assert not [path for path in files if b"sk-very-secret" in path.read_bytes()]


def test_scores_are_read_and_kept(project: Project) -> None:
    def behave(body: dict[str, Any], _number: int) -> dict[str, Any]:
        good = "good" in body["prompt"]
        likely, other = (" positive", " negative") if good else (" negative", " positive")
        top = {likely: -0.25, other: -1.5}
        return {"choices": [{"text": likely, "logprobs": {"top_logprobs": [top]}, "finish_reason": "length"}]}

    with serve_teacher(behave) as server:
        set_up(project, server, ["it is good", "it is bad"], method="score", protocol="completion", max_tokens=1)
        rows = annotate().set_index("label")
    assert list(rows.loc["positive", "label_logprobs"]) == [-1.5, -0.25]
    assert list(rows.loc["negative", "label_logprobs"]) == [-0.25, -1.5]


def test_recorded_answers_are_given_again(project: Project) -> None:
    recording = pd.DataFrame({"text": TEXT_ROWS, "l1": "positive", "l2": "negative", "why": 'a "good" reason'})
    folder = project()
    recording.to_csv(folder / "answers.csv", index=False)
    pin = hashlib.sha256((folder / "answers.csv").read_bytes()).hexdigest()
    votes = [{"reason": "why", "label": "l1"}, {"label": "l2"}]
    section = {"files": [f"answers.csv#sha256={pin}"], "text": "text", "votes": votes, "tokenizer": None}
    with serve_teacher(by_number) as server:
        set_up(project, server, protocol="recorded", recording=section, votes=2)
        rows = annotate()
    assert not server.bodies
    assert rows.groupby("vote")["label"].agg(set).to_dict() == {1: {"positive"}, 2: {"negative"}}
    assert set(rows.loc[rows["vote"] == 1, "reason"]) == {'a "good" reason'}
    asked = read_details(PATHS[3])
    assert (asked["run"]["texts_per_s"], asked["input_tokens"]) == (None, None)
    assert "counted" not in asked


def test_the_tokens_of_a_recording_are_counted_and_marked_so(project: Project) -> None:
    folder = project()
    pd.DataFrame({"text": TEXT_ROWS, "l": "positive", "why": "it is good"}).to_csv(folder / "answers.csv", index=False)
    tokenizer = make_tiny_model(folder / "base", ["label with negative positive reason", *TEXTS]) / "tokenizer.json"
    files, counter = (f"{path}#sha256={sha256_of(path)}" for path in (folder / "answers.csv", tokenizer))
    votes = [{"reason": "why", "label": "l"}, {"label": "l"}]
    section = {"files": [files], "text": "text", "votes": votes, "tokenizer": counter}
    with serve_teacher(by_number) as server:
        set_up(project, server, protocol="recorded", recording=section, votes=2)
        rows = annotate()
    count = load_counter(counter, PATHS[1]).count_text
    in_json = count('{"reason": "it is good", "label": "positive"}')
    assert rows.groupby("vote")["output_tokens"].agg(set).to_dict() == {1: {in_json}, 2: {count("positive")}}
    prompts = [f"Label with negative, positive: {text}" for text in TEXT_ROWS]
    assert sorted(rows["input_tokens"]) == sorted(2 * [count(prompt) for prompt in prompts])
    asked = read_details(PATHS[3])
    assert asked["counted"] == {"tokenizer": counter, "stand_in": False}
    assert asked["told"]["output_tokens"] == asked["answers"] == 2 * len(TEXT_ROWS)
    assert asked["input_tokens"] == rows["input_tokens"].sum()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "score", "protocol": "tgi"}, "score needs protocol completion or chat"),
        ({"method": "score", "votes": 3}, "set votes to 1"),
        ({"protocol": "recorded"}, "annotate.recording go together"),
        ({"votes": 0}, "annotate.votes.min = 0"),
        ({"prompt": "gone.md"}, "gone.md is missing"),
    ],
)
def test_params_that_cannot_work_are_refused_before_anything_is_asked(
    project: Project, change: dict[str, Any], message: str
) -> None:
    with serve_teacher(by_number) as server:
        set_up(project, server, **change)
        with pytest.raises(InputError, match=message):
            annotate()
    assert not server.bodies


def test_two_runs_at_once_share_the_store(project: Project) -> None:
    with serve_teacher(by_number) as server:
        set_up(project, server, [f"text {number}" for number in range(50)])

        async def run_both() -> list[int]:
            names = "texts.parquet assets.txt {0}.parquet {0}.json"
            paths = [names.format(number).split() for number in range(2)]
            commands = [stage_command("annotate", *some) for some in paths]
            env = os.environ | {"PYTHONPATH": str(ROOT)}
            children = [await asyncio.create_subprocess_exec(*command, env=env) for command in commands]
            return [await child.wait() for child in children]

        assert asyncio.run(run_both()) == [0, 0]
        assert len(server.bodies) == 50  # the second waits for the first, and finds all answers there
    assert Path("0.parquet").read_bytes() == Path("1.parquet").read_bytes()
