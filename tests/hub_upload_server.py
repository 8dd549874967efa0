"""A loopback server that speaks the Hub's protocol for uploads over plain LFS, and for downloads of what was uploaded.

Every call needs a token, but for the uploads of parts and files, whose addresses are signed on the Hub: there, a token
would be one that is given away.
"""

import json
import os
import re
import subprocess
import sys
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha1, sha256
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml
from background_server import running
from conftest import ROOT
from quiet_handler import QuietHandler

WRITER, READER = "hf_writer", "hf_reader"  # tokens
OWNER = "someone"  # of both
LFS_SUFFIXES = (".onnx", ".safetensors", ".parquet")
PART_BYTES = 100_000  # a larger file is uploaded in parts
LICENSES = ("apache-2.0", "mit", "cc-by-nc-sa-3.0", "other")


@dataclass
class Commit:
    files: dict[str, bytes]
    message: str = "initial commit"

    @property
    def sha(self) -> str:
        return sha1(repr((self.message, sorted(self.files.items()))).encode()).hexdigest()


@dataclass
class Repository:
    is_private: bool
    branches: dict[str, list[Commit]] = field(default_factory=lambda: {"main": [Commit({".gitattributes": b""})]})

    def find(self, revision: str) -> Commit | None:
        """The commit at the tip of a branch, or with a hash."""
        if revision in self.branches:
            return self.branches[revision][-1]
        return next((one for commits in self.branches.values() for one in commits if one.sha == revision), None)


