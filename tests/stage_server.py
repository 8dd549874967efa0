"""A `python` for DVC to run stages with, that has its heavy imports behind it: a server forks for each stage.

Stages run as they are, in a process of their own and in the folder where DVC runs them; only the seconds that importing
torch and its like takes are paid once. The server notes what it ran, which tells a stage that ran from one that DVC
took from its run cache.
"""

import contextlib
import importlib
import json
import logging
import os
import runpy
import signal
import socket
import subprocess
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HEAVY = [
    "aiohttp",
    "datasets",
    "matplotlib.figure",
    "onnxruntime.quantization",
    "pandas",
    "pyarrow.parquet",
    "sklearn.linear_model",
    "torch.onnx",
    "transformers.trainer",
    "transformers.pipelines",
    "transformers.models.bert.modeling_bert",
]

SHIM = """#!{python} -SE
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    socket.send_fds(server, [json.dumps([os.getcwd(), sys.argv[1:], dict(os.environ)]).encode()], [0, 1, 2])
    sys.exit(int(server.recv(16) or b"1"))
"""


@contextmanager
def serve_stages(folder: Path) -> Iterator[Path]:
    """Put a `python` into folder/bin and serve it; yields the file that lists the modules that ran, one a line.

    Stages get the environment of the process that starts them.
    """
    address, log = str(folder / "socket"), folder / "ran.txt"
    shim = folder / "bin" / "python"
    shim.parent.mkdir(parents=True)
    shim.write_text(SHIM.format(python=sys.executable, address=address))
    shim.chmod(0o755)
    log.touch()
    command = [sys.executable, __file__, address, str(log)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        yield log
    finally:
        server.kill()
        server.communicate()


def _warm_up() -> None:
    """Import what stages import, and export a graph: the exporter imports and sets up as much again at its first."""
    for name in HEAVY:
        importlib.import_module(name)
    torch: Any = importlib.import_module("torch")
    logging.disable(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(torch.nn.Identity(), (torch.zeros(1),), dynamo=True, verbose=False)
    logging.disable(logging.NOTSET)


def _serve(address: str, log: Path) -> None:
    _warm_up()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that attend
        while True:
            connection, _ = listener.accept()
            with connection:
                if not os.fork():
                    _attend(connection, log)


def _attend(connection: socket.socket, log: Path) -> None:
    """In a child, so that two stages can run at once: fork for the stage, and pass its exit status on."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    message, descriptors, _, _ = socket.recv_fds(connection, 1 << 16, 3)
    folder, arguments, environment = json.loads(message)
    with log.open("a") as file:
        file.write(arguments[1] + "\n")
    child = os.fork()
    if not child:
        os.environ.clear()
        os.environ.update(environment)
        _run(folder, arguments, descriptors)
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(OSError):
        connection.sendall(str(os.waitstatus_to_exitcode(status) & 0xFF).encode())
    os._exit(0)


def _run(folder: str, arguments: list[str], descriptors: list[int]) -> None:
    """In the child: become `python -m MODULE PATHS...` and end."""
    code = 1
    try:
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
        os.chdir(folder)
        sys.path[0] = folder
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 (what python itself would do)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve(sys.argv[1], Path(sys.argv[2]))
