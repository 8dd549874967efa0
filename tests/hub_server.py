"""A loopback server that speaks the part of the Hub's protocol that downloads need, from a dict of files."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import ThreadingHTTPServer
from pathlib import PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

from background_server import running
from quiet_handler import QuietHandler

COMMIT = "0123456789abcdef0123456789abcdef01234567"  # what every revision but `absent` stands for
REPOSITORY = "someone/thing"  # a model and a dataset; someone/gated is there too, but refused


class HubServer(ThreadingHTTPServer):
    """Holds the repository's files by their paths, and the sizes that are `told` of some in place of their own."""

    def __init__(self, files: dict[str, bytes], told: dict[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), HubHandler)
        self.files = files
        self.told = told

    def list_tree(self, under: str, recursive: bool) -> list[dict[str, object]]:
        inside = [name for name in self.files if name.startswith(f"{under}/" if under else "")]
        folders = {str(parent) for name in inside for parent in PurePosixPath(name).parents} - {".", under}
        entries = [self.describe(name) for name in inside]
        entries += [{"type": "directory", "path": path, "oid": "0" * 40, "size": 0} for path in sorted(folders)]
        return [entry for entry in entries if recursive or is_child(str(entry["path"]), under)]

    def describe(self, name: str) -> dict[str, object]:
        data = self.files[name]
        return {
            "type": "file",
            "path": name,
            "size": self.told.get(name, len(data)),
            "oid": sha256(data).hexdigest()[:40],
        }


class HubHandler(QuietHandler):
    server: HubServer

    def do_GET(self) -> None:  # noqa: N802 (http.server names it)
        path = unquote(urlsplit(self.path).path)
        if "someone/gated" in path:
            self.refuse(403, "GatedRepo")
        elif REPOSITORY not in path:
            self.refuse(404, "RepoNotFound")
        elif "absent" in path:
            self.refuse(404, "RevisionNotFound")
        elif "/resolve/" in path:
            self.send_file(path.partition(COMMIT)[2].strip("/"))
        elif "/tree/" in path:
            self.send_json(
                self.server.list_tree(path.partition(COMMIT)[2].strip("/"), "recursive=true" in self.path.lower())
            )
        else:
            self.send_json({"id": REPOSITORY, "sha": COMMIT, "siblings": [], "tags": [], "downloads": 0})

    def do_POST(self) -> None:  # noqa: N802
        asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())["paths"]
        self.send_json([self.server.describe(name) for name in asked if name in self.server.files])

    def do_HEAD(self) -> None:  # noqa: N802
        self.do_GET()

    def send_file(self, name: str) -> None:
        if name in self.server.files:
            data = self.server.files[name]
            size = {"X-Linked-Size": str(self.server.told[name])} if name in self.server.told else {}
            self.reply(200, data, {"ETag": f'"{sha256(data).hexdigest()}"', "X-Repo-Commit": COMMIT} | size)
        else:
            self.refuse(404, "EntryNotFound")

    def send_json(self, value: object) -> None:
        self.reply(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def refuse(self, status: int, code: str) -> None:
        self.reply(status, b"", {"X-Error-Code": code, "X-Error-Message": code})


def is_child(path: str, folder: str) -> bool:
    return str(PurePosixPath(path).parent) == (folder or ".")


@contextmanager
def serve_hub(files: dict[str, bytes], told: dict[str, int] | None = None) -> Iterator[str]:
    """Yield the endpoint's URL, for HF_ENDPOINT."""
    server = HubServer(files, told or {})
    with running(server):
        yield f"http://127.0.0.1:{server.server_port}"