class UploadServer(ThreadingHTTPServer):
    """What the Hub knows, for a test to look at."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), UploadHandler)
        self.repositories: dict[str, Repository] = {}  # datasets under datasets/owner/name
        self.objects: dict[str, bytes] = {}  # LFS, by sha256
        self.parts: dict[str, dict[int, bytes]] = {}
        self.requests: list[tuple[str, str]] = []  # method and path
        self.lock = threading.Lock()
        self.has_room = True  # in the storage

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def count_uploads(self) -> int:
        return sum(method == "PUT" for method, _ in self.requests)


class RefusedError(Exception):
    def __init__(self, status: int, message: str, code: str = "", **fields: Any) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.fields = status, message, code, fields


class UploadHandler(QuietHandler):
    server: UploadServer

    def handle_any(self) -> None:
        path = unquote(urlsplit(self.path).path)
        body = self.read_body()
        with self.server.lock:
            self.server.requests.append((self.command, path))
            try:
                self.route(path, body)
            except RefusedError as refusal:
                headers = {"X-Error-Message": refusal.message, "X-Error-Code": refusal.code}
                self.send_json({"error": refusal.message} | refusal.fields, refusal.status, headers)

    do_GET = do_HEAD = do_POST = do_PUT = handle_any  # noqa: N815

    def route(self, path: str, body: bytes) -> None:
        self.check_token(path)
        for method, pattern, action in ROUTES:
            if method == ("GET" if self.command == "HEAD" else self.command) and (match := re.fullmatch(pattern, path)):
                named = match.groupdict()
                is_dataset = (named.pop("kind", None) or "").startswith("datasets")
                action(self, body, **named | ({"name": f"datasets/{named['name']}"} if is_dataset else {}))
                return
        raise RefusedError(404, f"no such route: {self.command} {path}")

    def check_token(self, path: str) -> None:
        given = self.headers.get("Authorization")
        if path.startswith("/storage/"):
            assert given is None, "a token was sent to the storage"
            if not self.server.has_room:
                raise RefusedError(403, "Storage quota exceeded")
            return
        if given not in (f"Bearer {WRITER}", f"Bearer {READER}"):
            raise RefusedError(401, "Invalid credentials in Authorization header")
        if given == f"Bearer {READER}" and self.command == "POST" and not path.startswith("/api/validate-yaml"):
            raise RefusedError(403, "You don't have the required permissions")

    def who_am_i(self, body: bytes) -> None:
        self.send_json({"type": "user", "name": OWNER, "orgs": []})

    def create_repository(self, body: bytes) -> None:
        wanted = json.loads(body)
        if wanted["organization"] != OWNER:
            raise RefusedError(403, "You don't have the rights to create a model under this namespace")
        name = f"{'datasets/' if wanted.get('type') == 'dataset' else ''}{OWNER}/{wanted['name']}"
        url = f"{self.server.url}/{name}"
        if name in self.server.repositories:
            raise RefusedError(409, "You already created this model repo", url=url)
        private = wanted.get(
            "private", wanted.get("visibility") == "private"
        )  # as version 1 and 2 of the library say it
        self.server.repositories[name] = Repository(is_private=private)
        self.send_json({"url": url, "name": name.removeprefix("datasets/"), "id": "0"})

    def describe_repository(self, body: bytes, name: str, revision: str = "main") -> None:
        repository, commit = self.find(name, revision)
        siblings = [{"rfilename": path} for path in sorted(commit.files)]
        self.send_json(
            {
                "id": name.removeprefix("datasets/"),
                "sha": commit.sha,
                "private": repository.is_private,
                "siblings": siblings,
                "tags": [],
            }
        )

    def list_tree(self, body: bytes, name: str, revision: str) -> None:
        _, commit = self.find(name, revision)
        self.send_json(
            [
                {"type": "file", "path": path, "size": len(data), "oid": git_hash(data)}
                for path, data in sorted(commit.files.items())
            ]
        )

    def send_file(self, body: bytes, name: str, revision: str, path: str) -> None:
        _, commit = self.find(name, revision)
        if path not in commit.files:
            raise RefusedError(404, "Entry not found", "EntryNotFound")
        data = commit.files[path]
        self.reply(200, data, {"ETag": f'"{sha256(data).hexdigest()}"', "X-Repo-Commit": commit.sha})

    def create_branch(self, body: bytes, name: str, revision: str) -> None:
        repository, commit = self.find(name, "main")
        repository.branches[revision] = [commit]
        self.send_json({})

    def validate_card(self, body: bytes) -> None:
        front_matter = yaml.safe_load(json.loads(body)["content"].split("---\n")[1])
        if front_matter["license"] not in LICENSES:
            message = f'"license" must be one of [{", ".join(LICENSES)}]'
            raise RefusedError(400, "Invalid metadata", errors=[{"message": message}], warnings=[])
        self.send_json({"errors": [], "warnings": []})

    def choose_modes(self, body: bytes, name: str, revision: str) -> None:
        _, commit = self.find(name, revision)
        answers = []
        for file in json.loads(body)["files"]:
            path, known = file["path"], commit.files.get(file["path"])
            is_lfs = path.endswith(LFS_SUFFIXES)
            oid = None if known is None else sha256(known).hexdigest() if is_lfs else git_hash(known)
            answers.append(
                {"path": path, "uploadMode": "lfs" if is_lfs else "regular", "shouldIgnore": False, "oid": oid}
            )
        self.send_json({"files": answers})

    def plan_uploads(self, body: bytes, name: str) -> None:
        self.find(name, "main")
        wanted = json.loads(body)
        assert (wanted["operation"], wanted["hash_algo"]) == ("upload", "sha256")
        objects = [file | self.plan_upload(**file) for file in wanted["objects"]]
        self.send_json({"transfer": "multipart", "objects": objects})

    def plan_upload(self, oid: str, size: int) -> dict[str, Any]:
        if oid in self.server.objects:
            return {}
        verify = {"href": f"{self.server.url}/api/verify"}
        store = f"{self.server.url}/storage/{oid}"
        if size <= PART_BYTES:
            return {"actions": {"upload": {"href": store}, "verify": verify}}
        numbers = range(1, -(-size // PART_BYTES) + 1)
        header = {"chunk_size": str(PART_BYTES)} | {str(number): f"{store}/{number}" for number in numbers}
        complete = f"{self.server.url}/storage/{oid}/complete"
        return {"actions": {"upload": {"href": complete, "header": header}, "verify": verify}}

    def store_object(self, body: bytes, oid: str) -> None:
        assert sha256(body).hexdigest() == oid
        self.server.objects[oid] = body
        self.reply(200, b"", {})

    def store_part(self, body: bytes, oid: str, number: str) -> None:
        self.server.parts.setdefault(oid, {})[int(number)] = body
        self.reply(200, b"", {"ETag": f'"{sha256(body).hexdigest()}"'})

    def complete_object(self, body: bytes, oid: str) -> None:
        parts = self.server.parts.pop(oid)
        etags = [part["etag"].strip('"') for part in json.loads(body)["parts"]]
        assert etags == [sha256(parts[number]).hexdigest() for number in sorted(parts)]
        self.store_object(b"".join(parts[number] for number in sorted(parts)), oid)

    def verify_object(self, body: bytes) -> None:
        claimed = json.loads(body)
        if len(self.server.objects.get(claimed["oid"], b"")) != claimed["size"]:
            raise RefusedError(404, "the object is not there, or of another size")
        self.send_json({})

    def commit_files(self, body: bytes, name: str, revision: str) -> None:
        repository, commit = self.find(name, revision)
        files = dict(commit.files)
        (header, *operations) = [json.loads(line) for line in body.splitlines()]
        for operation in operations:
            value = operation["value"]
            match operation["key"]:
                case "file":
                    files[value["path"]] = b64decode(value["content"])
                case "lfsFile":
                    files[value["path"]] = self.server.objects[value["oid"]]
                case "deletedFile":
                    del files[value["path"]]
        made = Commit(files, header["value"]["summary"])
        repository.branches[revision].append(made)
        url = f"{self.server.url}/{name}/commit/{made.sha}"
        self.send_json({"success": True, "commitOid": made.sha, "commitUrl": url})

    def find(self, name: str, revision: str) -> tuple[Repository, Commit]:
        if name not in self.server.repositories:
            raise RefusedError(404, "Repository not found", "RepoNotFound")
        repository = self.server.repositories[name]
        if (commit := repository.find(revision)) is None:
            raise RefusedError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return repository, commit

    def read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def send_json(self, value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.reply(status, json.dumps(value).encode(), {"Content-Type": "application/json"} | dict(headers or {}))


NAME = r"(?P<name>[^/]+/[^/]+)"
KIND = r"(?P<kind>datasets/|)"
API = rf"/api/(?P<kind>models|datasets)/{NAME}"
REVISION = r"(?P<revision>.+)"
ROUTES: list[tuple[str, str, Callable[..., None]]] = [
    ("GET", "/api/whoami-v2", UploadHandler.who_am_i),
    ("POST", "/api/repos/create", UploadHandler.create_repository),
    ("POST", "/api/validate-yaml", UploadHandler.validate_card),
    ("GET", API, UploadHandler.describe_repository),
    ("GET", rf"{API}/revision/{REVISION}", UploadHandler.describe_repository),
    ("GET", rf"{API}/tree/(?P<revision>[^/]+)", UploadHandler.list_tree),
    ("POST", rf"{API}/branch/{REVISION}", UploadHandler.create_branch),
    ("POST", rf"{API}/preupload/{REVISION}", UploadHandler.choose_modes),
    ("POST", rf"{API}/commit/{REVISION}", UploadHandler.commit_files),
    ("POST", rf"/{KIND}{NAME}\.git/info/lfs/objects/batch", UploadHandler.plan_uploads),
    ("PUT", r"/storage/(?P<oid>[0-9a-f]+)", UploadHandler.store_object),
    ("PUT", r"/storage/(?P<oid>[0-9a-f]+)/(?P<number>\d+)", UploadHandler.store_part),
    ("POST", r"/storage/(?P<oid>[0-9a-f]+)/complete", UploadHandler.complete_object),
    ("POST", "/api/verify", UploadHandler.verify_object),
    ("GET", rf"/{KIND}{NAME}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", UploadHandler.send_file),
]


def git_hash(data: bytes) -> str:
    """The hash of a blob, as git makes it."""
    return sha1(f"blob {len(data)}\0".encode() + data).hexdigest()


@contextmanager
def serve_uploads() -> Iterator[UploadServer]:
    server = UploadServer()
    with running(server):
        yield server


def run(*command: str, **environment: str) -> str:
    """Run a command that has to succeed; returns what it printed."""
    settings = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    done = subprocess.run(command, capture_output=True, text=True, env=settings, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_at(hub: UploadServer, home: Path, *command: str) -> str:
    """Run Python with the server for the Hub, and with a token that may write there."""
    settings = {"HF_ENDPOINT": hub.url, "HF_TOKEN": WRITER, "HF_HOME": str(home / "hf"), "HF_HUB_DISABLE_XET": "1"}
    return run(sys.executable, *command, **settings)
