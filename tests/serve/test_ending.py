"""How a server begins and ends: one line where it cannot begin, and no accepted request lost where it ends."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
from conftest import ROOT
from serving import refuse, serving

from distil.serve.listening import accept_rest, bind


def test_a_port_in_use_is_one_line(model: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = refuse(tmp_path, "--model", str(model), "--port", port)
    assert line.startswith(f"error: cannot listen on 127.0.0.1:{port} (") and "another --port" in line


def test_no_model_yet_is_one_line_that_says_what_makes_one(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text((ROOT / "dvc.yaml").read_text())
    assert refuse(tmp_path) == (
        "error: models/onnx holds no exported student; 'dvc repro export' makes it, in a clone 'dvc pull' brings it"
    )
    assert "name a folder that export wrote" in refuse(tmp_path, "--model", str(tmp_path))


def test_arguments_that_cannot_be_are_one_line(model: Path, tmp_path: Path) -> None:
    of_model = ["--model", str(model), "--port", "0"]
    assert "--port 70000 is no port" in refuse(tmp_path, *of_model, "--port", "70000")
    assert "is no address" in refuse(tmp_path, *of_model, "--host", "a" * 70)
    assert "no nope.onnx; it has onnx/model.onnx" in refuse(tmp_path, *of_model, "--file", "nope.onnx")
    assert "is no name" in refuse(tmp_path, *of_model, "--allowed-host", "http://a.example")


def test_a_client_that_does_not_read_does_not_keep_a_server_from_ending(model: Path, tmp_path: Path) -> None:
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with serving(tmp_path, model, "--body-timeout", "1") as running, socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", int(running.address.rpartition(":")[2])))
        deaf.settimeout(0.5)
        with suppress(OSError):
            while True:
                deaf.sendall(request * 100)
        assert running.end() == 0


def test_a_token_that_is_not_there_is_one_line(model: Path, tmp_path: Path) -> None:
    assert "'NO_SUCH'" in refuse(tmp_path, "--model", str(model), "--token-env", "NO_SUCH")
    line = refuse(tmp_path, "--model", str(model), "--token-env", "ODD", ODD="two words")
    assert "two words" not in line


def test_a_missing_extra_is_one_line(model: Path, tmp_path: Path) -> None:
    absent = tmp_path / "absent" / "uvicorn"  # as if it were not installed
    absent.mkdir(parents=True)
    (absent / "__init__.py").write_text("raise ModuleNotFoundError('No module named uvicorn', name='uvicorn')")
    path = os.pathsep.join([str(absent.parent), str(ROOT)])
    line = refuse(tmp_path, "--model", str(model), PYTHONPATH=path)
    assert line == "error: distil serve needs uvicorn: pip install uvicorn (extra 'serve')"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_under_load_loses_no_accepted_request(model: Path, tmp_path: Path, number: int) -> None:
    with serving(tmp_path, model) as running:
        statuses = asyncio.run(_load_until_it_ends(running.address, lambda: running.process.send_signal(number)))
        assert running.process.wait(30) == 0
    assert set(statuses) == {200}
    assert statuses[200] > 100


def test_who_is_let_in_by_the_kernel_alone_is_taken_before_it_stops_listening() -> None:
    listener = bind("127.0.0.1", 0)
    waiting = [socket.create_connection(listener.getsockname()) for _ in range(5)]
    taken = list(accept_rest(listener))
    listener.close()
    for client, server in zip(waiting, taken, strict=True):
        server.sendall(b"here")
        assert client.recv(4) == b"here", "and it was not sent away"
        client.close()
        server.close()


async def _load_until_it_ends(address: str, end: object) -> "Counter[int]":
    """Statuses of requests of many clients; after the signal none is refused but by the closed door."""
    statuses: Counter[int] = Counter()

    async def client(number: int) -> None:
        async with aiohttp.ClientSession(address, connector=aiohttp.TCPConnector(limit=1)) as session:
            while True:
                try:
                    async with session.post("/predict", json={"inputs": [[f"good thing {number}"]] * 4}) as reply:
                        await reply.json()
                        statuses[reply.status] += 1
                except aiohttp.ClientConnectorError:
                    return

    async def signal_later() -> None:
        while sum(statuses.values()) < 100:
            await asyncio.sleep(0.01)
        assert callable(end)
        end()

    await asyncio.gather(signal_later(), *(client(number) for number in range(16)))
    return statuses


def test_an_idle_connection_does_not_keep_a_server_from_ending(model: Path, tmp_path: Path) -> None:
    with serving(tmp_path, model) as running:
        port = int(running.address.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)):
            assert running.end() == 0


def test_serving_imports_neither_torch_nor_what_only_studies_need(model: Path) -> None:
    code = (
        "import sys, distil.cli.serve, distil.serve.server, distil.classifiers.opening\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, env=os.environ
    )
    loaded = set(done.stdout.split())
    assert {"onnxruntime", "tokenizers", "fastapi"} <= loaded
    assert not loaded & {"torch", "transformers", "pandas", "pyarrow", "sklearn", "scipy", "datasets", "dvc", "aiohttp"}
