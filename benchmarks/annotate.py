"""How fast annotate is beside its endpoint's limits, how much memory it takes, and what a killed run loses.

    python benchmarks/annotate.py                     # all cases, about six minutes on two cores
    python benchmarks/annotate.py pace overhead       # some of: pace overhead memory kills faults
    python benchmarks/annotate.py faults --recorded ../shared/tools/recorded_teacher.py

The endpoint is benchmarks/endpoint.py on loopback; `faults` needs a teacher that misbehaves on request, which is not
part of the project, and `pace` takes it too if it is named. Figures that are compared come from one run; take their
ratios, not the seconds.
"""

import argparse
import hashlib
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from distil.core.metrics import read_details  # noqa: E402
from distil.core.runtime import count_cores  # noqa: E402
from distil.core.tables import TEXTS, row_writer  # noqa: E402
from distil.speed.machine import describe_machine  # noqa: E402

PATHS = ["texts.parquet", "assets.txt", "annotations.parquet", "annotate.json"]
OPTIONS = ["--texts", "--assets", "--annotations", "--metrics"]
STAGE = [sys.executable, "-m", "stages.annotate", *(word for pair in zip(OPTIONS, PATHS, strict=True) for word in pair)]
OURS = ROOT / "benchmarks" / "endpoint.py"
CLIENTS = [sys.executable, str(ROOT / "benchmarks" / "annotate_clients.py")]
STUDY_TEXTS, STUDY_VOTES = 2259, 3  # of the 2024 study
LATENCY_S, SLOTS = 0.2, 64
KILLS = 20
WRITTEN_TOGETHER = 10_000
MB = 1e6
Row = tuple[str, str]


class Study:
    """A folder with texts, parameters and a store of its own."""

    def __init__(self, folder: Path, port: int, texts: int, votes: int, **runtime: Any) -> None:
        """Write what the stage annotate reads."""
        self.folder = folder
        self.store = folder / "answers.sqlite"
        self.url = f"http://127.0.0.1:{port}/v1"
        sections = yaml.safe_load((ROOT / "presets" / "phrasebank.yaml").read_text())
        sections["annotate"] |= {"votes": votes, "prompt": str(ROOT / "prompts" / "phrasebank_cot.md")}
        sections["runtime"] |= {"base_url": self.url, "max_in_flight": SLOTS} | runtime
        (folder / "params.yaml").write_text(yaml.safe_dump(sections))
        write_texts(folder / "texts.parquet", make_texts(texts))

    @property
    def environment(self) -> dict[str, str]:
        """For a child process that runs this project's code on this study."""
        return os.environ | {"DISTIL_STORE": str(self.store), "PYTHONPATH": str(ROOT)}

    def forget(self) -> None:
        """Empty the store."""
        for path in self.folder.glob("answers.sqlite*"):
            path.unlink()

    def start(self, command: list[str]) -> subprocess.Popen[str]:
        """Start a command in the folder."""
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, command: list[str]) -> str:
        """Run a command to its end; returns what it printed."""
        child = self.start(command)
        out, err = child.communicate()
        if child.returncode:
            sys.exit(f"{' '.join(command)} failed:\n{err}")
        return out

    def time_client(self, name: str, texts: int, votes: int) -> float:
        """Seconds that a client of annotate_clients.py takes, with an empty store."""
        self.forget()
        out = self.run([*CLIENTS, name, self.url, str(texts), str(votes)])
        return float(json.loads(out.splitlines()[-1])["seconds"])


def make_texts(count: int) -> Iterator[str]:
    """Sentences of some twenty words."""
    for number in range(count):
        yield f"Net sales of unit {number} rose to EUR {number % 97} mn from EUR {number % 89} mn a year ago ."


def write_texts(path: Path, texts: Iterable[str]) -> None:
    """Write the table of texts, piece by piece and sorted by id as fetch would."""
    rows = sorted((hashlib.sha256(text.encode()).hexdigest()[:16], text) for text in texts)
    with row_writer(path, TEXTS) as writer:
        for start in range(0, len(rows), WRITTEN_TOGETHER):
            some = rows[start : start + WRITTEN_TOGETHER]
            writer.write_table(pa.Table.from_pylist([{"id": key, "text": text} for key, text in some], TEXTS))


@contextmanager
def serve(*options: str, script: Path = OURS) -> Iterator[int]:
    """An endpoint as a process of its own; yields its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, str(script), "--port", str(port), *options])
    try:
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port
    finally:
        server.kill()  # at once: a polite server waits for requests that hang
        server.wait()


def read_stats(port: int) -> dict[str, int]:
    """What the endpoint counted."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/stats") as response:
        counted: dict[str, int] = json.load(response)
        return counted


