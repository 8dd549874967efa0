"""llama.cpp's own HTTP server in a child process, for as long as it is needed.

The child (this module run as a script) holds the server on a free loopback port and ends when its standard input does,
that is when the parent closes it or dies in whatever way. It does not get the terminal's Ctrl-C: the parent decides.

The server answers who has its key alone, which is made for the occasion and told on the child's standard input, so that
no other user and no page in a browser can ask it. Only whether it is well it tells everybody.
"""

import contextlib
import importlib.metadata
import os
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from distil.core.errors import EndpointError, InputError
from distil.teacher.endpoint import Endpoint

READY_WITHIN_S = 120.0
ENDS_WITHIN_S = 10.0
POLL_S = 0.05


@contextlib.contextmanager
def serve(weights: Path, threads: int) -> Iterator[Endpoint]:
    """Serve a GGUF file with one slot; yields the API's address and key once the health route says ok.

    Raises `InputError` if the package `xllamacpp` is not there, `EndpointError` if the server does not come up.
    """
    require_server()
    key = secrets.token_urlsafe()
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(  # noqa: S603 (our own module)
            [sys.executable, "-m", "distil.teacher.local_server", str(weights.absolute()), str(threads)],
            cwd=Path(__file__).parents[2],  # this copy of the code, whichever is installed
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            # Threads that wait by long spins halve the speed on a busy machine; short ones cost an idle one little
            env={"GOMP_SPINCOUNT": "1000", **os.environ},
        )
        try:
            yield Endpoint(_wait_until_ready(child, key, weights, log.fileno()) + "/v1", key)
        finally:
            _end(child)


def require_server() -> str:
    """The version of the llama.cpp build; raises `InputError` if it is not installed."""
    try:
        return importlib.metadata.version("xllamacpp")
    except importlib.metadata.PackageNotFoundError:
        raise InputError("annotate.server: local needs llama.cpp: pip install xllamacpp (extra 'local')") from None


def _wait_until_ready(child: subprocess.Popen[bytes], key: str, weights: Path, log: int) -> str:
    """The server's base URL, read from the child's only line and found healthy; no proxy is asked for it."""
    assert child.stdin is not None and child.stdout is not None  # noqa: S101 (opened with pipes)
    with contextlib.suppress(BrokenPipeError):  # it is dead, which is found out below
        child.stdin.write(key.encode() + b"\n")
        child.stdin.flush()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    address = child.stdout.readline().decode().strip()
    deadline = time.monotonic() + READY_WITHIN_S
    while address and child.poll() is None and time.monotonic() < deadline:
        try:
            with opener.open(address + "/health", timeout=5):
                return address
        except (urllib.error.URLError, OSError):
            time.sleep(POLL_S)
    lines = os.pread(log, 1_000_000, 0).decode("utf-8", "replace").strip().splitlines()
    raise EndpointError(f"llama.cpp does not serve {weights}: {lines[-1] if lines else 'it said nothing'}")


def _end(child: subprocess.Popen[bytes]) -> None:
    """Close the child's standard input, which ends it, and make sure."""
    try:
        child.communicate(timeout=ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()


def _hold_server(weights: str, threads: int) -> None:
    """The child: write the address to the real standard output, keep llama.cpp's log off it, wait for the end."""
    import xllamacpp

    key = sys.stdin.buffer.readline().decode().strip()
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    params = xllamacpp.CommonParams()
    params.model.path = weights
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_parallel = 1
    params.n_ctx = 0  # the model's own
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.cache_ram_mib = 0
    params.ui = False
    params.api_keys = [key]
    params.cors_origins, params.cors_credentials = "", False
    params.endpoint_slots = False
    server = xllamacpp.Server(params)
    print(server.listening_address, file=out, flush=True)
    sys.stdin.buffer.read()
    os._exit(0)  # at once: no request is waited for


if __name__ == "__main__":
    _hold_server(sys.argv[1], int(sys.argv[2]))
