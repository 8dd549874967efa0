"""`distil serve` under requests that nobody means well: no 5xx, no crash, no memory that grows, no text in the log.

What schemathesis makes of the server's own OpenAPI is tried with a few cases, and with ten thousand by
`pytest -m long`; what it does not make (broken JSON, bytes that are no UTF-8, deep nesting, packed and slow bodies, odd
heads) besides.
"""

import json
import random
import shutil
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import psutil
import pytest
import schemathesis
from conftest import ROOT
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from serving import Running, serving
from tiny_export import export_tiny_several, export_tiny_student, export_tiny_tagger

JSON = {"Content-Type": "application/json"}
POSTED = ["/predict", "/", "/redact", "/v1/chat/completions"]
BODIES = [
    b"",
    b"{",
    b"nul",
    b'"',
    b"\x00",
    b"\xff\xfe\xfd",
    b'{"inputs": "\xc3\x28"}',
    b'{"inputs": "\\ud800"}',
    b'{"inputs": ["\\udfff\\ud800"]}',
    b'{"inputs": "\\u0000"}',
    b'{"\\ud800": 1, "inputs": "a"}',
    b'{"inputs": NaN}',
    b'{"inputs": 1e999}',
    b'{"inputs": ' + b"9" * 5000 + b"}",
    b'{"inputs": "a", "inputs": ["b", "c"]}',
    b'{"inputs": "a", "parameters": {"top_k": -1}}',
    b'{"inputs": "a", "parameters": {"top_k": ' + b"9" * 400 + b"}}",
    b'{"inputs": "a", "truncate": "\\ud800"}',
    b'{"messages": [{"role": "\\ud800", "content": "\\ud800"}]}',
    b'{"messages": [{"role": "user", "content": [{"type": "image_url"}]}], "n": 1000000}',
    b'{"messages": [{"role": "user", "content": "a"}], "response_format": {"type": "json_schema", "json_schema": 1}}',
    b"[" * 100_000,
    b'{"inputs": ' * 50_000,
    b'{"inputs": ' + b"[" * 900 + b"]" * 900 + b"}",
    b'{"messages": [{"role": "user", "content": "a", "x": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}]}",
    json.dumps({"inputs": "\N{ZERO WIDTH JOINER}" * 90_000}).encode(),
    json.dumps({"inputs": [["a" * 1900]] * 1000}).encode(),
    '{"inputs": "a"}'.encode("utf-16"),
    b'{"inputs": "' + b"a" * 3_000_000 + b'"}',
    b'{"inputs": [' + b",".join([b"1"] * 900_000) + b"]}",
    b'{"inputs": [' + b",".join([b"[1]"] * 400_000) + b"]}",
    b'{"messages": [' + b",".join([b"1"] * 900_000) + b"]}",
    b'{"messages": [{"role": "user", "content": [' + b",".join([b"1"] * 900_000) + b"]}]}",
]
HEADS = [
    b"GET / HTTP/9.9\r\n\r\n",
    b"\x00\x01\x02\r\n\r\n",
    b"POST /predict HTTP/1.1\r\n\r\n",
    b"GET /%00%ff%c3%28/../../etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n"
    b"Content-Type: application/json\r\n\r\n{",
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx",
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"zz\r\n",
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000 + b"\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
]


@pytest.fixture(scope="module", params=[export_tiny_student, export_tiny_several, export_tiny_tagger])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server of each kind of student, that of one label with its study, so that its prompt is answered too."""
    folder: Path = request.param(tmp_path_factory)[1]
    place = tmp_path_factory.mktemp("served")
    if request.param is export_tiny_student:
        shutil.copy(ROOT / "params.yaml", place)
        shutil.copytree(ROOT / "prompts", place / "prompts")
    with serving(place, folder, "--body-timeout", "0.5") as running:
        yield running
        assert running.post("good thing").status_code == 200, "it is still there"
        assert running.end() == 0
        assert "Traceback" not in running.log.read_text()


def talk(server: Running, sent: bytes) -> bytes:
    """The first bytes that come back, if any do."""
    address = urlsplit(server.address)
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        try:
            connection.sendall(sent)
            return connection.recv(4096)
        except ConnectionError:
            return b""


def resident(server: Running) -> int:
    return int(psutil.Process(server.process.pid).memory_info().rss)


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_no_body_is_a_fault_of_the_server(server: Running, body: bytes) -> None:
    for path in POSTED:
        try:
            reply = httpx2.post(server.address + path, content=body, headers=JSON, timeout=60)
        except httpx2.WriteError:  # the rest of a body that is too large is not waited for
            continue
        assert reply.status_code < 500
        told = reply.json()
        assert reply.status_code == 200 or isinstance(told["error"], str | dict)


@pytest.mark.parametrize("head", HEADS, ids=range(len(HEADS)))
def test_no_head_is_a_fault_of_the_server(server: Running, head: bytes) -> None:
    assert not talk(server, head).startswith(b"HTTP/1.1 5")


def test_many_slow_clients_keep_nobody_out(server: Running) -> None:
    address = urlsplit(server.address)
    slow = [socket.create_connection((address.hostname, address.port)) for _ in range(200)]
    for connection in slow:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Le")
    assert server.post("good thing").status_code == 200
    for connection in slow:
        connection.settimeout(10)
        assert connection.recv(1) == b"", "it is closed in the end"
        connection.close()


def test_memory_stays_flat_under_bodies_of_any_kind(server: Running) -> None:
    def send(number: int) -> int:
        body = BODIES[number % len(BODIES)]
        try:
            return httpx2.post(f"{server.address}/predict", content=body, headers=JSON, timeout=60).status_code
        except httpx2.TransportError:
            return 0

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(len(BODIES))))
        before = resident(server)
        assert max(pool.map(send, range(2 * len(BODIES)))) < 500
    assert resident(server) < before + 100e6


def try_schema(server: Running, cases: int) -> None:
    """Send what schemathesis makes of the OpenAPI, well-formed and not, so many cases in all."""
    schema = schemathesis.openapi.from_url(f"{server.address}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    modes = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]
    asked = [one for one in operations if one.method == "post"]
    for operation in operations:
        each = cases // len(asked) // len(modes) if operation in asked else 1
        for mode in modes if operation in asked else modes[:1]:

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(
                max_examples=each,
                deadline=None,
                database=None,
                derandomize=cases < 1000,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            def send(case: Any) -> None:
                reply = case.call()
                assert reply.status_code < 500, (case.method, case.path)

            send()


def test_what_schemathesis_makes_of_the_openapi(server: Running) -> None:
    try_schema(server, 36)


@pytest.mark.slow
@pytest.mark.long
def test_ten_thousand_of_them(server: Running) -> None:
    try_schema(server, 300)
    before = resident(server)
    try_schema(server, 8000)

    @given(body=st.binary(max_size=300) | st.sampled_from(BODIES), path=st.sampled_from(POSTED), cut=st.floats(0, 1))
    @settings(max_examples=2000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def send(body: bytes, path: str, cut: float) -> None:
        some = body[: int(len(body) * cut)] if cut < 0.9 else body
        try:
            reply = httpx2.post(server.address + path, content=some, headers=JSON, timeout=60)
        except httpx2.TransportError:
            return
        assert reply.status_code < 500

    send()
    for _ in range(200):
        assert not talk(server, bytes(random.Random(_).randbytes(200))).startswith(b"HTTP/1.1 5")
    assert resident(server) < before + 100e6
