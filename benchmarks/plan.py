"""How long `distil plan` takes, and how much memory, by the number of texts and of answers in the store.

    python benchmarks/plan.py --texts 1000000 --votes 3 --rounds 3

Makes two studies of synthetic texts, one of a tenth of the size, each with a store of its own, in which nine tenths of
the texts have their answers, and a tenth of the rows are of another study. They are planned in turn in processes of
their own, so that the ratio is of one machine in one state. CPU seconds stand beside those of the clock, for a machine
that does something else too.
"""

import argparse
import hashlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

from study_copy import ROOT, copy_project, read_preset, write_params

from distil.core.ids import text_id
from distil.core.tables import TEXTS, row_writer
from distil.forms.answers import Answer
from distil.forms.labelling import load_labelling
from distil.prompting.params import AnnotateParams
from distil.prompting.prompt_files import read_prompt
from distil.prompting.requests import Plan
from distil.store.answer_store import Store, Stored
from distil.store.opening import open_store

WORDS = [
    "the",
    "a",
    "of",
    "and",
    "to",
    "in",
    "it",
    "is",
    "was",
    "for",
    "with",
    "but",
    "not",
    "very",
    "good",
    "bad",
    "slow",
]
LABELS = ["negative", "positive"]
ROWS_AT_ONCE = 50_000
ANSWERED = 0.9  # of the texts


def make_texts(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Ids and texts of some twenty words, in the order of the table."""
    rng = random.Random(seed)
    texts = (f"item {number}: {' '.join(rng.choices(WORDS, k=18))}" for number in range(count))
    return sorted((text_id(text), text) for text in texts)


def write_texts(path: Path, rows: list[tuple[str, str]]) -> None:
    import pyarrow as pa

    path.parent.mkdir(parents=True, exist_ok=True)
    with row_writer(path, TEXTS) as writer:
        for start in range(0, len(rows), ROWS_AT_ONCE):
            some = rows[start : start + ROWS_AT_ONCE]
            table = [{"id": id_, "text": text, "gold": None, "split": None} for id_, text in some]
            writer.write_table(pa.Table.from_pylist(table, schema=TEXTS))


def fill_store(store: Store, plan: Plan, texts: list[str], others: int) -> None:
    """Answer every request about the texts, and so many of another study."""
    said = [Answer(label, "stop", input_tokens=90, output_tokens=2) for label in LABELS]

    def answers() -> Iterator[tuple[str, Stored]]:
        for number, text in enumerate(texts):
            for key in plan.hashes(text):
                yield key.hex(), Stored(said[number % 2], "toy", "run", 1.0, 2.0)
        for number in range(others):
            yield hashlib.sha256(str(number).encode()).hexdigest(), Stored(said[0], "other", "run", 1.0, 2.0)

    left = answers()
    while some := list(islice(left, ROWS_AT_ONCE)):
        store.put_all(some)


def make_study(folder: Path, texts: int, votes: int) -> int:
    """A project whose fetch has run, and whose teacher has answered nine tenths of the texts; returns the answers."""
    folder.mkdir()
    copy_project(folder)
    sections: dict[str, Any] = read_preset("reviews")
    sections["annotate"] = {
        "prompt": "prompts/reviews.md",
        "method": "generate",
        "protocol": "chat",
        "model": "toy",
        "votes": votes,
        "temperature": 0.7,
        "max_tokens": 20,
        "examples": sections["annotate"]["examples"],
    }
    sections["runtime"] = {"base_url": "http://127.0.0.1:9/v1"}
    sections["cost"]["teacher_usd_per_million_tokens"] = {"input": 0.6, "output": 0.6}
    write_params(folder, sections)
    rows = make_texts(texts)
    write_texts(folder / "data" / "texts.parquet", rows)
    (folder / "metrics" / "fetch.json").write_text(json.dumps({"texts": texts, "details": [{"texts": texts}]}) + "\n")
    params = AnnotateParams.model_validate(sections["annotate"])
    prompt = read_prompt(ROOT / params.prompt)
    plan = Plan(params, LABELS, load_labelling("classification").answers, prompt, "toy")
    with open_store(folder / "answers.sqlite") as store:
        answered = [text for _, text in rows[: round(texts * ANSWERED)]]
        fill_store(store, plan, answered, others=votes * (texts - len(answered)))
    for command in (["init", "-q", "-f"], ["commit", "-q", "-f", "fetch"]):
        subprocess.run([sys.executable, "-m", "dvc", *command], cwd=folder, check=True)
    return votes * len(answered)


def measure(folder: Path) -> tuple[float, float, float, dict[str, Any]]:
    """Plan once: seconds by the clock, seconds of CPU, peak megabytes, and what was told."""
    compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder.parent / "compiled")}
    store = {"DISTIL_STORE": str(folder / "answers.sqlite"), "PYTHONPATH": str(ROOT)}
    environment = os.environ | compiled | store
    command = [sys.executable, "-m", "distil", "plan", "--json"]
    started = time.perf_counter()
    with (folder / "plan.json").open("wb") as out:
        child = subprocess.Popen(command, cwd=folder, env=environment, stdout=out)
        _, status, used = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status) != 1:
        sys.exit(f"distil plan ended with {os.waitstatus_to_exitcode(status)}: {(folder / 'plan.json').read_text()}")
    peak_mb = used.ru_maxrss / (1024 if sys.platform != "darwin" else 1 << 20)
    return seconds, used.ru_utime + used.ru_stime, peak_mb, json.loads((folder / "plan.json").read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=1_000_000)
    parser.add_argument("--votes", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        sizes = [arguments.texts // 10, arguments.texts]
        folders = {texts: Path(place) / str(texts) for texts in sizes}
        with ProcessPoolExecutor(1) as apart:  # a child's peak begins with that of its parent
            answers = {
                texts: apart.submit(make_study, folder, texts, arguments.votes).result()
                for texts, folder in folders.items()
            }
        runs: dict[int, list[tuple[float, float, float, dict[str, Any]]]] = {texts: [] for texts in sizes}
        measure(folders[sizes[0]])  # compiles
        for _ in range(arguments.rounds):
            for texts in sizes:
                runs[texts].append(measure(folders[texts]))
        for texts in sizes:
            seconds, cpu, peak, told = zip(*runs[texts], strict=True)
            (teacher,) = told[0]["asking"][0]["teachers"]
            assert teacher["stored"] == answers[texts]
            assert teacher["stored"] + teacher["missing"] == texts * arguments.votes
            print(
                f"{texts:>9,} texts, {texts * arguments.votes:>9,} answers stored: {statistics.median(seconds):.2f} s "
                f"({min(seconds):.2f} to {max(seconds):.2f}), {statistics.median(cpu):.2f} s of CPU, "
                f"{max(peak):,.0f} MB at most"
            )
        small, large = (statistics.median(run[1] for run in runs[texts]) for texts in sizes)
        print(f"ten times the texts take {large / small:.1f} times the CPU")


if __name__ == "__main__":
    main()
