"""What runs on this machine: no proxy stands before it, and the local server answers who has its key alone."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest
import yaml
from annotating import PATHS, set_up
from conftest import ROOT, Project
from hub_server import REPOSITORY, serve_hub
from loopback_teacher import serve_teacher
from stage_command import stage_command

from distil.assets.references import resolve
from distil.core.addresses import keep_loopback_off_proxies
from distil.teacher.endpoint import Endpoint
from distil.teacher.local_server import serve

NOBODY = "http://127.0.0.1:9"  # discard: nothing listens there
PROXIES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture
def _proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.setenv(name, NOBODY)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def weights() -> Path:
    params = yaml.safe_load((ROOT / "presets/reviews.yaml").read_text())
    return resolve(params["annotate"]["model"], ROOT / "assets.txt")


def status_of(endpoint: Endpoint, path: str, headers: Mapping[str, str], body: bytes | None = None) -> int:
    request = urllib.request.Request(endpoint.base_url.removesuffix("/v1") + path, data=body, headers=dict(headers))
    try:
        with DIRECT.open(request, timeout=30) as response:
            assert response.headers.get("Access-Control-Allow-Origin") in (None, "")
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.usefixtures("_proxy")
def test_the_local_server_answers_who_has_its_key_alone_and_no_proxy_is_asked_for_it(weights: Path) -> None:
    page = {"Origin": "https://evil.example", "Host": "evil.example", "Content-Type": "application/json"}
    ask = b'{"prompt": "a", "max_tokens": 1}'
    with serve(weights, threads=1) as endpoint:
        assert endpoint.key is not None
        assert not any(endpoint.key in f"{child.cmdline()}{child.environ()}" for child in psutil.Process().children())
        with_key = {"Authorization": f"Bearer {endpoint.key}", "Content-Type": "application/json"}
        assert status_of(endpoint, "/v1/completions", with_key, ask) == 200
        for path in ("/v1/completions", "/completion", "/v1/chat/completions", "/tokenize"):
            assert status_of(endpoint, path, page, ask) == 401, path
        for path in ("/v1/models", "/props", "/slots", "/metrics"):
            assert status_of(endpoint, path, page) in (401, 404, 501), path
        other = endpoint.key
    with serve(weights, threads=1) as endpoint:
        assert endpoint.key != other


@pytest.mark.usefixtures("_proxy")
def test_no_proxy_is_asked_for_a_teacher_on_this_machine(project: Project) -> None:
    with serve_teacher(lambda _body, _number: "positive") as teacher:
        set_up(project, teacher, ["a text"])
        done = subprocess.run(
            stage_command("annotate", *PATHS),
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr


CLIENTS = """
import sys, urllib.request
from huggingface_hub import get_session
from distil.core.addresses import keep_loopback_off_proxies
keep_loopback_off_proxies()
for host in ("127.0.0.1", "localhost"):
    url = sys.argv[1].replace("127.0.0.1", host)
    print(urllib.request.urlopen(url, timeout=5).status, get_session().get(url, timeout=5).status_code)
"""


@pytest.mark.usefixtures("_proxy")
def test_no_client_asks_a_proxy_for_this_machine() -> None:
    with serve_hub({}) as hub:
        command = [sys.executable, "-c", CLIENTS, f"{hub}/api/models/{REPOSITORY}"]
        done = subprocess.run(
            command, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
        )
    assert done.stdout.split() == ["200"] * 4, done.stderr


@pytest.mark.parametrize(
    ("before", "after"), [("", "localhost,127.0.0.1,::1"), ("a.example", "a.example,localhost,127.0.0.1,::1")]
)
def test_what_the_user_spared_stays_spared(before: str, after: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", before)
    monkeypatch.setenv("no_proxy", before)
    monkeypatch.setenv("http_proxy", NOBODY)
    keep_loopback_off_proxies()
    assert (os.environ["no_proxy"], os.environ["NO_PROXY"]) == (after, after)


def test_without_a_proxy_nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXIES, "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    keep_loopback_off_proxies()
    assert "no_proxy" not in os.environ