def measure_pace(folder: Path, arguments: argparse.Namespace) -> Iterator[Row]:
    """Whole runs against an endpoint of 64 slots and 200 ms: what is ideal, distil, and the study's own loop."""
    requests = STUDY_TEXTS * STUDY_VOTES
    ideal = requests * LATENCY_S / SLOTS
    with serve("--latency-ms", str(1000 * LATENCY_S), "--slots", str(SLOTS), script=arguments.recorded or OURS) as port:
        study = Study(folder, port, STUDY_TEXTS, STUDY_VOTES)
        if arguments.recorded:
            write_texts(folder / "texts.parquet", read_recorded_texts(arguments.recorded))
        whole = study.time_client("distil", STUDY_TEXTS, STUDY_VOTES)
        asking = read_details(folder / PATHS[3])["run"]["seconds"]
        loop = study.time_client("study", STUDY_TEXTS, STUDY_VOTES)
    yield f"{requests:,} requests, {SLOTS} slots of {1000 * LATENCY_S:.0f} ms: ideal", f"{ideal:.1f} s"
    yield "distil, first request to last answer", f"{asking:.1f} s = {asking / ideal:.3f} x ideal (asked: 1.10)"
    yield "distil, with hashing and the written table", f"{whole:.1f} s = {whole / ideal:.3f} x ideal"
    yield "the study's loop: 64 gathered, 1 s of sleep", f"{loop:.1f} s = {loop / ideal:.3f} x ideal"


def measure_overhead(folder: Path, _arguments: argparse.Namespace) -> Iterator[Row]:
    """Requests a second against an endpoint that answers at once; the clients take turns, the medians are compared."""
    texts, rounds = 10_000, 5
    rates: dict[str, list[float]] = {"bare": [], "distil": [], "asking": [], "openai": []}
    with serve() as port:
        study = Study(folder, port, texts, 1)
        for _ in range(rounds):
            for name in ("bare", "distil"):
                rates[name].append(texts / study.time_client(name, texts, 1))
            rates["asking"].append(read_details(folder / PATHS[3])["run"]["answers_per_s"])
        rates["openai"].append(texts / study.time_client("openai", texts, 1))
    medians = {name: statistics.median(found) for name, found in rates.items()}

    def describe(name: str) -> str:
        return f"{medians[name]:,.0f}/s = {medians[name] / medians['bare']:.2f} x bare"

    yield f"bare aiohttp loop, {texts:,} requests, median of {rounds}", f"{medians['bare']:,.0f}/s"
    yield "distil, first request to last answer, all stored", f"{describe('asking')} (asked: 0.60)"
    yield "distil, with hashing, parsing and the written table", describe("distil")
    yield "openai.AsyncOpenAI, one round", describe("openai")


def measure_memory(folder: Path, _arguments: argparse.Namespace) -> Iterator[Row]:
    """Peak memory by the number of texts planned, and a rerun from the store."""
    with serve() as port:
        for texts, most in ((1_000, None), (10_000, None), (100_000, None), (1_000_000, 100_000)):
            study = Study(folder, port, texts, 1)
            study.forget()
            answered, peak, _ = run_until(study, port, most)
            yield f"{texts:,} texts planned, {answered:,} answered: peak", f"{peak:.0f} MB"
            if texts == 100_000:
                before = read_stats(port)["answered"]
                _, peak, seconds = run_until(study, port, None)
                sent = read_stats(port)["answered"] - before
                yield (
                    f"the same again from the store, {sent} requests sent",
                    f"{seconds:.1f} s, {peak:.0f} MB (asked: 10 s)",
                )


def run_until(study: Study, port: int, most: int | None) -> tuple[int, float, float]:
    """Run the stage, stopped as by Ctrl-C after so many answers; returns answers, peak memory in MB and seconds."""
    before, started = read_stats(port)["answered"], time.perf_counter()
    watcher = f"import resource, subprocess, sys; code = subprocess.call({STAGE!r}, stderr=subprocess.DEVNULL); "
    watcher += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, code)"
    child = study.start(
        [sys.executable, "-c", "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); " + watcher]
    )
    while most and child.poll() is None and read_stats(port)["answered"] - before < most:
        time.sleep(0.1)
    if most:
        subprocess.run(["pkill", "-INT", "-P", str(child.pid)], check=True)
    out, err = child.communicate()
    kilobytes, code = map(int, out.splitlines()[-1].split())
    if code != (130 if most else 0):
        sys.exit(f"annotate ended with {code}: {err}")
    return read_stats(port)["answered"] - before, kilobytes * 1024 / MB, time.perf_counter() - started


