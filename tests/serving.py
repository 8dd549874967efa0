"""A server of `distil serve` as a process of its own, for the time of a test."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx2
from conftest import ROOT

ADDRESS = re.compile(r" at (http://\S+)")
PATIENCE_S = 60


class Running(NamedTuple):
    """A server, where it is asked, and where its log is."""

    process: "subprocess.Popen[bytes]"
    address: str
    log: Path

    def post(self, inputs: object, path: str = "/predict", **fields: object) -> "httpx2.Response":
        """The reply to a request with `inputs`."""
        return httpx2.post(self.address + path, json={"inputs": inputs, **fields}, timeout=PATIENCE_S)

    def end(self, number: int = signal.SIGTERM) -> int:
        """The exit code after a signal."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@contextmanager
def serving(
    folder: Path, model: Path | None, *arguments: str, environment: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """Serve a model (null: the study's) from a working folder, on a free port."""
    command = [sys.executable, "-m", "distil.cli.serve", "--port", "0", *arguments]
    command += [] if model is None else ["--model", str(model)]
    log = folder / "serve.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, cwd=folder, stderr=stream, env=os.environ | {"PYTHONPATH": str(ROOT)} | dict(environment or {})
        )
    try:
        yield Running(process, _find_address(process, log), log)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _find_address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        found = ADDRESS.search(log.read_text())
        if found:
            return found[1]
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def refuse(folder: Path, *arguments: str, **environment: str) -> str:
    """The one line that a server ends with."""
    done = subprocess.run(
        [sys.executable, "-m", "distil.cli.serve", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1, done.stderr
    (line,) = done.stderr.strip().splitlines()
    return line
