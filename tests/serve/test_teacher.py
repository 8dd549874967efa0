"""Texts of which the student is unsure, asked of a teacher on loopback: who answered, for how much, when it is away."""

import asyncio
import json
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from conftest import ROOT
from loopback_teacher import LoopbackTeacher, prompt_of, serve_teacher
from serving import Running, refuse, serving

from distil.cascade.asking import load_teacher
from distil.cascade.live import LiveTeacher
from distil.classifiers.canonical import load_writer
from distil.classifiers.opening import open_onnx
from distil.cli.serve import check_passing
from distil.core.errors import InputError
from distil.serve.answers import decide, say, take_label
from distil.serve.metrics import Metrics
from distil.serve.passing import PassingOn

INT8 = "onnx/model_quantized.onnx"
TOKEN = {"Authorization": "Bearer secret"}
ALL = ("--unsure-below", "1", "--unsure-to", "teacher", "--token-env", "A_TOKEN")
USD = 0.012  # of an answer


@pytest.fixture
def teacher() -> Iterator[LoopbackTeacher]:
    with serve_teacher(lambda body, _number: "negative" if "bad" in prompt_of(body) else "positive") as server:
        yield server


@pytest.fixture
def study(tmp_path: Path, teacher: LoopbackTeacher) -> Path:
    """A study of the model's labels whose teacher takes $0.012 for a text."""
    sections: dict[str, Any] = yaml.safe_load((ROOT / "presets/reviews.yaml").read_text())
    sections["annotate"] = {"prompt": "ask.md", "method": "generate", "protocol": "chat", "model": "toy"}
    sections["annotate"] |= {"max_tokens": 9, "examples": {"file": "no.csv", "nearest": 0}}
    sections["runtime"] = {"base_url": teacher.url, "max_retries": 1, "retry_wait_s": 0.001, "budget_usd": 1.0}
    sections["cost"]["teacher_usd_per_million_tokens"] = {"input": 1000.0, "output": 1000.0}
    write_params(tmp_path, sections)
    (tmp_path / "ask.md").write_text("Is it {labels}?\nText: {text}\n")
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    return tmp_path


def write_params(study: Path, sections: dict[str, Any]) -> None:
    (study / "params.yaml").write_text(yaml.safe_dump(sections))


def set_budget(study: Path, usd: float | None) -> None:
    sections = yaml.safe_load((study / "params.yaml").read_text())
    sections["runtime"]["budget_usd"] = usd
    write_params(study, sections)


def serve(study: Path, model: Path, *more: str) -> AbstractContextManager[Running]:
    environment = {"A_TOKEN": "secret", "DISTIL_STORE": str(study / "answers.sqlite")}
    return serving(study, model, *ALL, *more, environment=environment)


def ask(server: Running, *texts: str, **fields: Any) -> httpx2.Response:
    body = {"inputs": [[text] for text in texts], **fields}
    return httpx2.post(f"{server.address}/predict", json=body, headers=TOKEN, timeout=60)


def who(reply: httpx2.Response) -> list[str]:
    assert reply.status_code == 200, reply.text
    return reply.headers["x-distil-answered-by"].split(",")


def count(server: Running, name: str) -> float:
    told = httpx2.get(f"{server.address}/metrics", headers=TOKEN).text
    found = re.search(rf"^{re.escape(name)} (\S+)$", told, re.MULTILINE)
    return float(found[1]) if found else 0.0


def count_kept(study: Path) -> int:
    with sqlite3.connect(study / "answers.sqlite") as store:
        return int(store.execute("SELECT count(*) FROM answers").fetchone()[0])


