"""The page on which people read: one file, without anything from elsewhere, answered on this machine alone.

Who may ask is whoever has the token of this run, which stands in the part of the address that browsers send to nobody.
So no page of another site can post here, whatever name leads to it, and neither can another user of the machine.
"""

import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from filelock import FileLock, Timeout

from distil.core.errors import InputError
from distil.serve.faults import invalid
from distil.serve.limits import App, Guard, Limits, find_hosts
from distil.serve.listening import listen
from distil.serve.page import served_policy

HOST = "127.0.0.1"
LIMITS = Limits(most_body_bytes=1_000_000, most_connections=64)
LOCK = ".open.lock"  # in the folder review/


def read_page() -> str:
    """The page."""
    return files("distil.review").joinpath("templates", "page.html").read_text(encoding="utf-8")


def tell_policy(page: str) -> str:
    """Its policy: only its own script and style, by their hashes, and no text ever as HTML."""
    return f"{served_policy(page)}; require-trusted-types-for 'script'"


class OwnPageGuard(Guard):
    """Lets nothing through that a page of another origin sends, whoever brings the token."""

    def _check(self, scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> None:
        super()._check(scope, headers)
        if headers.get(b"origin", own := b"http://" + headers[b"host"]) != own:
            raise invalid("this page is of another site", 403)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Have the folder `review/` for one page; raises `InputError` where another has it."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        with lock.acquire(timeout=0):
            yield
    except Timeout:
        raise InputError(
            f"another 'distil review open' has {folder}; end it, or read at its address: several readers may, "
            "each by a name of their own"
        ) from None


def make_token() -> str:
    """A token for one run."""
    return secrets.token_urlsafe(24)


def write_address(port: int, token: str, reader: str | None, sheet: str | None) -> str:
    """Where the page is."""
    asked = urlencode({name: value for name, value in (("reader", reader), ("sheet", sheet)) if value})
    return f"http://{HOST}:{port}/{'?' if asked else ''}{asked}#token={token}"


def serve_page(app: App, listener: socket.socket, token: str) -> None:
    """Answer until a signal comes."""
    guard = OwnPageGuard(app, LIMITS, find_hosts(HOST, ()), token)
    listen(guard, guard, LIMITS, listener)
