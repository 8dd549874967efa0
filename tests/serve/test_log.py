"""A server whose log nobody takes any more begins, answers and ends as any other."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2
from conftest import ROOT

PATIENCE_S = 60


def test_a_log_that_nobody_reads_breaks_no_start_and_no_reply(model: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "distil.cli.serve", "--model", str(model), "--port", str(port)]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=writing, env=os.environ | {"PYTHONPATH": str(ROOT)})
    os.close(writing)
    try:
        end = time.monotonic() + PATIENCE_S
        while not answers(port) and time.monotonic() < end:
            assert process.poll() is None
            time.sleep(0.1)
        for path in ("predict", "predict", "nothing"):
            reply = httpx2.post(f"http://127.0.0.1:{port}/{path}", json={"inputs": "good"}, timeout=PATIENCE_S)
            assert reply.status_code == (404 if path == "nothing" else 200)
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)
    finally:
        process.kill()
        process.wait()


def answers(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/health").status_code == 200
    except httpx2.TransportError:
        return False
