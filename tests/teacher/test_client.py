import asyncio
import dataclasses
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from loopback_teacher import Behaviour, chat_answer, error, prompt_of, serve_teacher

from distil.core.errors import EndpointError, InputError
from distil.core.runtime import RuntimeParams
from distil.forms.answers import Answer
from distil.prompting.params import AnnotateParams
from distil.prompting.requests import Request
from distil.teacher.answerer import FailedRequestError
from distil.teacher.client import Teacher
from distil.teacher.endpoint import Endpoint, find_endpoint
from distil.teacher.protocols import Chat
from distil.teacher.tokens import TokenEstimate

PARAMS = AnnotateParams(prompt="p", method="generate", protocol="chat", model="m", max_tokens=9)
REQUEST = Request(key="k", text="t", messages=(("user", "a prompt"),), vote=1, seed=0)
QUICK: dict[str, Any] = {"retry_wait_s": 0.001, "timeout_s": 0.3, "max_retries": 3}


def make_teacher(endpoint: Endpoint, runtime: RuntimeParams) -> Teacher:
    return Teacher(endpoint, Chat(PARAMS, "m"), runtime, TokenEstimate(9))


async def _ask(endpoint: Endpoint, times: int, runtime: RuntimeParams) -> tuple[list[Answer], int]:
    async with make_teacher(endpoint, runtime) as teacher:
        asked = [await teacher.ask(REQUEST) for _ in range(times)]
        return [one.answer for one in asked], sum(one.retries for one in asked)


def ask(
    behave: Behaviour, times: int = 1, key: str | None = None, **runtime: Any
) -> tuple[list[Answer], int, list[Any]]:
    with serve_teacher(behave) as server:
        answers, retries = asyncio.run(_ask(Endpoint(server.url, key), times, RuntimeParams(**(QUICK | runtime))))
        return answers, retries, server.headers


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_a_passing_fault_is_tried_again(status: int) -> None:
    answers, retries, _ = ask(lambda _, number: error(status) if number < 2 else "fine")
    assert ([answer.reply for answer in answers], retries) == (["fine"], 2)


@pytest.mark.parametrize(
    "fault",
    [
        None,
        web.Response(text="{ not json", content_type="application/json"),
        web.json_response({"choices": []}),
        web.Response(text="[" * 100_000, content_type="application/json"),
    ],
)
def test_a_broken_connection_or_answer_is_tried_again(fault: web.Response | None) -> None:
    answers, retries, _ = ask(lambda _, number: fault if number < 1 else "fine")
    assert ([answer.reply for answer in answers], retries) == (["fine"], 1)


def test_a_request_that_hangs_is_timed_out_and_tried_again() -> None:
    with serve_teacher(lambda _body, _number: "fine") as server:
        server.delay_s = 0.5
        answering = _ask(Endpoint(server.url), 1, RuntimeParams(retry_wait_s=0.001, timeout_s=0.2, max_retries=1))
        with pytest.raises(EndpointError, match=r"no answer within 0\.2 s\) after 2 tries"):
            asyncio.run(answering)
        assert len(server.bodies) == 2


@pytest.mark.parametrize(
    "limit",
    [
        error(503, **{"Retry-After": "1"}),
        error(429, **{"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1s"}),
    ],
)
def test_a_limit_is_no_fault_of_a_request_and_its_wait_is_kept(limit: web.Response) -> None:
    started = time.monotonic()
    answers, retries, _ = ask(lambda _, number: limit if number < 1 else "fine", max_retries=0)
    assert ([answer.reply for answer in answers], retries) == (["fine"], 1)
    assert time.monotonic() - started >= 1


def test_an_allowance_that_is_used_up_with_an_answer_is_waited_for() -> None:
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "500ms"}
    started = time.monotonic()
    ask(lambda _body, _number: web.json_response(chat_answer("fine"), headers=headers), times=2)
    assert time.monotonic() - started >= 0.5


