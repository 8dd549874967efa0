"""What annotate asks, and what it keeps when a run ends early: votes, teachers, budget, kills."""

import hashlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from annotating import PATHS, annotate, run_stage, set_up
from conftest import ROOT, Project
from loopback_teacher import chat_answer, error, prompt_of, serve_teacher
from stage_command import stage_command

from distil.annotate import workers
from distil.annotate.budget import BudgetError
from distil.core.errors import EndpointError, InputError
from distil.core.metrics import read_details
from distil.core.tables import LABELS, read_rows
from distil.store.opening import open_store, store_path
from stages import aggregate

TEN = [f"text {number}" for number in range(10)]
PRICE = {"teacher_usd_per_million_tokens": {"input": 100, "output": 500}}  # 10 and 2 tokens: $0.002 an answer


def label_by_seed(body: dict[str, Any], _number: int) -> str:
    """Texts 0 to 4 get the same label each time; of the others the second answer is another one."""
    agrees = int(prompt_of(body).split()[-1]) < 5
    return "positive" if agrees or body["seed"] != 1 else "negative"


def lock_finished_run() -> None:
    """A dvc.lock that records a finished annotate with the toy teacher."""
    params = {"params.yaml": {"annotate": {"model": "toy-teacher", "server": "endpoint"}}}
    Path("dvc.lock").write_text(
        yaml.safe_dump({"schema": "2.0", "stages": {"annotate": {"cmd": "x", "params": params}}})
    )


def stored_answers() -> int:
    with open_store(store_path()) as store:
        return len(store)


def test_more_votes_are_asked_only_where_they_disagree(project: Project) -> None:
    with serve_teacher(label_by_seed) as server:
        set_up(project, server, TEN, votes={"min": 2, "max": 5})
        rows = annotate()
        assert len(server.bodies) == len(rows) == 5 * 2 + 5 * 4
        votes = rows.groupby("id")["vote"].agg(list).tolist()
        assert sorted(map(tuple, votes)) == [(1, 2)] * 5 + [(1, 2, 3, 4)] * 5
        assert read_details(PATHS[3])["votes"] == {"min": 2, "max": 5}
        first = PATHS[2].read_bytes()
        annotate()
        assert (len(server.bodies), PATHS[2].read_bytes()) == (30, first)


def test_a_vote_that_failed_is_no_reason_to_ask_for_the_next(project: Project) -> None:
    def behave(body: dict[str, Any], number: int) -> Any:
        return error(422) if body["seed"] == 1 else label_by_seed(body, number)

    with serve_teacher(behave) as server:
        set_up(project, server, TEN, votes={"min": 2, "max": 5})
        rows = annotate()
        assert len(server.bodies) == 20
    assert rows["status"].value_counts().to_dict() == {"ok": 10, "http_error": 10}


def test_votes_from_three_to_five_ask_two_more_and_a_prompt_that_is_changed_back_none(project: Project) -> None:
    with serve_teacher(label_by_seed) as server:
        set_up(project, server, TEN, votes=3)
        annotate()
        assert len(server.bodies) == 30
        first = PATHS[2].read_bytes()
        set_up(project, server, TEN, votes=5)
        annotate()
        assert len(server.bodies) == 50
        prompt = Path("prompt.md").read_text()
        Path("prompt.md").write_text("Now label {text}")
        annotate()
        assert len(server.bodies) == 100
        Path("prompt.md").write_text(prompt)
        set_up(project, server, TEN, votes=3)
        annotate()
        assert (len(server.bodies), PATHS[2].read_bytes()) == (100, first)


def test_answers_that_cannot_be_read_are_no_disagreement(project: Project) -> None:
    def behave(body: dict[str, Any], number: int) -> str:
        unreadable = int(prompt_of(body).split()[-1]) >= 5
        return "no idea, I am afraid, of any kind" if unreadable else label_by_seed(body, number)

    with serve_teacher(behave) as server:
        set_up(project, server, TEN, votes={"min": 2, "max": 5})
        annotate()
        assert len(server.bodies) == 20


def test_requests_that_always_fail_fail_alone_also_when_nothing_else_is_left_to_ask(project: Project) -> None:
    """The first run leaves two rows without an answer; the second has nothing but them to ask."""

    def behave(body: dict[str, Any], _number: int) -> Any:
        return error(500) if prompt_of(body).endswith(("text 3", "text 7")) else "positive"

    with serve_teacher(behave) as server:
        set_up(project, server, [f"text {number}" for number in range(100)], max_failed_share=0.1)
        project(runtime={"base_url": server.url, "retry_wait_s": 0.001})
        for _ in range(2):
            assert annotate()["status"].value_counts().to_dict() == {"ok": 98, "http_error": 2}
        assert len(server.bodies) == 98 + 2 * 2 * 7


