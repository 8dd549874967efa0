"""A server on loopback that answers every request with the same bytes, whatever HTTP has to say of them."""

import functools
import socketserver
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from background_server import running


class RawServer(socketserver.ThreadingTCPServer):
    """What it sends next, and the requests that it saw."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), RawHandler)
        self.sent = b""
        self.seen: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class RawHandler(socketserver.StreamRequestHandler):
    server: RawServer

    def handle(self) -> None:
        head = b""
        while (line := self.rfile.readline()) not in (b"", b"\r\n"):
            head += line
        length = next((int(line[15:]) for line in head.splitlines() if line.lower().startswith(b"content-length:")), 0)
        self.server.seen.append(head + self.rfile.read(length))
        try:
            self.wfile.write(self.server.sent)
        except OSError:
            return  # the client had enough


def respond(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """A whole response; it says how long its body is."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("utf-8", "surrogatepass") + body


@functools.cache
def pack_much(megabytes: int) -> bytes:
    """A chat's answer of so many megabytes, packed to a thousandth."""
    packer = zlib.compressobj(wbits=31)
    parts = [packer.compress(b'{"choices": [{"message": {"content": "')]
    parts += [packer.compress(b"a" * 1_000_000) for _ in range(megabytes)]
    return b"".join([*parts, packer.compress(b'"}}]}'), packer.flush()])


@contextmanager
def serve_raw() -> Iterator[RawServer]:
    """Run the server for the time of a test."""
    server = RawServer()
    with running(server):
        yield server