def test_a_request_that_alone_is_turned_away_again_and_again_fails_alone() -> None:
    """A prompt that is larger than a limit on tokens gets a 429 for ever."""

    async def run(url: str) -> str:
        large = dataclasses.replace(REQUEST, key="large", messages=(("user", "large"),))
        async with make_teacher(Endpoint(url), RuntimeParams(**(QUICK | {"retry_wait_s": 0}))) as teacher:

            async def go_on() -> None:
                while True:
                    await teacher.ask(REQUEST)

            others = asyncio.create_task(go_on())
            with pytest.raises(FailedRequestError) as caught:
                await teacher.ask(large)
            others.cancel()
            return str(caught.value)

    with serve_teacher(lambda body, _: error(429) if prompt_of(body) == "large" else "fine") as server:
        assert "turned away 20 times while others were answered" in asyncio.run(run(server.url))


def test_an_error_that_only_quotes_the_word_for_an_empty_quota_is_a_passing_fault() -> None:
    quoting = error(500, "could not parse 'insufficient_quota'")
    answers, retries, _ = ask(lambda _, number: quoting if number < 1 else "fine")
    assert ([answer.reply for answer in answers], retries) == (["fine"], 1)


@pytest.mark.parametrize("status", [400, 413, 422, 424])
def test_a_refused_request_fails_alone(status: int) -> None:
    with pytest.raises(FailedRequestError, match=f"{status}: too long") as caught:
        ask(lambda _body, _number: error(status, "too long"))
    assert caught.value.rejected


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (error(401, "bad key"), "401: bad key; .*api_key_env"),
        (error(402), "402: no; payment is required"),
        (error(403), "403: no; the key may not use this model"),
        (error(404), "404: no; .*annotate.model"),
        (error(410), "410: no; .*annotate.model"),
        (error(405), "405: no; .*annotate.protocol"),
        (web.json_response({"error": {"message": "x", "code": "insufficient_quota"}}, status=429), "quota is used up"),
    ],
)
def test_what_no_retry_can_mend_stops_the_run_at_once(response: web.Response, message: str) -> None:
    with serve_teacher(lambda _body, _number: response) as server:
        with pytest.raises(EndpointError, match=message) as caught:
            asyncio.run(_ask(Endpoint(server.url), 1, RuntimeParams(**QUICK)))
        assert len(server.bodies) == 1
    assert "\n" not in str(caught.value)


def redirect() -> web.Response:
    return web.Response(status=307, headers={"Location": "https://other.example/v1"})


def page() -> web.Response:
    return web.Response(text="<html>Bad gateway</html>", content_type="text/html")


@pytest.mark.parametrize("stray", [redirect, page])
@pytest.mark.parametrize("answered_before", [False, True])
def test_one_redirect_or_web_page_of_a_gateway_is_tried_again(
    stray: Callable[[], web.Response], answered_before: bool
) -> None:
    answers, retries, _ = ask(lambda _, number: stray() if number == answered_before else "fine", times=2)
    assert ([answer.reply for answer in answers], retries) == (["fine"] * 2, 1)


@pytest.mark.parametrize(
    ("stray", "message"),
    [
        (redirect, r"redirects to https://other\.example/v1, .*runtime.base_url"),
        (page, "a web page .*often ends in /v1"),
    ],
)
def test_one_that_keeps_coming_ends_the_run_soon_and_says_where_it_leads(
    stray: Callable[[], web.Response], message: str
) -> None:
    with serve_teacher(lambda _body, _number: stray()) as server:
        with pytest.raises(EndpointError, match=message) as caught:
            asyncio.run(_ask(Endpoint(server.url), 1, RuntimeParams(max_retries=50, retry_wait_s=0.001)))
        assert 1 < len(server.bodies) < 10
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "error"), [(200, FailedRequestError), (500, EndpointError), (400, FailedRequestError)]
)
def test_of_an_answer_without_an_end_no_more_is_read_than_fits(status: int, error: type[Exception]) -> None:
    body = chat_answer("x" * 100_001)
    with pytest.raises(error, match=r"more than runtime.max_reply_mb = 0\.1 MB" if status == 200 else str(status)):
        ask(lambda _body, _number: web.json_response(body, status=status), max_retries=1, timeout_s=5, max_reply_mb=0.1)