@pytest.mark.slow
def test_the_teacher_answers_and_is_paid_once_also_over_restarts(
    study: Path, model: Path, teacher: LoopbackTeacher
) -> None:
    with serve(study, model) as server:
        reply = ask(server, "good thing", "bad thing", details=True)
        assert who(reply) == ["teacher"]
        assert [one["predictions"][0] for one in reply.json()] == [
            {"label": "positive", "score": 1.0},
            {"label": "negative", "score": 1.0},
        ]
        assert all(one["unsure"] and one["sureness"] < 1 and not one["why_not_teacher"] for one in reply.json())
        plain = ask(server, "bad thing").json()
        assert plain == [[{"label": "negative", "score": 1.0}, {"label": "positive", "score": 0.0}]]
        assert who(ask(server, "bad thing", raw_scores=True)) == ["student"]
        message = {"role": "user", "content": "Is it negative, positive?\nText: bad thing"}
        chat = {"messages": [message], "model": "any"}
        reply = httpx2.post(f"{server.address}/v1/chat/completions", json=chat, headers=TOKEN)
        assert who(reply) == ["teacher"] and reply.json()["choices"][0]["message"]["content"] == "negative"
        assert len(teacher.bodies) == 2
        assert count(server, 'distil_texts_total{answered_by="teacher"}') == 4
        assert count(server, "distil_teacher_usd") == pytest.approx(2 * USD)
        info = httpx2.get(f"{server.address}/info", headers=TOKEN).json()
        assert (info["unsure_below"], info["unsure_to"]) == (1.0, "teacher")
        line = refuse(
            study, "--model", str(model), "--port", "0", *ALL, A_TOKEN="x", DISTIL_STORE=str(study / "answers.sqlite")
        )
        assert "another distil serve in this folder asks the teacher already" in line
        assert server.end() == 0
        assert "thing" not in server.log.read_text()
    set_budget(study, 0.13)  # an answer may cost up to $0.096 before any is known, and $0.075 afterwards
    with serve(study, model) as server:
        assert "$0.0240 were spent before" in server.log.read_text()
        assert who(ask(server, "good thing", "bad thing")) == ["teacher"]
        assert len(teacher.bodies) == 2, "they are in the store"
        told = [who(ask(server, f"good thing {number}")) for number in range(4)]
        assert told[0] == ["teacher"] and told[-1] == ["student"]
        reply = ask(server, "good thing", "good thing 9")
        assert who(reply) == ["teacher", "student"]
        assert reply.headers["x-distil-unsure"] == "1" and reply.headers["x-distil-why-not-teacher"] == "budget"
        assert count(server, 'distil_teacher_unanswered_total{why="budget"}') == told.count(["student"]) + 1
        assert count(server, "distil_teacher_usd") == pytest.approx((2 + told.count(["teacher"])) * USD)
        assert server.process.poll() is None


def test_a_teacher_that_is_away_slows_few_requests_and_breaks_none(
    study: Path, model: Path, teacher: LoopbackTeacher
) -> None:
    answering = teacher.behave
    teacher.behave = lambda _body, _number: None
    with serve(study, model, "--teacher-timeout", "5") as server:
        for number in range(6):
            reply = ask(server, f"good thing {number}", details=True)
            assert who(reply) == ["student"]
            assert reply.headers["x-distil-why-not-teacher"] == "away"
            assert reply.json()[0]["why_not_teacher"] == "away" and reply.json()[0]["unsure"]
            if number == 3:
                asked = len(teacher.bodies)
        assert len(teacher.bodies) == asked, "it is left alone"
        assert "left alone for 30 s" in server.log.read_text()
        assert count(server, 'distil_teacher_unanswered_total{why="away"}') == 6
    teacher.behave = lambda _body, _number: "who knows"
    with serve(study, model) as server:
        assert ask(server, "good thing").headers["x-distil-why-not-teacher"] == "abstained"
        teacher.behave = answering
        assert who(ask(server, "good thing more")) == ["teacher"]


def test_an_answer_that_comes_late_is_kept_and_waited_for_in_the_end(
    study: Path, model: Path, teacher: LoopbackTeacher
) -> None:
    teacher.delay_s = 3
    with serve(study, model, "--teacher-timeout", "0.4") as server:
        begun = time.monotonic()
        with ThreadPoolExecutor(2) as pool:
            replies = list(pool.map(lambda _: ask(server, "good thing"), range(2)))
        assert [who(reply) for reply in replies] == [["student"]] * 2
        assert {reply.headers["x-distil-why-not-teacher"] for reply in replies} == {"slow"}
        assert time.monotonic() - begun < teacher.delay_s
        assert len(teacher.bodies) == 1, "what two ask at once is bought once"
        assert server.end() == 0
        assert count_kept(study) == 1, "it was paid for"
    with serve(study, model) as server:
        assert who(ask(server, "good thing")) == ["teacher"]
        assert len(teacher.bodies) == 1


