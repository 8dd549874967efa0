"""Listen, answer, and end gracefully.

On SIGTERM or Ctrl-C nothing more is accepted; every request that was, gets its answer, connections end after the reply
that they wait for, and the process ends with 0. A second signal ends it at once. What is logged names routes, statuses
and times, never what was sent.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from distil.core.addresses import is_loopback
from distil.core.errors import InputError
from distil.core.harmless import printable
from distil.serve.chat import Chat
from distil.serve.limits import App, Guard, Message, Receive, Send, find_hosts
from distil.serve.routes import make_app
from distil.serve.service import Service

log = logging.getLogger("distil.serve")
BACKLOG = 1024
DRAIN_S = 1.0  # in which open connections may end with a reply
STEP_S = 0.02
KEEP_ALIVE_S = 30


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


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; raises `InputError` where there can be none."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OverflowError:
        raise InputError(f"--port {port} is no port; name one from 1 to 65535") from None
    except OSError as error:
        raise InputError(
            f"cannot listen on {host}:{port} ({error.strerror}); name another --port or --host, or end what has it"
        ) from None
    listener.setblocking(False)
    return listener


def run_server(
    service: Service,
    chat: Chat | None,
    why_no_chat: str,
    listener: socket.socket,
    allowed: tuple[str, ...],
    token: str | None,
) -> None:
    """Serve until a signal comes."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s", force=True)
    for noisy in ("uvicorn", "uvicorn.error", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    host, port = listener.getsockname()[:2]
    guard = Guard(make_app(service, chat, why_no_chat), service.limits, find_hosts(host, allowed), token)
    config = uvicorn.Config(
        Logged(guard),
        http=Connection,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    Connection.most, Connection.patience_s = service.limits.most_connections, service.limits.body_timeout_s
    shown = f"[{host}]" if ":" in host else host
    log.info("%s at http://%s:%d", service.name, shown, port)
    if not is_loopback(host) and token is None:
        log.warning("anyone who reaches this machine may ask; --token-env NAME asks for a token")
    if chat is None:
        log.info("/v1/chat/completions is off: %s", why_no_chat)
    Server(config, guard).run([listener])


class Server(uvicorn.Server):
    """Ends with 0 after a signal, and lets connections end with a reply before it closes them."""

    def __init__(self, config: uvicorn.Config, guard: Guard) -> None:
        super().__init__(config)
        self._guard = guard

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, let those who are connected have their replies, then end."""
        log.info("ending: requests that were accepted are answered")
        self._guard.draining = True
        for server in self.servers:
            server.close()
        for _ in range(int(DRAIN_S / STEP_S)):
            if not self.server_state.connections or self.force_exit:
                break
            await asyncio.sleep(STEP_S)
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals that end a server; unlike uvicorn's own, this does not send them on afterwards."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Connection(H11Protocol):
    """A connection that has to begin a request in time, and is one of so many."""

    most = 1024
    patience_s = 10.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, or close it where there are too many."""
        super().connection_made(transport)
        self._deadline: asyncio.TimerHandle | None = None
        if len(self.connections) > self.most:
            transport.close()
            return
        self._await_request()

    def handle_events(self) -> None:
        """Handle what came; a request whose head is complete is no longer waited for."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def data_received(self, data: bytes) -> None:
        """Take bytes: after a reply they begin the next request, whose head is waited for anew."""
        if self._deadline is None and (self.cycle is None or self.cycle.response_complete):
            self._await_request()
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def _await_request(self) -> None:
        self._deadline = self.loop.call_later(self.patience_s, self._give_up)

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


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
        finally:
            route = getattr(scope.get("route"), "path", "-")
            log.info("%s %s %d %.1f ms", printable(scope["method"])[:16], route, status, (perf_counter() - begun) * 1e3)
