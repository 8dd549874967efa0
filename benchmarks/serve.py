"""What `distil serve` gives under load, beside the bare class on the same texts, as ratios in one run.

    python benchmarks/serve.py models/onnx texts.csv

The file has a column `text`. In turn: 32 clients that ask for a text each, as fast as they are answered; the same for
2, 4 and 8 texts each, with the class, offline, all texts in one call, before and after each; requests of one text
that come by lot at half the rate of the first clients (p50 and p99 from the moment when each should leave); three
times that rate, of which the server has to shed some by 429, while `/health` goes on. Beside them the server's memory
before and after.

The server and the class have the same cores: half of those that this process has, and the clients the other half, as
if they asked from another machine. With `--together` all share all, and what the clients take is missing from the
ratios.
"""

import argparse
import asyncio
import csv
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

import aiohttp
import numpy as np
import psutil

from distil.classifiers.opening import open_onnx
from distil.core.served import FILES

ROOT = Path(__file__).resolve().parent.parent
CLIENTS, TEXTS_EACH = 32, (1, 2, 4, 8)
ADDRESS = re.compile(r"at (http://\S+)")


class Cores(NamedTuple):
    """Numbers of the cores of the server and the class, and of the clients; none: all that there are."""

    server: set[int]
    clients: set[int]


def share_cores(together: bool) -> Cores:
    """All cores for both sides, or one half of those that this process has for each."""
    if together:
        return Cores(set(), set())
    if not hasattr(os, "sched_getaffinity"):
        sys.exit("this system does not say which cores a process has; write --together")
    every = sorted(os.sched_getaffinity(0))
    half = len(every) // 2
    if not half:
        sys.exit("there is one core; give two, or write --together")
    return Cores(set(every[:half]), set(every[half:]))


