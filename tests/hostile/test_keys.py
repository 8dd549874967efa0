"""A key that an endpoint quotes, in whatever disguise, is in nothing that is kept and nothing that is shown."""

import base64
import contextlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from annotating import ANNOTATE, PATHS, set_up
from batch_server import BatchServer, serve_batches
from conftest import ROOT, Project
from huggingface_hub import constants
from loopback_teacher import chat_answer, serve_teacher
from planted import KEY, WAYS, find_leaks, gives_away, moves_terminal
from sleeping_server import TOKEN, serve_sleeping
from stage_command import stage_command

from distil.assets.hub import explain_hub_error
from distil.batch.api import fetch, status, submit
from distil.batch.files import export_requests, import_results
from distil.core.errors import EndpointError
from distil.core.runtime import HfEndpointParams, RuntimeParams
from distil.core.secrets import Secrets
from distil.core.tables import ANNOTATIONS, read_rows
from distil.prompting.params import AnnotateParams
from distil.prompting.requests import Request
from distil.store.opening import open_store
from distil.teacher.endpoint import Endpoint
from distil.teacher.protocols import Chat
from distil.teacher.sleeping import awake

PARAMS = AnnotateParams(prompt="p", method="generate", protocol="chat", model="m", max_tokens=9)
CHAT = Chat(PARAMS, "m")
QUICK = RuntimeParams(retry_wait_s=0.001, timeout_s=5, max_retries=1)
ORDER = list(WAYS)


@pytest.mark.parametrize("way", WAYS)
def test_the_key_is_found_in_every_disguise(way: str) -> None:
    assert gives_away(WAYS[way]), "the test would see nothing"
    assert not gives_away(Secrets([KEY]).hide(f'{{"reason": "the key {WAYS[way]} is wrong", "label": "positive"}}'))


@pytest.mark.parametrize("key", ["EMPTY", "ollama", "good", "x"])
def test_a_placeholder_for_a_key_destroys_no_text(key: str) -> None:
    text = f"an EMPTY x says {key}, ollama is good"
    assert Secrets([key, None, ""]).hide(text) == text


def test_text_that_is_no_key_stays_as_it_is() -> None:
    text = json.dumps({"reason": "100% of it \u00e9 \\ is &amp; good", "hash": "0" * 64, "label": "positive"}) * 50
    secrets = Secrets([KEY, "token-abc123", base64.b64encode(bytes(range(60))).decode()])
    assert secrets.hide(text) == text
    assert secrets.hide_all({"a": [text, 1, None, 2.5]}) == {"a": [text, 1, None, 2.5]}


@pytest.mark.parametrize("key", ["token-abc123", "sk-12345678", KEY, KEY * 8])
def test_a_key_is_hidden_though_four_characters_of_it_are_missing(key: str) -> None:
    short = max(8, len(key) - 4)
    for part in (key[:short], key[-short:], key):
        assert Secrets([key]).hide(f"<{part}>") == "<***>"


