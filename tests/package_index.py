"""A loopback package index: the simple API as JSON (PEP 691) or as HTML (PEP 503)."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from http.server import ThreadingHTTPServer
from urllib.parse import urlsplit

from background_server import running
from quiet_handler import QuietHandler

JSON_TYPE = "application/vnd.pypi.simple.v1+json"


class IndexServer(ThreadingHTTPServer):
    """Holds the archives of one project by their names, and where a name leads on to another address."""

    def __init__(self, project: str, archives: Mapping[str, bytes], moved: Mapping[str, str], is_html: bool) -> None:
        super().__init__(("127.0.0.1", 0), IndexHandler)
        self.project, self.archives, self.moved, self.is_html = project, archives, moved, is_html
        self.asked: list[str] = []  # paths
        self.keys: list[str | None] = []  # what each asked with


class IndexHandler(QuietHandler):
    server: IndexServer

    def do_GET(self) -> None:  # noqa: N802 (http.server names it)
        path = urlsplit(self.path).path
        self.server.asked.append(path)
        self.server.keys.append(self.headers["Authorization"])
        name = path.rpartition("/")[2]
        if path == f"/simple/{self.server.project}/":
            self.send_page()
        elif name in self.server.moved:
            self.reply(302, b"", {"Location": self.server.moved[name]})
        elif name in self.server.archives:
            self.reply(200, self.server.archives[name], {"Content-Type": "application/octet-stream"})
        else:
            self.reply(404, b"", {})

    def send_page(self) -> None:
        hashes = {name: sha256(data).hexdigest() for name, data in self.server.archives.items()}
        if not self.server.is_html and JSON_TYPE in (self.headers["Accept"] or ""):
            files = [
                {"filename": name, "url": f"/files/{name}", "hashes": {"sha256": found}}
                for name, found in hashes.items()
            ]
            page = json.dumps({"meta": {"api-version": "1.0"}, "name": self.server.project, "files": files})
            self.reply(200, page.encode(), {"Content-Type": JSON_TYPE})
        else:
            anchors = [f'<a href="/files/{name}#sha256={found}">{name}</a>' for name, found in hashes.items()]
            self.reply(200, "\n".join(anchors).encode(), {"Content-Type": "text/html"})


@contextmanager
def serve_index(
    project: str, archives: Mapping[str, bytes], moved: Mapping[str, str] | None = None, is_html: bool = False
) -> Iterator[IndexServer]:
    """Yield the server; its index is at `index_url`."""
    server = IndexServer(project, archives, moved or {}, is_html)
    with running(server):
        yield server


def index_url(server: IndexServer) -> str:
    return f"http://127.0.0.1:{server.server_port}/simple/"