def test_when_every_request_is_refused_the_run_does_not_ask_them_all(project: Project) -> None:
    with serve_teacher(lambda _body, _number: error(400, "max_tokens is too large")) as server:
        set_up(project, server, [f"text {number}" for number in range(500)])
        with pytest.raises(EndpointError, match="toy-teacher refused the first 50 requests, with: 400: max_tokens is"):
            annotate()
        assert len(server.bodies) < 100


def test_labels_that_scores_cannot_tell_apart_are_found_out_at_once(project: Project) -> None:
    def behave(_body: dict[str, Any], _number: int) -> dict[str, Any]:
        return {"choices": [{"text": " good", "logprobs": {"top_logprobs": [{" good": -0.1, " bad": -3.0}]}}]}

    with serve_teacher(behave) as server:
        set_up(project, server, [f"text {n}" for n in range(200)], method="score", protocol="completion", max_tokens=1)
        sections = yaml.safe_load(Path("params.yaml").read_text())
        project(task=sections["task"] | {"labels": ["good enough", "good", "bad"]})
        with pytest.raises(InputError, match="share the first token 'good'"):
            annotate()
        assert len(server.bodies) < 100


def test_teachers_at_one_endpoint_share_its_limits(project: Project) -> None:
    with serve_teacher(label_by_seed) as server:
        server.delay_s = 0.02
        set_up(project, server, TEN, model=None, teachers=["a", "b", "c"])
        project(runtime={"base_url": server.url, "max_in_flight": 2, "requests_per_minute": 1200})
        started = time.monotonic()
        annotate()
        assert time.monotonic() - started >= 28 * 0.05
        assert server.most_in_flight <= 2


def test_the_end_of_one_teacher_does_not_cost_the_answers_of_another(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "DRAIN_S", 0.1)
    with (
        serve_teacher(lambda _body, _number: error(401)) as bad,
        serve_teacher(lambda _body, _number: "positive") as good,
    ):
        good.delay_s = 0.5
        set_up(project, good, TEN, model=None, teachers=["a", "b"])
        project(runtime={"base_url": good.url, "max_in_flight": 4, "endpoints": {"a": {"base_url": bad.url}}})
        with pytest.raises(EndpointError, match="answers 401"):
            annotate()
        assert stored_answers() == len(good.bodies) == 4


def test_an_endpoint_of_no_use_is_not_waited_for_long(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "DRAIN_S", 0.1)
    with serve_teacher(lambda _body, number: "positive" if number else error(401)) as server:
        server.delays = dict.fromkeys(range(1, 9), 60.0)
        set_up(project, server, TEN)
        started = time.monotonic()
        with pytest.raises(EndpointError, match="answers 401"):
            annotate()
        assert time.monotonic() - started < 30


def test_several_teachers_give_all_their_votes_and_each_is_counted(project: Project) -> None:
    def behave(body: dict[str, Any], number: int) -> str:
        return "negative" if body["model"] == "b" and body["temperature"] == 0.1 else label_by_seed(body, number)

    with serve_teacher(behave) as server, serve_teacher(behave) as other:
        teachers = ["a", {"model": "b", "temperature": 0.1}]
        set_up(project, server, TEN, model=None, teachers=teachers, votes=2)
        project(runtime={"base_url": server.url, "endpoints": {"b": {"base_url": other.url}}})
        rows = annotate()
    assert [body["model"] for body in server.bodies] == ["a"] * 20
    assert [body["model"] for body in other.bodies] == ["b"] * 20
    assert rows["teacher"].tolist() == ["a", "a", "b", "b"] * 10
    metrics = read_details(PATHS[3])
    assert (metrics["teacher"], metrics["requests"], metrics["input_tokens"]) == ("a + b", 40, 400)
    assert metrics["by_teacher"]["b"] == {
        "server": "endpoint",
        "requests": 20,
        "answers": 20,
        "input_tokens": 200,
        "cached_tokens": None,
        "output_tokens": 40,
        "reasoning_tokens": None,
        "told": {"input_tokens": 20, "cached_tokens": 0, "output_tokens": 20, "reasoning_tokens": 0},
    }
    assert metrics["labels"] == {"negative": 25, "positive": 15}