def quote_key(_body: Any, number: int) -> web.Response:
    """In turn a reply, an error of this request and one that passes, each in the next disguise."""
    planted = WAYS[ORDER[number // 3 % len(ORDER)]]
    if number % 3 == 0:
        reply = chat_answer(json.dumps({"reason": f"my key is {planted}", "label": "positive"}) + planted, planted)
        return web.json_response(reply)
    said = json.dumps({"error": {"message": f"no key {planted} here"}})
    return web.Response(status=400 if number % 3 == 1 else 500, text=said, headers={"Location": planted})


def test_a_run_keeps_and_prints_no_key(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHER_KEY", KEY)
    with serve_teacher(quote_key) as server:
        set_up(project, server, [f"text {number}" for number in range(2 * len(WAYS))])
        runtime = yaml.safe_load(Path("params.yaml").read_text())["runtime"]
        project(
            annotate=ANNOTATE | {"max_failed_share": 0.9},
            runtime=runtime | {"api_key_env": "TEACHER_KEY", "max_retries": 0, "max_in_flight": 1},
        )
        done = subprocess.run(
            stage_command("annotate", *PATHS),
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert f"Bearer {KEY}" in {headers["Authorization"] for headers in server.headers}
    assert done.returncode == 0, done.stderr
    assert len(read_rows(PATHS[2], ANNOTATIONS)) == 2 * len(WAYS)
    assert not gives_away(done.stdout + done.stderr)
    assert not find_leaks(Path.cwd())


@pytest.mark.parametrize("way", ["plain-whole", "json-no_end", "base64_of_user-whole", "url_all-middle"])
@pytest.mark.parametrize("status_code", [302, 401, 429])
def test_an_error_that_ends_the_run_prints_no_key(
    status_code: int, way: str, project: Project, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from stages.annotate import main

    monkeypatch.setenv("TEACHER_KEY", KEY)

    def refuse(_body: Any, _number: int) -> web.Response:
        kind, said = {"Content-Type": f"text/html; {WAYS[way]}"}, f"<b>{WAYS[way]}</b>"
        return web.Response(
            status=status_code, reason=WAYS[way], text=said, headers=kind | {"Location": f"https://x/{WAYS[way]}"}
        )

    with serve_teacher(refuse) as server:
        set_up(project, server, ["a text"])
        runtime = {"base_url": server.url, "api_key_env": "TEACHER_KEY", "max_retries": 0, "patience_s": 0.01}
        project(runtime=runtime)
        with pytest.raises(EndpointError, match=server.url) as caught:
            main(*PATHS)
    assert not gives_away(str(caught.value) + str(capfd.readouterr()))
    assert not find_leaks(Path.cwd())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    requests = (Request(f"{n:064x}", f"text {n}", (("user", f"text {n}"),), vote=1, seed=0) for n in range(len(WAYS)))
    export_requests(requests, CHAT, tmp_path / "batch")
    return tmp_path / "batch"


def plant(server: BatchServer) -> None:
    """Have each result quote the key in another way, and the batch itself in some."""
    server.finish("batch_1", answered=len(WAYS) // 2)
    for name, planted in (("file-2", WAYS), ("file-3", dict(reversed(WAYS.items())))):
        lines = [json.loads(line) for line in server.files[name].splitlines()]
        for line, way in zip(lines, planted, strict=False):
            line["error"] = line["error"] and {"message": f"key {planted[way]}"}
            if line["response"]:
                line["response"]["body"] = chat_answer(f"positive {planted[way]}")
        server.files[name] = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        server.files[name] += f"no json {planted['json-whole']}\n".encode()
    problems = [{"message": f"bad {WAYS[way]}"} for way in ("json-no_end", "base64_of_user-whole", "plain-middle")]
    server.batches["batch_1"] |= {"errors": {"data": problems}, "metadata": {KEY: KEY}}


def test_a_batch_keeps_and_prints_no_key(folder: Path, tmp_path: Path) -> None:
    said: list[str] = []
    with serve_batches() as server:
        at = Endpoint(server.url, KEY)
        submit(at, folder, QUICK, said.append)
        plant(server)
        batches = status(at, folder, QUICK)
        fetched = fetch(at, folder, QUICK, said.append)
        server.faults["GET"] = [web.Response(status=404, text=WAYS["json-whole"]) for _ in range(3)]
        (folder / "results-requests-0001.jsonl").rename(folder / "kept.jsonl")
        with contextlib.suppress(EndpointError):
            status(at, folder, QUICK)
    said += [f"{batch.status} {batch.problem} {batch.next_step}" for batch in batches]
    assert "bad ***" in said[-1]
    paths = [folder / "kept.jsonl", *fetched.paths[1:]]
    with open_store(tmp_path / "answers.sqlite") as store:
        counts = import_results(paths, CHAT, store, "m")
        assert (counts.new, counts.failed, counts.unreadable) == (len(WAYS) // 2, len(WAYS) - len(WAYS) // 2, 2)
    assert not gives_away(f"{said} {counts}")
    assert not find_leaks(tmp_path)


def test_a_result_file_from_elsewhere_brings_no_key_into_the_store(tmp_path: Path) -> None:
    lines = [
        json.dumps(
            {"custom_id": f"{n:064x}", "response": {"status_code": 200, "body": chat_answer(f"positive {planted}")}}
        )
        for n, planted in enumerate(WAYS.values())
    ]
    path = tmp_path / "output.jsonl"
    path.write_text("\n".join(lines))
    with open_store(tmp_path / "answers.sqlite") as store:
        assert import_results([path], CHAT, store, "m", Secrets([KEY])).new == len(WAYS)
    assert find_leaks(tmp_path) == ["output.jsonl"]


@pytest.mark.parametrize("way", WAYS)
def test_what_the_hub_says_of_a_token_is_hidden(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", KEY)
    assert not gives_away(explain_hub_error(ValueError(f"the token {WAYS[way]} is wrong")))


def test_what_the_api_says_of_an_endpoint_is_hidden_and_harmless(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    runtime = RuntimeParams(hf_endpoint=HfEndpointParams(name="toy-endpoint", namespace="someone"))
    assert runtime.hf_endpoint
    with serve_sleeping() as server:
        monkeypatch.setattr(constants, "INFERENCE_ENDPOINTS_ENDPOINT", f"{server.url}/v2")
        described, server.ends_up = server.describe(), "failed"
        status_now = described["status"] | {"message": f"no GPU for {TOKEN}\x1b[31m\u202e"}
        server.describe = lambda: described | {"status": status_now | {"state": server.state}}  # type: ignore[method-assign]
        with (
            pytest.raises(EndpointError, match=r"no GPU for \*\*\*") as caught,
            awake(runtime, runtime.hf_endpoint, lambda _: None, "annotate"),
        ):
            pass
    assert TOKEN not in str(caught.value) + str(capfd.readouterr())
    assert not moves_terminal(str(caught.value))