def test_an_endpoint_that_is_not_there_is_not_waited_for() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        with pytest.raises(EndpointError, match=r"cannot connect.*after 3 tries in a row; is it up"):
            asyncio.run(_ask(Endpoint(url), 1, RuntimeParams(max_retries=50, retry_wait_s=0.001)))


def test_after_an_answer_a_request_fails_alone_until_many_do() -> None:
    async def run(url: str) -> list[str]:
        seen = []
        async with make_teacher(Endpoint(url), RuntimeParams(**(QUICK | {"max_retries": 0}))) as teacher:
            await teacher.ask(REQUEST)
            for number in range(12):
                try:
                    await teacher.ask(dataclasses.replace(REQUEST, key=str(number)))
                except (FailedRequestError, EndpointError) as fault:
                    seen.append(type(fault).__name__)
        return seen

    with serve_teacher(lambda _, number: error(503) if number else "fine") as server:
        seen = asyncio.run(run(server.url))
    assert seen[:9] == ["FailedRequestError"] * 9
    assert seen[9] == "EndpointError"


def test_retry_after_is_waited_for() -> None:
    started = time.monotonic()
    ask(lambda _, number: error(429, **{"Retry-After": "1"}) if number < 1 else "fine")
    assert time.monotonic() - started >= 1


def test_the_key_is_sent_and_never_shown() -> None:
    _, _, headers = ask(lambda _body, _number: "fine", key="sk-secret")
    assert headers[0]["Authorization"] == "Bearer sk-secret"
    with pytest.raises(EndpointError) as caught:
        ask(lambda _body, _number: error(401, "the key sk-secret is wrong"), key="sk-secret")
    assert "sk-secret" not in str(caught.value)
    with pytest.raises(EndpointError, match=r"the key \*\*\* is wrong") as caught:
        ask(lambda _body, _number: {"error": "the key sk-secret is wrong"}, key="sk-secret")
    assert "sk-secret" not in str(caught.value)
    assert "sk-secret" not in repr(Endpoint("https://x", "sk-secret"))


def test_an_answer_counts_its_tokens() -> None:
    answers, _, _ = ask(lambda _body, _number: chat_answer("yes"))
    assert (answers[0].input_tokens, answers[0].output_tokens, answers[0].cached_tokens) == (10, 2, None)


def test_a_key_never_goes_over_plain_http_off_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "sk")
    with pytest.raises(InputError, match="plain http"):
        find_endpoint(RuntimeParams(base_url="http://example.org/v1", api_key_env="SOME_KEY"), "m")
    assert find_endpoint(RuntimeParams(base_url="http://127.0.0.1:1/v1", api_key_env="SOME_KEY"), "m").key == "sk"
    assert find_endpoint(RuntimeParams(base_url="https://example.org/v1/", api_key_env="SOME_KEY"), "m").key == "sk"


def test_a_key_of_two_lines_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-one\nsk-two")
    with pytest.raises(InputError, match="SOME_KEY holds more than a key") as caught:
        find_endpoint(RuntimeParams(base_url="https://example.org", api_key_env="SOME_KEY"), "m")
    assert "sk-one" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "runtime.base_url in params.yaml is empty"),
        ({"hf_endpoint": {"name": "x"}}, "no address before a run resumes it"),
        ({"base_url": "api.openai.com/v1"}, "not an http"),
        ({"base_url": "http://[::1/v1"}, "not an http"),
        ({"base_url": "http://127.0.0.1:99999/v1"}, "not an http"),
        (
            {"base_url": "https://example.org", "api_key_env": "sk-pass@123"},
            "takes the NAME of an environment variable",
        ),
        ({"base_url": "https://me:pass@example.org"}, "user or password"),
        ({"base_url": "https://example.org", "api_key_env": "NOT_SET"}, "NOT_SET"),
    ],
)
def test_an_endpoint_that_cannot_be_used_is_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        find_endpoint(RuntimeParams(**fields), "m")
    assert "pass@" not in str(caught.value)