@contextmanager
def passing_on(study: Path, timeout_s: float = 30.0) -> Iterator[PassingOn]:
    """What a server asks, in this process and in the study's folder."""
    live = LiveTeacher(load_teacher(study, study / "annotations.parquet"), study)
    try:
        yield PassingOn(live, timeout_s, Metrics())
    finally:
        live.stop()
        live.end()


@pytest.fixture
def inside(study: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The study as the working folder, with a store of its own."""
    monkeypatch.chdir(study)
    monkeypatch.setenv("DISTIL_STORE", str(study / "answers.sqlite"))
    return study


def put(passing: PassingOn, *texts: str) -> list[str | None]:
    """The label of each text, or why there is none."""
    return [one.label or one.why_not for one in asyncio.run(passing.ask(texts))]


def test_what_was_paid_for_is_given_while_the_teacher_is_left_alone_and_says_nothing_of_it(
    inside: Path, teacher: LoopbackTeacher
) -> None:
    with passing_on(inside) as passing:
        assert put(passing, "good thing", "bad thing") == ["positive", "negative"]
        teacher.behave = lambda _body, _number: None
        for number in range(4):
            assert put(passing, f"new {number}", "bad thing") == ["away", "negative"]
            assert put(passing, "good thing") == ["positive"]
        asked = len(teacher.bodies)
        assert put(passing, "newer", "good thing") == ["away", "positive"]
        assert len(teacher.bodies) == asked, "it is left alone"


def test_what_was_paid_for_is_given_after_the_budget(inside: Path, teacher: LoopbackTeacher) -> None:
    set_budget(inside, 0.2)
    with passing_on(inside) as passing:
        assert put(passing, "good thing") == ["positive"]
    set_budget(inside, 0.012)
    with passing_on(inside) as passing:
        assert put(passing, "new", "good thing") == ["budget", "positive"]
        assert len(teacher.bodies) == 1


def test_what_one_teacher_says_is_waited_for_and_kept_though_another_fails(
    inside: Path, teacher: LoopbackTeacher
) -> None:
    sections = yaml.safe_load((inside / "params.yaml").read_text())
    del sections["annotate"]["model"]
    sections["annotate"]["teachers"] = [{"model": "dead"}, {"model": "slow"}]
    write_params(inside, sections)
    teacher.behave = lambda body, _number: "positive" if body["model"] == "slow" else None
    teacher.delays = {1: 1.0}  # the other fails twice meanwhile
    with passing_on(inside, 0.5) as passing:
        assert put(passing, "good thing") == ["slow"]
        passing.teacher.stop()
        while passing.teacher.under_way:
            time.sleep(0.02)
        assert count_kept(inside) == 1


def test_nothing_is_bought_for_a_reply_that_was_given(inside: Path, teacher: LoopbackTeacher) -> None:
    set_budget(inside, 0.15)  # of which an answer may take $0.096: the second waits for the first
    teacher.delay_s = 1.0
    with passing_on(inside, 0.4) as passing:
        assert put(passing, "good", "bad") == ["slow", "slow"]
        while passing.teacher.under_way:
            time.sleep(0.02)
        assert len(teacher.bodies) == 1
        assert passing.teacher.spent_usd == pytest.approx(USD)


def test_a_change_of_the_model_begins_no_new_sum(inside: Path) -> None:
    with passing_on(inside) as passing:
        assert put(passing, "good thing") == ["positive"]
    sections = yaml.safe_load((inside / "params.yaml").read_text())
    sections["annotate"]["model"] = "another"
    for prices in ({"input": 1000.0, "output": 1000.0}, {"another": {"input": 2000.0, "output": 2000.0}}):
        sections["cost"]["teacher_usd_per_million_tokens"] = prices
        write_params(inside, sections)
        with passing_on(inside) as passing:
            dear = 2 if "another" in prices else 1  # the first one's prices are not known any more
            assert passing.teacher.spent_usd == pytest.approx(USD * dear)


def test_after_the_end_began_nothing_more_is_bought(inside: Path, teacher: LoopbackTeacher) -> None:
    set_budget(inside, 0.15)  # the second waits for the first
    teacher.delay_s = 1.0
    with passing_on(inside) as passing:
        asked = [passing.teacher.ask(text, 30) for text in ("good", "bad")]
        while not teacher.bodies:
            time.sleep(0.02)
        passing.teacher.stop()
        assert [one.result(30).why_not for one in asked] == [None, "away"]
        assert len(teacher.bodies) == 1 == count_kept(inside)


def test_a_fault_at_the_beginning_comes_as_it_is(inside: Path) -> None:
    study_teacher = load_teacher(inside, inside / "annotations.parquet")
    study_teacher.plans = []
    with pytest.raises(ValueError, match="empty"):
        LiveTeacher(study_teacher, inside)


@pytest.mark.parametrize(
    ("below", "to", "token", "fault"),
    [
        ("1", None, "A_TOKEN", "--unsure-below needs --unsure-to teacher beside it"),
        (None, "teacher", "A_TOKEN", "--unsure-to needs --unsure-below beside it"),
        ("1", "file", "A_TOKEN", "passes texts on to the teacher alone"),
        ("1", "teacher", None, "lets whoever may ask spend money"),
    ],
)
def test_one_option_without_the_others_is_refused(
    below: str | None, to: str | None, token: str | None, fault: str
) -> None:
    with pytest.raises(InputError, match=fault):
        check_passing(below, to, token)


def test_no_budget_and_no_threshold_are_one_line(study: Path, model: Path) -> None:
    set_budget(study, None)
    begin = ("--model", str(model), "--port", "0")
    assert "runtime.budget_usd in params.yaml is not set" in refuse(study, *begin, *ALL, A_TOKEN="x")
    assert "has no certified threshold" in refuse(study, *begin, *ALL, "--unsure-below", "auto", A_TOKEN="x")


def test_a_certified_threshold_marks_what_is_unsure_without_a_teacher(model: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(model, tmp_path / "own"))
    texts = ["good thing", "bad thing", "it is fine", "awful it is"]
    sureness = sorted(float(sure) for sure in open_onnx(model, INT8).predict_with_sureness(texts)[1])
    config = json.loads((own / "config.json").read_text())
    config["selective"] = {"temperature": 1.0, "threshold": (sureness[1] + sureness[2]) / 2, "file": INT8}
    (own / "config.json").write_text(json.dumps(config))
    with serving(tmp_path, own) as server:
        reply = server.post([[text] for text in texts], details=True)
        assert [one["unsure"] for one in reply.json()].count(True) == 2 == int(reply.headers["x-distil-unsure"])
        assert reply.headers["x-distil-answered-by"] == "student"
        assert "x-distil-why-not-teacher" not in reply.headers
        one = server.post(texts[0], details=True).json()
        assert set(one) == {"predictions", "sureness", "unsure", "answered_by", "why_not_teacher"}
    with serving(tmp_path, own, "--file", "onnx/model.onnx") as server:
        assert httpx2.get(f"{server.address}/info").json()["unsure_below"] is None, "it is of the other file"


@pytest.mark.parametrize(
    ("name", "value"), [("model", "negative"), ("several", ["a", "c"]), ("tagger", [(0, 4, "LOC"), (5, 10, "PER")])]
)
def test_a_label_of_another_is_told_as_the_student_tells_its_own(
    name: str, value: Any, request: pytest.FixtureRequest
) -> None:
    student = open_onnx(request.getfixturevalue(name), INT8)
    (said,) = say(student, ["good thing"])
    taken = take_label(student, said, "good thing", load_writer(student.kind)(value))
    assert decide(student, taken) == value
    assert taken.sureness == said.sureness and 0 < (said.sureness or 0) < 1
    assert [one.text for one in taken.spans] == (["good", "thing"] if name == "tagger" else [])