def measure_kills(folder: Path, _arguments: argparse.Namespace) -> Iterator[Row]:
    """Twenty runs killed with SIGKILL, then one to the end: what was asked twice, and is the output the same."""
    dice = random.Random(0)
    unique = STUDY_TEXTS * STUDY_VOTES
    with serve("--latency-ms", str(1000 * LATENCY_S), "--slots", str(SLOTS)) as port:
        study = Study(folder, port, STUDY_TEXTS, STUDY_VOTES)
        in_flight = 0
        for _ in range(KILLS):
            child = study.start(STAGE)
            answered = read_stats(port)["answered"]
            while read_stats(port)["answered"] == answered:
                time.sleep(0.01)
            time.sleep(dice.uniform(0, 1))
            in_flight += read_stats(port)["under_way"]
            child.kill()
            child.communicate()
            while read_stats(port)["under_way"]:
                time.sleep(0.05)
        before = read_stats(port)["answered"]
        study.run(STAGE)
        answered = read_stats(port)["answered"]
        resumed = (folder / PATHS[2]).read_bytes()
        study.forget()
        study.run(STAGE)
    same = "the same bytes" if (folder / PATHS[2]).read_bytes() == resumed else "OTHER BYTES"
    yield (
        f"{KILLS} runs killed, {before:,} of {unique:,} requests answered by then",
        f"{in_flight:,} seen in flight at the kills, at most {KILLS * SLOTS:,}",
    )
    yield "answered more than once", f"{answered - unique:,} (asked: no more than could be in flight)"
    yield "output beside that of an uninterrupted run", same


def measure_faults(folder: Path, arguments: argparse.Namespace) -> Iterator[Row]:
    """A teacher that fails in every way at once, and limits its rate."""
    faults = ["--error-rate", "0.05", "--drop-rate", "0.02", "--garble-rate", "0.05", "--hang-rate", "0.01"]
    if arguments.recorded is None:
        yield "faults", "not run: --recorded names no teacher"
        return
    with serve(*faults, "--rpm", "3000", script=arguments.recorded) as port:
        study = Study(folder, port, 1, STUDY_VOTES, timeout_s=5)
        write_texts(folder / "texts.parquet", read_recorded_texts(arguments.recorded))
        study.forget()
        started = time.perf_counter()
        said = study.run(STAGE).strip()
        seconds = time.perf_counter() - started
        stats = read_stats(port)
    counted = read_details(folder / PATHS[3])
    run = counted["run"]
    failed = {kind: stats.get(kind, 0) for kind in ("5xx", "429", "dropped", "hung")}
    yield said, f"{seconds:.0f} s"
    yield "rows by status", f"{counted['status']} = {sum(counted['status'].values()):,} of {counted['requests']:,}"
    yield "the server counted", f"{stats['requests']:,} = {stats['answered']:,} answered + {failed}"
    agree = stats["answered"] == run["answers"] and sum(failed.values()) == run["retries"]
    yield (
        "distil counted",
        f"{run['answers']:,} answers, {run['retries']:,} retries: {'agrees' if agree else 'DIFFERS'}",
    )


def read_recorded_texts(script: Path) -> list[str]:
    """The texts that the recorded teacher knows, from the data beside its folder, each once."""
    files = [script.resolve().parent.parent / "data" / f"mixtral_{name}.csv" for name in ("train", "test")]
    tables = [pd.read_csv(file, dtype=str, keep_default_na=False) for file in files]
    return list(pd.concat(tables)["text"].str.strip().drop_duplicates())


CASES = {
    "pace": measure_pace,
    "overhead": measure_overhead,
    "memory": measure_memory,
    "kills": measure_kills,
    "faults": measure_faults,
}


def main() -> None:
    """Run the cases and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="case", help=f"some of: {' '.join(CASES)} (all)")
    parser.add_argument("--recorded", type=Path, help="path of a teacher script that misbehaves on request")
    arguments = parser.parse_args()
    if unknown := set(arguments.cases) - set(CASES):
        parser.error(f"no such case: {', '.join(unknown)}; there are {', '.join(CASES)}")
    machine = describe_machine(count_cores(), "none")
    print(f"machine: {machine['cpu']}, {machine['cores']} cores")
    for name in arguments.cases or CASES:
        with tempfile.TemporaryDirectory() as folder:
            for what, figure in CASES[name](Path(folder), arguments):
                print(f"{name:9} | {what:60} | {figure}", flush=True)


if __name__ == "__main__":
    main()
