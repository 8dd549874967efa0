"""A Batch API on loopback: it keeps the files that are uploaded and the batches that are made of them.

It runs nothing by itself: `finish` writes a batch's output. `faults` befall the next requests of a kind.
"""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from aiohttp import web
from loopback_teacher import chat_answer, prompt_of

LATE_S = 0.6

Json = dict[str, Any]
Fault = web.Response | Literal["late", "lost", "cut"]
"""A response that is given instead, or what befalls the answer when the work is done: late, lost, or cut in half."""


class BatchServer:
    """What the server holds, what it saw, and what goes wrong next."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, Json] = {}
        self.calls: list[str] = []  # method and path
        self.bodies: list[Json] = []  # of batches to create
        self.names: list[str] = []  # of uploaded files
        self.keys: set[str | None] = set()
        self.faults: dict[str, list[Fault]] = {}  # by the beginning of a call
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def finish(self, batch_id: str, status: str = "completed", answered: int | None = None) -> None:
        """End a batch; requests after the first so many are not answered, and output is in no order."""
        batch = self.batches[batch_id]
        requests = [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]
        done = requests if answered is None else requests[:answered]
        lines = [result_line(request["custom_id"], chat_answer(prompt_of(request["body"]))) for request in done]
        batch["output_file_id"] = self.keep(lines[::-1])
        batch["error_file_id"] = self.keep([expired_line(request["custom_id"]) for request in requests[len(done) :]])
        batch["request_counts"] = {
            "total": len(requests),
            "completed": len(done),
            "failed": len(requests) - len(done),
        }
        batch["status"] = status

    def keep(self, lines: list[Json]) -> str | None:
        if not lines:
            return None
        name = f"file-{len(self.files) + 1}"
        self.files[name] = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        return name

    async def upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        sent = form["file"]
        assert isinstance(sent, web.FileField)
        assert form["purpose"] == "batch"
        name = f"file-{len(self.files) + 1}"
        self.files[name] = sent.file.read()
        self.names.append(sent.filename)
        return web.json_response({"id": name, "object": "file", "bytes": len(self.files[name]), "purpose": "batch"})

    async def content(self, request: web.Request) -> web.Response:
        return web.Response(body=self.files[request.match_info["id"]], content_type="application/octet-stream")

    async def create(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.bodies.append(body)
        name = f"batch_{len(self.batches) + 1}"
        self.batches[name] = {"id": name, "object": "batch", "status": "validating", "errors": None} | body
        return web.json_response(self.batches[name])

    async def read(self, request: web.Request) -> web.Response:
        return web.json_response(self.batches[request.match_info["id"]])

    async def list(self, request: web.Request) -> web.Response:
        """The newest first, one a page."""
        names = list(self.batches)[::-1]
        after = request.query.get("after")
        left = names[names.index(after) + 1 :] if after else names
        page = {"object": "list", "data": [self.batches[name] for name in left[:1]], "has_more": len(left) > 1}
        return web.json_response(page)

    async def go_wrong(self, request: web.Request, handler: Any) -> web.StreamResponse:
        call = f"{request.method} {request.path}"
        self.calls.append(call)
        self.keys.add(request.headers.get("Authorization"))
        waiting = next((faults for start, faults in self.faults.items() if call.startswith(start) and faults), [])
        fault = waiting.pop(0) if waiting else None
        if isinstance(fault, web.Response):
            await request.read()
            return web.Response(
                status=fault.status, body=fault.body, headers=fault.headers
            )  # one can be sent only once
        response = await handler(request)
        if fault == "late":
            await asyncio.sleep(LATE_S)
        elif fault:
            await self.break_off(request, response if fault == "cut" else None)
        return response  # type: ignore[no-any-return]

    async def break_off(self, request: web.Request, response: web.Response | None) -> None:
        assert request.transport is not None
        if response is not None:
            assert isinstance(response.body, bytes)
            begun = web.StreamResponse(headers={"Content-Length": str(len(response.body))})
            await begun.prepare(request)
            await begun.write(response.body[: len(response.body) // 2])
        request.transport.abort()


def result_line(key: str, body: Json, status: int = 200) -> Json:
    response = {"status_code": status, "request_id": "r", "body": body}
    return {"id": "batch_req_1", "custom_id": key, "response": response, "error": None}


def expired_line(key: str) -> Json:
    error = {"code": "batch_expired", "message": "the completion window is over"}
    return {"id": "batch_req_1", "custom_id": key, "response": None, "error": error}


@contextmanager
def serve_batches() -> Iterator[BatchServer]:
    """Run the server for the time of a test."""
    server = BatchServer()
    loop = asyncio.new_event_loop()
    runner = loop.run_until_complete(start(server))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(runner.cleanup())
        loop.close()


async def start(server: BatchServer) -> web.AppRunner:
    @web.middleware
    async def go_wrong(request: web.Request, handler: Any) -> web.StreamResponse:
        return await server.go_wrong(request, handler)

    app = web.Application(middlewares=[go_wrong], client_max_size=0)
    app.router.add_post("/v1/files", server.upload)
    app.router.add_get("/v1/files/{id}/content", server.content)
    app.router.add_post("/v1/batches", server.create)
    app.router.add_get("/v1/batches", server.list)
    app.router.add_get("/v1/batches/{id}", server.read)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.port = runner.addresses[0][1]
    return runner
