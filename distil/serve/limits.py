"""What is let in: before a request reaches its route, its host, token, kind, size and patience are looked at.

The whole body is read here, so that a route never waits for a client. Bodies without a stated length are counted as
they come. What is refused is told in the form of the API, and its connection ends, since the rest of a body may follow.
"""

import asyncio
import hmac
import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from pydantic import Field

from distil.core.addresses import is_loopback
from distil.core.errors import InputError
from distil.core.params import Params
from distil.serve.faults import FaultError, invalid

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

OPEN_PATHS = {"/", "/health", "/docs", "/openapi.json"}  # hold nothing of the user's: need no token
HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^\[\]:]+))(?::\d*)?")
LONGEST_TOKEN = 4096


class Limits(Params):
    """How much the server takes."""

    most_body_bytes: int = Field(default=2_000_000, ge=1)
    most_texts: int = Field(default=1024, ge=1)  # of a request
    most_characters: int = Field(default=100_000, ge=1)  # of a text
    most_waiting: int = Field(default=4096, ge=1)  # texts of all requests that wait; long ones count as several
    body_timeout_s: float = Field(default=10.0, gt=0)  # until the last byte of a request is there
    teacher_timeout_s: float = Field(default=20.0, gt=0)  # for which a reply waits for the teacher
    most_connections: int = Field(default=1024, ge=1)


class Guard:
    """Lets requests through to an app that are as they should be; `draining` ends each connection after its reply."""

    def __init__(
        self,
        app: App,
        limits: Limits,
        hosts: frozenset[str] | None,
        token: str | None,
        note: Callable[[FaultError], None] = lambda _: None,
    ) -> None:
        """`hosts` are the names under which it may be asked (null: any), `token` what a client has to bring.

        `note` is told of each refusal.
        """
        self._note = note
        self._app, self._limits, self._hosts = app, limits, hosts
        self._token = None if token is None else token.encode()
        self.draining = False

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.lower(): value for name, value in scope["headers"]}

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start" and self.draining:
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        try:
            self._check(scope, headers)
            body = await self._read(headers, receive) if scope["method"] == "POST" else b""
        except FaultError as fault:
            self._note(fault)
            await refuse(scope["path"], fault, send)
            return
        await self._app(scope, replay(body, receive), send_on)

    async def turn_away(self, scope: MutableMapping[str, Any], _receive: Receive, send: Send) -> None:
        """Refuse a request, whatever it is, of one who came where there were too many connections."""
        fault = FaultError(429, "Overloaded", "too many connections", {"Retry-After": "1"})
        self._note(fault)
        await refuse(scope["path"], fault, send)

    def _check(self, scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> None:
        if self._hosts is not None and _name_host(headers.get(b"host", b"")) not in self._hosts:
            raise invalid(f"this server answers to {', '.join(sorted(self._hosts))} alone", 421)
        if scope["path"] not in OPEN_PATHS or scope["method"] == "POST":
            self._check_token(headers.get(b"authorization", b""))
        if scope["method"] == "POST":
            media = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
            if media != b"application/json":
                raise invalid("Expected request with `Content-Type: application/json`", 415)
            if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
                raise invalid("bodies that are packed are not taken", 415)

    def _check_token(self, given: bytes) -> None:
        if self._token is None:
            return
        scheme, _, token = given[:LONGEST_TOKEN].partition(b" ")
        if not (hmac.compare_digest(token.strip(), self._token) and scheme.lower() == b"bearer"):
            raise FaultError(401, "Unauthorized", "a bearer token is needed", {"WWW-Authenticate": "Bearer"})

    async def _read(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        most = self._limits.most_body_bytes
        too_large = invalid(f"body is larger than {most:,} bytes")
        stated = headers.get(b"content-length", b"0")
        if stated.isdigit() and int(stated[:20]) > most:
            raise too_large
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.body_timeout_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise invalid("the client went away", 400)
                    body += message.get("body", b"")
                    if len(body) > most:
                        raise too_large
                    if not message.get("more_body"):
                        return bytes(body)
        except TimeoutError:
            raise invalid(f"the body took more than {self._limits.body_timeout_s:g} seconds", 408) from None


def find_hosts(host: str, allowed: tuple[str, ...]) -> frozenset[str] | None:
    """The names under which a server may be asked: on loopback its own alone, so that no other site's name leads here.

    Null: any, where it listens to others and nobody said which; where somebody did, this machine may still ask after
    the server's health. A port after a name is left out. Raises `InputError` at what is no name.
    """
    names = [_name_host(name.encode()) for name in allowed]
    for name, given in zip(names, allowed, strict=True):
        if not name:
            raise InputError(f"--allowed-host {given!r} is no name; write one as clients have it, like labels.example")
    if not is_loopback(host) and not names:
        return None
    return frozenset({"localhost", "127.0.0.1", "::1", *names}) | ({host} if is_loopback(host) else frozenset())


async def refuse(path: str, fault: FaultError, send: Send) -> None:
    """Send a refusal, after which the connection ends."""
    body = json.dumps(fault.body(path)).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), "connection": "close"}
    encoded = [(name.lower().encode(), value.encode()) for name, value in (headers | fault.headers).items()]
    await send({"type": "http.response.start", "status": fault.status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


def _name_host(header: bytes) -> str:
    """The name in a Host header, without its port; nothing where it is none."""
    found = HOST.fullmatch(header.decode("latin-1").lower())
    return found[1] or found[2] if found else ""


def replay(body: bytes, receive: Receive) -> Receive:
    """Hand over the body, then whatever comes."""
    waiting = [body]

    async def replay() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return replay