def test_votes_of_several_teachers_are_counted_together(project: Project) -> None:
    with serve_teacher(lambda body, _: "negative" if body["model"] == "c" else "positive") as server:
        set_up(project, server, TEN, model=None, teachers=["a", "b", "c"])
        folder = project(aggregate={"calibrate": True, "min_agreement": 0.0})
        annotate()
        (folder / "corrections.csv").write_text("id,text_sha,label,reviewer,reviewed_at,note\n")
        aggregate.main(PATHS[2], folder / "corrections.csv", folder / "labels.parquet", folder / "aggregate.json")
    labels = read_rows(folder / "labels.parquet", LABELS)
    assert set(labels["label"]) == {"positive"}
    assert labels["soft"].iloc[0] == pytest.approx([1 / 3, 2 / 3])


def test_the_budget_is_never_passed_and_the_next_run_goes_on(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    with serve_teacher(lambda _body, _number: "positive") as server:
        set_up(project, server, [f"text {number}" for number in range(100)])
        runtime = {"base_url": server.url, "max_in_flight": 8}
        project(cost=PRICE, runtime=runtime | {"budget_usd": 0.1})
        with pytest.raises(BudgetError, match=r"budget_usd = 0.1 would be passed: .* have cost \$0\.0\d+.* raise the"):
            annotate()
        answered = len(server.bodies)
        assert answered * 0.002 <= 0.1
        assert stored_answers() == answered > 0
        with pytest.raises(BudgetError):  # what is in the store counts
            annotate()
        assert len(server.bodies) == answered
        project(runtime=runtime | {"budget_usd": 1.0})
        annotate()
        assert len(server.bodies) == 100
        assert "$0.2000 for all of them" in capsys.readouterr().out


def test_the_budget_counts_the_longest_answer_that_extra_allows_and_what_came_but_could_not_be_read(
    project: Project,
) -> None:
    def behave(_body: dict[str, Any], number: int) -> Any:
        return chat_answer("positive") if number % 2 else {"choices": []}

    with serve_teacher(behave) as server:
        set_up(project, server, [f"text {number}" for number in range(100)], extra={"max_completion_tokens": 100})
        budget = {"max_in_flight": 1, "budget_usd": 0.5, "retry_wait_s": 0.0}
        project(cost=PRICE, runtime={"base_url": server.url} | budget)
        with pytest.raises(BudgetError, match=r"may cost up to \$0.05"):
            annotate()
    assert 4 <= stored_answers() <= 10  # each was preceded by one that may have cost 100 tokens of output


def test_a_budget_needs_a_price(project: Project) -> None:
    set_up_url = "https://teacher.example/v1"
    with serve_teacher(lambda _body, _number: "positive") as server:
        set_up(project, server, TEN)
        project(runtime={"base_url": set_up_url, "budget_usd": 1})
        with pytest.raises(
            InputError, match=r"budget_usd = 1 .* an answer of toy-teacher is not known: give cost.teacher"
        ):
            annotate()


def test_a_budget_needs_a_longest_answer(project: Project) -> None:
    with serve_teacher(lambda _body, _number: "positive") as server:
        set_up(project, server, TEN, extra={"max_tokens": None})
        project(cost=PRICE, runtime={"base_url": server.url, "budget_usd": 1})
        with pytest.raises(
            InputError, match=r"budget_usd = 1 .* takes max_tokens out, .* one of max_completion_tokens"
        ):
            annotate()
    assert not server.bodies


def test_answers_that_a_finished_run_paid_for_are_not_bought_again_without_a_word(project: Project) -> None:
    with serve_teacher(lambda _body, _number: "positive") as server:
        set_up(project, server, TEN)
        project(cost=PRICE)
        lock_finished_run()
        with pytest.raises(
            InputError, match=r"holds no answer of toy-teacher, but dvc.lock .*'distil store import .*runtime.pay_again"
        ):
            annotate()
        assert not server.bodies
        project(runtime={"base_url": server.url, "pay_again": True})
        annotate()
        project(runtime={"base_url": server.url})
        Path("prompt.md").write_text("Something else: {text}")
        annotate()  # the store is not empty: this is somebody who goes on
        assert len(server.bodies) == 20


def test_a_teacher_that_costs_nothing_may_be_asked_again(project: Project) -> None:
    with serve_teacher(lambda _body, _number: "positive") as server:
        set_up(project, server, TEN)
        lock_finished_run()
        assert len(annotate()) == 10


QUOTA = {"error": {"message": "no more", "code": "insufficient_quota"}}


@pytest.mark.parametrize(
    ("ending", "message"),
    [
        (lambda: error(401, "bad key"), "answers 401: bad key"),
        (lambda: error(404, "no model"), "answers 404: no model"),
        (lambda: web.json_response(QUOTA, status=429), "quota is used up"),
    ],
)
def test_what_is_in_flight_when_a_run_ends_is_still_stored(project: Project, ending: Any, message: str) -> None:
    """One request of eight ends the run while seven answers are still being made."""

    with serve_teacher(lambda _body, number: ending() if number >= 7 else "positive") as server:
        server.delays = dict.fromkeys(range(7), 0.3)
        set_up(project, server, [f"text {number}" for number in range(100)])
        project(runtime={"base_url": server.url, "max_in_flight": 8})
        with pytest.raises(EndpointError, match=message):
            annotate()
    assert len(server.bodies) == 8
    assert stored_answers() == 7


def test_an_endpoint_that_dies_for_good_ends_the_run_in_one_line_and_the_answers_are_kept(project: Project) -> None:
    with serve_teacher(lambda _body, number: "positive" if number < 20 else None) as server:
        set_up(project, server, [f"text {number}" for number in range(100)])
        project(runtime={"base_url": server.url, "max_in_flight": 4, "retry_wait_s": 0.01, "timeout_s": 5})
        ended = run_stage()
    assert ended.returncode == 1
    assert ended.stderr.strip().splitlines()[-1].startswith(f"error: {server.url} does not answer (broken connection")
    assert "Traceback" not in ended.stderr
    assert stored_answers() == 20


def test_a_limit_delays_requests_and_drops_none(project: Project) -> None:
    def behave(_body: dict[str, Any], number: int) -> Any:
        return error(429, **{"retry-after-ms": "20"}) if number % 3 == 0 else "positive"

    with serve_teacher(behave) as server:
        set_up(project, server, [f"text {number}" for number in range(60)])
        project(runtime={"base_url": server.url, "max_in_flight": 8, "max_retries": 0})
        assert set(annotate()["status"]) == {"ok"}
        assert read_details(PATHS[3])["run"]["retries"] == len(server.bodies) - 60


def test_killed_runs_lose_no_more_than_was_in_flight_and_change_nothing(project: Project) -> None:
    in_flight, kills = 4, 3

    def behave(body: dict[str, Any], _number: int) -> Any:
        return chat_answer(f'{{"reason": "vote {body["seed"]}", "label": "positive"}}')

    with serve_teacher(behave) as server:
        set_up(project, server, [f"text {number}" for number in range(40)], votes=3)
        runtime = {"base_url": server.url, "max_in_flight": in_flight}
        project(runtime=runtime)
        server.delay_s = 0.05
        command = stage_command("annotate", *PATHS)
        for number in range(kills):
            child = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL)
            while len(server.bodies) < 20 * (number + 1):
                assert child.poll() is None
                time.sleep(0.01)
            child.send_signal(signal.SIGKILL)
            child.wait()
        server.delay_s = 0
        annotate()
        resumed = PATHS[2].read_bytes()
        assert 120 <= len(server.bodies) <= 120 + kills * in_flight
        store_path().unlink()
        annotate()
        assert PATHS[2].read_bytes() == resumed


