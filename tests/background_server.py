"""A loopback server that answers in a thread of its own for the time of a test."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer

POLL_S = 0.01  # how soon it sees that it is to end


@contextmanager
def running(server: BaseServer) -> Iterator[None]:
    """Let the server answer; it is closed in the end."""
    threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
