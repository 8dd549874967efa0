"""Serve a student: what it says when it begins, and a line in the log for each request.

What is logged names routes, statuses and times, never what was sent.
"""

import asyncio
import logging
import os
import socket
import sys
import traceback
from contextlib import nullcontext, suppress
from pathlib import Path
from time import perf_counter
from typing import Any, TextIO

from distil.core.addresses import is_loopback
from distil.core.errors import InputError
from distil.core.harmless import printable
from distil.serve.chat import Chat
from distil.serve.limits import App, Guard, Message, Receive, Send, find_hosts
from distil.serve.listening import listen
from distil.serve.routes import make_app
from distil.serve.service import Service

log = logging.getLogger("distil.serve")


def read_token(variable: str | None) -> str | None:
    """The token in an environment variable; raises `InputError` if it has none, without saying what it has."""
    if variable is None:
        return None
    token = os.environ.get(variable, "").strip()
    if not token:
        raise InputError(f"--token-env: the environment variable {variable!r} is not set; put the token into it")
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise InputError(f"the token in the environment variable {variable!r} has a sign that no header takes")
    return token


def run_server(
    service: Service,
    chat: Chat | None,
    why_no_chat: str,
    listener: socket.socket,
    allowed: tuple[str, ...],
    token: str | None,
) -> None:
    """Serve until a signal comes."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", handlers=[Together(sys.stderr)], force=True
    )
    host, port = listener.getsockname()[:2]
    app, hosts = make_app(service, chat, why_no_chat), find_hosts(host, allowed)
    guard = Guard(app, service.limits, hosts, token, service.metrics.note_refusal)
    shown = f"[{host}]" if ":" in host else host
    log.info("%s at http://%s:%d", service.name, shown, port)
    if not is_loopback(host) and token is None:
        log.warning("anyone who reaches this machine may ask; --token-env NAME asks for a token")
    if chat is None:
        log.info("/v1/chat/completions is off: %s", why_no_chat)
    if service.passing:
        spent = service.passing.teacher.spent_usd
        log.info("texts of sureness below %g go to the teacher; $%.4f were spent before", service.unsure_below, spent)
    listen(Logged(guard), guard, service.limits, listener, service.finish)


class Together(logging.StreamHandler[TextIO]):
    """Writes the lines of one turn of the event loop together: one by one they would take a quarter of its time."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line, and write it at once where nothing runs that could do it later, or it is a warning."""
        self._lines.append(self.format(record) + self.terminator)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._write()
        else:
            if record.levelno >= logging.WARNING:
                self._write()
            elif len(self._lines) == 1:
                loop.call_soon(self._write)

    def _write(self) -> None:
        """Write what is there; where nobody takes it any more, or a disk is full, replies are given all the same."""
        with self.lock or nullcontext():
            lines, self._lines = self._lines, []
            if lines:
                with suppress(OSError, ValueError):  # the second: it is closed
                    self.stream.write("".join(lines))
                    self.flush()


class Logged:
    """Logs a line for each request, and turns what no route expects into one line and a reply without a trace."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = perf_counter(), 0

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note)
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            told = type(error).__name__, Path(place.filename).name, place.lineno
            log.error("a fault: %s at %s:%s", *told)  # noqa: TRY400 - its message, or a value in the trace, may be a text
            raise
        finally:
            route = getattr(scope.get("route"), "path", "-")
            log.info("%s %s %d %.1f ms", printable(scope["method"])[:16], route, status, (perf_counter() - begun) * 1e3)
