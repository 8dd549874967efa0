"""Hugging Face's API for Inference Endpoints on loopback, with one endpoint, and the teacher that it serves."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import Any

from background_server import running
from loopback_teacher import chat_answer
from quiet_handler import QuietHandler

TOKEN = "hf_owner"
PLACE = "/v2/endpoint/someone/toy-endpoint"


class SleepingServer(ThreadingHTTPServer):
    """What the endpoint is, and what was asked of it, for a test to look at and to change."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), SleepingHandler)
        self.state = "paused"
        self.looks_to_start = 2  # the API is asked so often before the endpoint is up
        self.ends_up = "running"
        self.answer: Callable[[], tuple[int, Any]] = lambda: (200, chat_answer("positive"))
        self.refused_pauses = 0
        self.resume_s = 0.0  # until the answer to a resume comes, which has its effect at once
        self.delay = threading.Event()
        self.delay_s = 0.0
        self.calls: list[str] = []
        self.health_keys: set[str | None] = set()
        self.answered = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def describe(self) -> dict[str, Any]:
        up = self.state in ("running", "scaledToZero")
        status = {"state": self.state, "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z"}
        status |= {"url": self.url} if up else {"message": "no GPU\nleft"}
        model = {"repository": "owner/teacher", "framework": "custom", "revision": "main", "task": "text-generation"}
        return {"name": "toy-endpoint", "type": "protected", "healthRoute": "/health", "model": model, "status": status}

    def look(self) -> None:
        if self.state == "initializing":
            self.looks_to_start -= 1
            if self.looks_to_start <= 0:
                self.state = self.ends_up


class SleepingHandler(QuietHandler):
    server: SleepingServer

    def do_GET(self) -> None:  # noqa: N802
        server = self.server
        server.calls.append(f"GET {self.path}")
        if self.path == "/health":
            server.health_keys.add(self.headers.get("Authorization"))
            server.state = "running" if server.state == "scaledToZero" else server.state
            self.send(200 if server.state == "running" else 503, {})
        elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.send(401, {"error": "Invalid credentials"})
        elif self.path == PLACE:
            server.look()
            self.send(200, server.describe())
        else:
            self.send(404, {"error": "Endpoint not found"})

    def do_POST(self) -> None:  # noqa: N802
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        server = self.server
        server.calls.append(f"POST {self.path}")
        if self.path == "/v1/chat/completions":
            assert server.state == "running", "asked while asleep"
            server.delay.wait(server.delay_s)
            server.answered += 1
            self.send(*server.answer())
        elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.send(401, {"error": "Invalid credentials"})
        elif self.path == f"{PLACE}/resume":
            assert server.state in ("paused", "failed"), "resumed although it is up"
            server.state = "initializing"
            server.delay.wait(server.resume_s)
            self.send(200, server.describe())
        elif self.path == f"{PLACE}/pause" and server.refused_pauses:
            server.refused_pauses -= 1
            self.send(500, {"error": "a bad moment"})
        elif self.path == f"{PLACE}/pause":
            server.state = "paused"
            self.send(200, server.describe())
        else:
            self.send(404, {"error": "Endpoint not found"})

    def send(self, status: int, value: object) -> None:
        self.reply(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


@contextmanager
def serve_sleeping() -> Iterator[SleepingServer]:
    server = SleepingServer()
    with running(server):
        try:
            yield server
        finally:
            server.delay.set()
