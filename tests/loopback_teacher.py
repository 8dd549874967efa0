"""A teacher on loopback: a real HTTP server in a thread, whose behaviour a test chooses request by request."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

Body = dict[str, Any]
Behaviour = Callable[[Body, int], web.Response | Body | str | None]
"""Gets the request's body and its number (0, 1, ...); returns a response, a JSON payload, the text of a chat answer,
or None to break the connection."""


class LoopbackTeacher:
    """What the server saw, and how it answers next."""

    def __init__(self, behave: Behaviour) -> None:
        self.behave = behave
        self.bodies: list[Body] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.most_in_flight = 0
        self._in_flight = 0
        self.delay_s = 0.0
        self.delays: dict[int, float] = {}  # of single requests, by number
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        number = len(self.bodies)
        self.bodies.append(await request.json())
        self.headers.append(dict(request.headers))
        self.paths.append(request.path)
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            await asyncio.sleep(self.delays.get(number, self.delay_s))
            answer = self.behave(self.bodies[number], number)
        finally:
            self._in_flight -= 1
        if answer is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if isinstance(answer, str):
            answer = chat_answer(answer)
        return answer if isinstance(answer, web.Response) else web.json_response(answer)


def chat_answer(text: str, finish_reason: str = "stop", **message: Any) -> Body:
    return {
        "choices": [{"message": {"role": "assistant", "content": text, **message}, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 2},
    }


def prompt_of(body: Body) -> str:
    """The prompt in a chat, completion or TGI body."""
    if "messages" in body:
        return str(body["messages"][-1]["content"])
    return str(body.get("prompt", body.get("inputs")))


def error(status: int, message: str = "no", **headers: str) -> web.Response:
    payload = json.dumps({"error": {"message": message}})
    return web.Response(status=status, text=payload, content_type="application/json", headers=headers)


@contextmanager
def serve_teacher(behave: Behaviour) -> Iterator[LoopbackTeacher]:
    """Run the server for the time of a test."""
    teacher = LoopbackTeacher(behave)
    loop = asyncio.new_event_loop()
    ready = threading.Event()

    async def start() -> web.AppRunner:
        app = web.Application()
        app.router.add_post("/{path:.*}", teacher.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        teacher.port = runner.addresses[0][1]
        return runner

    def work() -> None:
        asyncio.set_event_loop(loop)
        runner = loop.run_until_complete(start())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait()
    try:
        yield teacher
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
