"""A toy study with sheets to read, and `distil review open` as a process of its own, for the time of a test."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx2
import yaml
from conftest import ROOT
from toy_review import write_review

from distil.core.params import Kind
from distil.review.answers import Answer, read_answers

ADDRESS = re.compile(r"http://\S+")
PATIENCE_S = 60
CLIENT = httpx2.Client(timeout=PATIENCE_S)


def write_study(
    folder: Path, kind: Kind, labels: Sequence[str], texts: Sequence[str], teacher: Sequence[str | None], audited: int
) -> Path:
    """A study of which the first texts are on the audit and the others in the queue; returns its folder."""
    places = write_review(folder, texts, teacher, audited)
    (folder / "data").mkdir()
    for path in (places.texts, places.labels):
        path.rename(folder / "data" / path.name)
    shutil.copy(ROOT / "dvc.yaml", folder)
    task = {"name": "toy", "kind": kind, "description": "what it is about", "language": "en", "labels": list(labels)}
    (folder / "params.yaml").write_text(yaml.safe_dump({"task": task}))
    return folder


class Opened(NamedTuple):
    """A page that is open, and what asks it as the page does."""

    process: "subprocess.Popen[str]"
    address: str  # with the token
    folder: Path

    @property
    def origin(self) -> str:
        """Its scheme, name and port."""
        return self.address.partition("/?")[0].partition("/#")[0]

    def post(self, path: str, content: Any) -> httpx2.Response:
        """The reply to a request with the token."""
        sent = {"Authorization": f"Bearer {self.token}"}
        return CLIENT.post(f"{self.origin}/api/{path}", json=content, headers=sent)

    @property
    def token(self) -> str:
        """That of this run."""
        return urlsplit(self.address).fragment.removeprefix("token=")

    def answers(self) -> list[Answer]:
        """All that is on disk."""
        return read_answers(self.folder / "review")

    def end(self, number: int = signal.SIGTERM) -> int:
        """The exit code after a signal."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@contextmanager
def opened(folder: Path, *arguments: str, browser: str | None = None) -> Iterator[Opened]:
    """Open the page of a study on a free port, in a browser only if one is given."""
    process = _start(folder, "--port", "0", *([] if browser else ["--no-browser"]), *arguments, browser=browser or "")
    try:
        yield Opened(process, _find_address(process), folder)
    finally:
        if process.poll() is None:
            process.terminate()
            assert process.wait(PATIENCE_S) == 0
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        process.stderr.close()


def _start(folder: Path, *arguments: str, browser: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "distil.cli.review_page", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "BROWSER": browser},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _find_address(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None and process.stderr is not None
    found, begun = ADDRESS.search(process.stdout.readline()), time.monotonic()
    assert found and time.monotonic() - begun < PATIENCE_S, process.stderr.read()
    return found[0]