def record(name: str, label: str) -> dict[str, Any]:
    """A recording of the ten texts that says the same of each."""
    path = Path(f"{name}.csv")
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text in TEN))
    files = [f"{path}#sha256={hashlib.sha256(path.read_bytes()).hexdigest()}"]
    return {"files": files, "text": "text", "votes": [{"label": "label"}], "tokenizer": None}


def test_each_of_several_teachers_has_a_recording_of_its_own(project: Project) -> None:
    with serve_teacher(label_by_seed) as server:
        set_up(project, server, TEN)
        teachers = [
            {"model": "good", "recording": record("good", "positive")},
            {"model": "bad", "recording": record("bad", "negative")},
            "asked",
        ]
        set_up(project, server, TEN, model=None, teachers=teachers)
        rows = annotate()
        assert len(server.bodies) == 10
    labels = rows.groupby("teacher")["label"].agg(set).to_dict()
    assert labels == {"good": {"positive"}, "bad": {"negative"}, "asked": {"positive"}}
    found = read_details(PATHS[3])
    assert found["server"] == "mixed"
    assert {name: one["server"] for name, one in found["by_teacher"].items()} == {
        "good": "recorded",
        "bad": "recorded",
        "asked": "endpoint",
    }


@pytest.mark.parametrize("shared", [True, False])
def test_teachers_that_share_a_recording_are_refused(project: Project, shared: bool) -> None:
    with serve_teacher(label_by_seed) as server:
        set_up(project, server, TEN)
        own = {} if shared else {"recording": record("good", "positive")}
        teachers = [{"model": "one"} | own, {"model": "two"} | own]
        section = {"protocol": "recorded", "recording": record("good", "positive")} if shared else {}
        set_up(project, server, TEN, model=None, teachers=teachers, **section)
        with pytest.raises(InputError, match="one and two have one recording, so the same answers: give each"):
            annotate()