@contextmanager
def on(cores: set[int]) -> Iterator[None]:
    """What begins here, threads and processes, runs on these cores; then this thread is where it was."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def start_server(model: Path, waiting: int) -> tuple[subprocess.Popen[str], str]:
    """A server on a free port, and its address."""
    command = [sys.executable, "-m", "distil.cli.serve", "--model", str(model), "--port", "0"]
    command += ["--max-waiting", str(waiting)]
    server = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    for line in server.stderr:
        if found := ADDRESS.search(line):
            asyncio.get_running_loop().run_in_executor(None, server.stderr.read)  # its log, so that it does not wait
            return server, found[1]
    sys.exit(f"the server ended with {server.wait()}")


async def ask(session: aiohttp.ClientSession, texts: Sequence[str]) -> int:
    """The status of a reply."""
    async with session.post("/predict", json={"inputs": [[text] for text in texts]}) as reply:
        await reply.read()
        return reply.status


async def keep_asking(session: aiohttp.ClientSession, texts: list[str], seconds: float, each: int = 1) -> float:
    """Texts a second of clients that ask again, for `each` texts, as soon as they are answered."""
    waiting, answered, begun = cycle(texts), 0, time.perf_counter()

    async def client() -> None:
        nonlocal answered
        while time.perf_counter() < begun + seconds:
            status = await ask(session, list(islice(waiting, each)))
            answered += each * (status == 200)  # not in one line: others answer meanwhile

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return answered / (time.perf_counter() - begun)  # the last answers come after the end


async def send_by_lot(
    session: aiohttp.ClientSession, texts: list[str], rate: float, seconds: float
) -> tuple[Counter[int], list[float], list[float]]:
    """Statuses, and the seconds of answers and of refusals, of requests that do not wait for each other."""
    chance, statuses = random.Random(0), Counter[int]()
    answers: list[float] = []
    refusals: list[float] = []
    begun, due, sent = time.perf_counter(), 0.0, []

    async def one(text: str, leaves: float) -> None:
        status = await ask(session, [text])
        statuses[status] += 1
        (answers if status == 200 else refusals).append(time.perf_counter() - begun - leaves)

    for text in cycle(texts):
        due += chance.expovariate(rate)
        if due > seconds:
            break
        await asyncio.sleep(max(0.0, due - (time.perf_counter() - begun)))
        sent.append(asyncio.create_task(one(text, due)))
    await asyncio.gather(*sent)
    return statuses, answers, refusals


async def watch_health(session: aiohttp.ClientSession, seconds: float) -> list[float]:
    """The seconds that `/health` takes."""
    took, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        begun = time.perf_counter()
        async with session.get("/health") as reply:
            assert reply.status == 200
        took.append(time.perf_counter() - begun)
        await asyncio.sleep(0.1)
    return took


def time_class(model: Path, texts: list[str], cores: set[int]) -> tuple[float, float]:
    """Texts a second of the bare class on these cores, and milliseconds of a core for each."""
    with on(cores):
        student = open_onnx(model, FILES["student_int8"])
        student.predict(texts[:64])
        begun, used = time.perf_counter(), time.process_time()
        student.predict(texts)
    return len(texts) / (time.perf_counter() - begun), 1e3 * (time.process_time() - used) / len(texts)


async def time_clients(
    session: aiohttp.ClientSession, texts: list[str], seconds: float, each: int, process: psutil.Process
) -> tuple[float, str]:
    """Texts a second, and what the server and the clients take of a core for each, in words."""
    before, own = sum(process.cpu_times()[:2]), time.process_time()
    rate = await keep_asking(session, texts, seconds, each)
    used, own = sum(process.cpu_times()[:2]) - before, time.process_time() - own
    count = rate * seconds / 1e3
    return rate, f"{used / count:.2f} ms of a core a text in the server, {own / count:.2f} in the clients"


async def time_each(
    session: aiohttp.ClientSession,
    texts: list[str],
    seconds: float,
    each: int,
    process: psutil.Process,
    model: Path,
    cores: set[int],
) -> float:
    """Texts a second of clients that ask for so many texts each; prints them beside the class, before and after."""
    many = list(islice(cycle(texts), 4096))
    before, _ = time_class(model, many, cores)
    rate, cost = await time_clients(session, texts, seconds, each, process)
    after, core = time_class(model, many, cores)
    told = (
        f"{CLIENTS} clients, {each} texts each: {rate:,.0f} texts/s, ratio {rate / ((before + after) / 2):.2f}; {cost}"
    )
    print(f"{told}; class, before and after: {before:,.0f}, {after:,.0f} texts/s, {core:.2f} ms of a core", flush=True)
    return rate


async def measure(model: Path, texts: list[str], seconds: float, waiting: int, cores: Cores) -> None:
    """Measure, and print."""
    with on(cores.server):
        server, address = start_server(model, waiting)
    try:
        process = psutil.Process(server.pid)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(address, connector=connector) as session:
            await keep_asking(session, texts, 1)
            memory = process.memory_info().rss
            rates = [
                await time_each(session, texts, seconds, each, process, model, cores.server) for each in TEXTS_EACH
            ]
            rate = rates[0]
            _, answers, _ = await send_by_lot(session, texts, rate / 2, seconds)
            p50, p99 = np.percentile(answers, [50, 99]) * 1e3
            print(f"at half that rate: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
            (statuses, answers, refusals), health = await asyncio.gather(
                send_by_lot(session, texts, 3 * rate, seconds), watch_health(session, seconds)
            )
            slow, refused = np.percentile(answers, 99) * 1e3, np.percentile(refusals or [0.0], 99) * 1e3
            print(
                f"at three times that rate: {dict(statuses)}; p99 of answers {slow:.0f} ms, of refusals "
                f"{refused:.0f} ms, of /health {np.percentile(health, 99) * 1e3:.0f} ms"
            )
            again = await keep_asking(session, texts, seconds)
            print(f"afterwards: {again:,.0f} texts/s, {again / rate:.2f} of before")
            print(f"memory: {memory / 1e6:,.0f} MB warm, {process.memory_info().rss / 1e6:,.0f} MB afterwards")
    finally:
        server.terminate()
        print(f"ended with {server.wait()}")


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="folder that export wrote")
    parser.add_argument("texts", type=Path, help="csv with a column text")
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement")
    parser.add_argument("--max-waiting", type=int, default=256, help="texts that may wait in the server")
    parser.add_argument("--together", action="store_true", help="server and clients on all cores")
    arguments = parser.parse_args()
    with arguments.texts.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    cores = share_cores(arguments.together)
    print(f"cores: {len(cores.server) or 'all'} for the server, {len(cores.clients) or 'all'} for the clients")
    with on(cores.clients):
        asyncio.run(measure(arguments.model.resolve(), texts, arguments.seconds, arguments.max_waiting, cores))


if __name__ == "__main__":
    main()
