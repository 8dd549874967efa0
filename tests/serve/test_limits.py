"""Who is let in, with what, and how long it may take."""

import json
import socket
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from serving import Running, serving

from distil.serve.limits import find_hosts

TOKEN = "a-token-of-some-length"


@pytest.fixture(scope="module")
def strict(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    limits = ["--max-body-bytes", "1000", "--max-texts", "3", "--max-characters", "200", "--body-timeout", "0.5"]
    with serving(
        tmp_path_factory.mktemp("served"), model, *limits, "--token-env", "A_TOKEN", environment={"A_TOKEN": TOKEN}
    ) as running:
        yield running


def ask(
    server: Running, body: bytes = b'{"inputs": "good"}', token: str | None = TOKEN, **headers: str
) -> httpx2.Response:
    sent = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.post(f"{server.address}/predict", content=body, headers=sent | named)


def talk(server: Running, *pieces: bytes) -> bytes:
    """What comes back to bytes, until the server closes."""
    address = urlsplit(server.address)
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        for piece in pieces:
            connection.sendall(piece)
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return answer


def test_the_token_opens_what_labels_and_nothing_else_does(strict: Running) -> None:
    assert ask(strict).status_code == 200
    for token in (None, "wrong", TOKEN[:-1], TOKEN + "x"):
        reply = ask(strict, token=token)
        assert reply.status_code == 401
        assert reply.headers["www-authenticate"] == "Bearer"
        assert reply.json() == {"error": "a bearer token is needed", "error_type": "Unauthorized"}
    assert ask(strict, token=None, authorization=f"Basic {TOKEN}").status_code == 401
    for path, status in (("/", 200), ("/health", 200), ("/docs", 200), ("/info", 401), ("/metrics", 401)):
        assert httpx2.get(strict.address + path).status_code == status
    assert TOKEN not in strict.log.read_text()


def test_a_body_that_is_too_large_is_refused_also_without_a_stated_length(strict: Running) -> None:
    assert ask(strict, json.dumps({"inputs": "a" * 2000}).encode()).status_code == 413

    def pieces() -> Iterator[bytes]:
        yield from [b'{"inputs": "', *[b"a" * 100] * 30, b'"}']

    reply = httpx2.post(
        f"{strict.address}/predict",
        content=pieces(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"},
    )
    assert reply.status_code == 413 and "larger than 1,000 bytes" in reply.json()["error"]


def test_more_texts_or_characters_than_are_taken(strict: Running) -> None:
    assert ask(strict, json.dumps({"inputs": [["a"]] * 4}).encode()).status_code == 413
    assert ask(strict, json.dumps({"inputs": "a" * 201}).encode()).status_code == 413


def test_a_slow_body_and_a_slow_head_end(strict: Running) -> None:
    head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n".encode()
    body = b"Content-Type: application/json\r\nContent-Length: 20\r\n\r\n" + b'{"inputs'
    assert talk(strict, head + body).startswith(b"HTTP/1.1 408")
    assert talk(strict, head) == b""
    assert talk(strict) == b""


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_what_another_sites_page_could_send_without_asking_is_refused(server: Running, media: str) -> None:
    reply = httpx2.post(f"{server.address}/predict", content=b'{"inputs": "a"}', headers={"Content-Type": media})
    assert reply.status_code == 415


def test_no_other_sites_name_leads_here_and_none_may_read_replies(server: Running) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "", "[::1].evil"):
        reply = httpx2.get(f"{server.address}/info", headers={"Host": host})
        assert reply.status_code == 421, host
    for host in ("localhost", "LOCALHOST:1234", "127.0.0.1", "[::1]:8080"):
        reply = httpx2.get(f"{server.address}/info", headers={"Host": host, "Origin": "http://evil.example"})
        assert reply.status_code == 200, host
        assert not [name for name in reply.headers if name.startswith("access-control")]


def test_packed_bodies_are_refused(server: Running) -> None:
    reply = httpx2.post(
        f"{server.address}/predict",
        content=b"\x1f\x8b",
        headers={"Content-Type": "application/json", "Content-Encoding": "gzip"},
    )
    assert reply.status_code == 415


def test_a_server_that_is_full_says_when_to_come_again(model: Path, tmp_path: Path) -> None:
    with serving(tmp_path, model, "--max-waiting", "1") as running:
        texts = [["good thing"]] * 1000
        with httpx2.Client(base_url=running.address) as client:
            statuses = _ask_at_once(client, texts)
        assert set(statuses) == {200, 429}
        assert running.post("good").status_code == 200


def test_who_comes_where_too_many_are_connected_is_told_so_and_may_come_again(model: Path, tmp_path: Path) -> None:
    with serving(tmp_path, model, "--max-connections", "2") as running:
        address = urlsplit(running.address)
        others = [socket.create_connection((address.hostname, address.port)) for _ in range(2)]
        for reply in (ask(running), httpx2.get(f"{running.address}/health")):
            assert reply.status_code == 429 and reply.headers["retry-after"] == "1"
            assert reply.headers["connection"] == "close"
            assert reply.json() == {"error": "too many connections", "error_type": "Overloaded"}
        others[0].close()
        refused = 2 + _count_refusals_until_it_is_let_in(running)
        told = httpx2.get(f"{running.address}/metrics").text
        assert f'te_request_failure_total{{err="overloaded"}} {refused}.0' in told
        others[1].close()


def test_where_far_too_many_are_connected_the_next_is_cut(model: Path, tmp_path: Path) -> None:
    with serving(tmp_path, model, "--max-connections", "1") as running:
        address = urlsplit(running.address)
        others = [socket.create_connection((address.hostname, address.port)) for _ in range(4)]
        with pytest.raises(httpx2.HTTPError):
            ask(running)
        for other in others:
            other.close()
        _count_refusals_until_it_is_let_in(running)


def _count_refusals_until_it_is_let_in(server: Running) -> int:
    """How often a client is refused before the server has seen that others went away."""
    statuses = list(takewhile(lambda status: status == 429, (ask(server).status_code for _ in range(100))))
    assert len(statuses) < 100
    return len(statuses)


def _ask_at_once(client: httpx2.Client, texts: object) -> list[int]:
    from concurrent.futures import ThreadPoolExecutor

    def one(_: int) -> int:
        reply = client.post("/predict", json={"inputs": texts}, timeout=60)
        if reply.status_code == 429:
            assert int(reply.headers["retry-after"]) >= 1
            assert reply.json() == {"error": "Model is overloaded", "error_type": "Overloaded"}
        return reply.status_code

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(one, range(8)))


def test_names_that_are_allowed_keep_this_machine_from_nothing() -> None:
    own = frozenset({"localhost", "127.0.0.1", "::1"})
    assert find_hosts("0.0.0.0", ()) is None
    assert find_hosts("0.0.0.0", ("Labels.example:8080",)) == own | {"labels.example"}
    assert find_hosts("127.0.0.2", ()) == own | {"127.0.0.2"}
