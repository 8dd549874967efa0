"""Listen on a port, take so many connections, and end gracefully, whatever app answers.

On SIGTERM or Ctrl-C nothing more is accepted; every request that was, gets its answer, connections end after the reply
that they wait for, and `listen` returns; a client that does not read its reply is dropped in the end. A second signal
ends it at once.
"""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from distil.core.errors import InputError
from distil.serve.limits import App, Guard, Limits

log = logging.getLogger("distil.serve")
Finish = Callable[[], bool]
BACKLOG = 1024
MOST_PORT = 65535
DRAIN_S = 1.0  # in which open connections may end with a reply
LAST_S = 60.0  # after which what is still open is dropped, else some client could keep the server for ever
STEP_S = 0.02
KEEP_ALIVE_S = 30
TURNED_AWAY = 4  # times as many connections as there may be: so many are told that there are too many


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; raises `InputError` where there can be none."""
    if not 0 <= port <= MOST_PORT:
        raise InputError(f"--port {port} is no port; name one from 0 to {MOST_PORT} (0: any that is free)")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except UnicodeError:  # a part of it that has no character or over 63
        raise InputError(f"--host {host[:40]!r} is no address or name of this machine; name another") from None
    except OSError as error:
        raise InputError(
            f"cannot listen on {host}:{port} ({error.strerror}); name another --port or --host, or end what has it"
        ) from None
    listener.setblocking(False)
    return listener


def listen(app: App, guard: Guard, limits: Limits, listener: socket.socket, finish: Finish | None = None) -> None:
    """Serve an app, in which the guard stands, until a signal comes.

    `finish` is called in the end, again and again until it says that nothing is under way any more, and within LAST_S.
    """
    for noisy in ("uvicorn", "uvicorn.error", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # who asks does not matter here
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    Connection.most, Connection.patience_s = limits.most_connections, limits.body_timeout_s
    Connection.turn_away = guard.turn_away
    Server(config, guard, finish).run([listener])


class Server(uvicorn.Server):
    """Ends with 0 after a signal, and lets connections end with a reply before it closes them."""

    def __init__(self, config: uvicorn.Config, guard: Guard, finish: Finish | None) -> None:
        super().__init__(config)
        self._guard, self._finish = guard, finish

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, let those who are connected have their replies, then end."""
        log.info("ending: requests that were accepted are answered")
        self._guard.draining = True
        clients = [client for listener in sockets or [] for client in accept_rest(listener)]
        for server in self.servers:
            server.close()
        await self._take(clients)
        for _ in range(int(DRAIN_S / STEP_S)):
            if not self.server_state.connections or self.force_exit:
                break
            await asyncio.sleep(STEP_S)
        last = asyncio.get_running_loop().call_later(LAST_S, self._drop)
        await super().shutdown(sockets)
        last.cancel()
        await self._wait_for_rest()

    async def _take(self, clients: Sequence[socket.socket]) -> None:
        """Serve clients as uvicorn does those that it has accepted."""

        def connect() -> Connection:
            return Connection(self.config, self.server_state, self.lifespan.state)

        loop = asyncio.get_running_loop()
        taking = (loop.connect_accepted_socket(connect, client) for client in clients)
        await asyncio.gather(*taking, return_exceptions=True)  # one may be gone again

    async def _wait_for_rest(self) -> None:
        """Wait for what has to come to an end besides replies."""
        for _ in range(int(LAST_S / STEP_S)):
            if self._finish is None or self._finish() or self.force_exit:
                return
            await asyncio.sleep(STEP_S)
        log.warning("ending: what is under way still is given up")

    def _drop(self) -> None:
        """End what is still open, and wait for nothing more."""
        log.warning("ending: %d connections are dropped", len(self.server_state.connections))
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        self.force_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals that end a server; unlike uvicorn's own, this does not send them on afterwards."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def accept_rest(listener: socket.socket) -> Iterator[socket.socket]:
    """Those whom the kernel has let in already: it would send them away when the socket is closed."""
    with suppress(OSError):  # nobody else waits
        while True:
            client, _ = listener.accept()
            client.setblocking(False)
            yield client


class Connection(H11Protocol):
    """A connection that has to begin a request in time, and is one of so many.

    To those beyond `most` a request is answered, with a refusal; beyond `TURNED_AWAY` times as many they are cut.
    """

    most = 1024
    patience_s = 10.0
    turn_away: App

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, or close it where there are far too many."""
        super().connection_made(transport)
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        if len(self.connections) > TURNED_AWAY * self.most:
            transport.close()
            return
        if len(self.connections) > self.most:
            self.app = self.turn_away
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
        for timer in (self._deadline, self._unread):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Wait for a client that reads too slowly, so long and no longer."""
        super().pause_writing()
        self._unread = self.loop.call_later(self.patience_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()

    def _await_request(self) -> None:
        self._deadline = self.loop.call_later(self.patience_s, self._give_up)

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
