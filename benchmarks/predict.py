"""What `distil predict` costs beside the bare class on the same texts, and the memory that it takes.

    python benchmarks/predict.py models/onnx texts.csv --rows 100000 1000000

The file has a column `text`. Its texts are taken over and over, each with a number put to it, until there are so many
rows. Both run as processes of their own, one after the other, and are timed from the first text to the last row; peak
memory is the process's own. Prints a line for each number of rows: texts a second of both, their ratio, also by what
they took of CPU, which others on the machine disturb less, and both peaks.
`--pipeline 5000` adds transformers' pipeline on the first so many of the rows, in batches of 8 as its users take it;
`--ray` adds the same run by `--engine ray` on this machine, whose time has the start of Ray in it.
"""

import argparse
import csv
import filecmp
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
BARE = """
import csv, sys, time
from pathlib import Path
from distil.classifiers.opening import open_onnx
from distil.core.served import FILES
model = open_onnx(Path(sys.argv[1]), FILES["student_int8"])
with open(sys.argv[2], encoding="utf-8", newline="") as file:
    texts = (row["text"] for row in csv.DictReader(file))
    begun = time.perf_counter()
    for _ in model.predict_stream(texts):
        pass
print(time.perf_counter() - begun)
"""
TOOL = """
import sys, time
from distil.cli.main import app
begun = time.perf_counter()
app(["predict", sys.argv[2], sys.argv[3], "--model", sys.argv[1], *sys.argv[4:]], standalone_mode=False)
print(time.perf_counter() - begun)
"""
PIPELINE = """
import csv, itertools, sys, time
from transformers import pipeline
classify = pipeline("text-classification", sys.argv[1], batch_size=8, top_k=None, truncation=True,
  trust_remote_code=False)
with open(sys.argv[2], encoding="utf-8", newline="") as file:
    texts = [row["text"] for row in itertools.islice(csv.DictReader(file), int(sys.argv[3]))]
begun = time.perf_counter()
classify(texts)
print(time.perf_counter() - begun)
"""


class Run(NamedTuple):
    """Seconds by the clock and of CPU, those of the start among the latter, and peak memory in bytes."""

    seconds: float
    cpu_s: float
    peak: int


def run(code: str, *arguments: str | Path) -> Run:
    """Run code in a process; its last line is the seconds that count."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        said = child.stdout.read()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{command[:3]} ended with {child.returncode}")
    return Run(float(said.split()[-1]), used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


def write_texts(path: Path, texts: Sequence[str], rows: int) -> None:
    """Write so many rows."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["n", "text"])
        writer.writerows((number, f"{text} {number}") for number, text in enumerate(islice(cycle(texts), rows)))


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="folder that export wrote")
    parser.add_argument("texts", type=Path, help="csv with a column text")
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000])
    parser.add_argument("--pipeline", type=int, help="run transformers' pipeline on so many rows too")
    parser.add_argument("--ray", action="store_true", help="run it on Ray too")
    arguments = parser.parse_args()
    with arguments.texts.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    for rows in arguments.rows:
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "texts.csv"
            write_texts(path, texts, rows)
            bare = run(BARE, arguments.model.resolve(), path)
            tool = run(TOOL, arguments.model.resolve(), path, here := Path(name) / "out.csv")
            ratio = f"ratio {bare.seconds / tool.seconds:.3f}, by CPU {bare.cpu_s / tool.cpu_s:.3f}"
            told = [tell("class", rows, bare), tell("predict", rows, tool), ratio]
            if arguments.pipeline:
                usual = run(PIPELINE, arguments.model.resolve(), path, str(slice_ := min(rows, arguments.pipeline)))
                told.append(f"{tell('pipeline', slice_, usual)} on {slice_:,}")
            if arguments.ray:
                ray = run(TOOL, arguments.model.resolve(), path, there := Path(name) / "ray.csv", "--engine", "ray")
                same = "the same bytes" if filecmp.cmp(here, there, shallow=False) else "OTHER BYTES"
                told += [tell("on Ray", rows, ray), f"{tool.seconds / ray.seconds:.3f} of predict, {same}"]
        print(f"{rows:,} rows: {'; '.join(told)}", flush=True)


def tell(name: str, rows: int, run: Run) -> str:
    """What a run came to."""
    return f"{name} {rows / run.seconds:,.0f} texts/s, peak {run.peak / 1e6:,.0f} MB"


if __name__ == "__main__":
    main()
