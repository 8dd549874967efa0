"""What the chosen student is worth beside every rung of its ladder, on tasks of any shape and teachers of any skill.

    python benchmarks/tasks.py ../shared/data/tasks --teacher ../shared/tools/erring_teacher.py --keep ../lines
    python benchmarks/tasks.py ... --recorded ../shared/data --reviews         # the studies of two presets besides
    python benchmarks/tasks.py ... --votes 3 --vote-noise 0.1 --set train.noise=keep
    python benchmarks/tasks.py ... --only 'banking77 all *' --list             # what would run

The folder has a csv file for each task, with the columns text, gold and split (train or test). The teacher is a program
that serves the labels of such a file (`--data`) on loopback (`--port`), wrong at a stated rate (`--accuracy`,
`--confusion near` or `uniform`, `--vote-noise`). Each line of the table is a study of its own, in a copy of this
project, with the default parameters but for the task's own: `dvc repro evaluate`, and `dvc repro train` once more for
each rung that the student did not become. All lines of a task have the same test rows, and the training rows of a
smaller line are among those of a larger one. Intervals are Wilson's.

A line takes minutes. `--keep FOLDER` has what each came to as json, and what is there is not run again. `--jobs 2` runs
two lines at once, each with its share of the cores: the scores mean the same, the seconds are longer.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import IO, Any

import pandas as pd
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.regret import EXPORTABLE, RUNGS, Result, accuracy, format_table, summarise  # noqa: E402
from benchmarks.study_copy import (  # noqa: E402
    Sections,
    copy_project,
    read_preset,
    read_recorded_preset,
    run_study,
    write_params,
)
from distil.core.ids import text_id  # noqa: E402
from distil.core.metrics import read_details, read_metrics  # noqa: E402
from distil.core.tables import PREDICTIONS, TEST, read_rows  # noqa: E402
from distil.encoders.torch_model import TorchClassifier  # noqa: E402

ACCURACIES, ROWS, CONFUSIONS, DRAWS = (0.94, 0.85, 0.75), ("200", "600", "all"), ("near", "uniform"), 5
NEAR = 3  # a teacher that confuses near labels takes one of so many
SYSTEMS = ("teacher", *RUNGS[:3], "student", "student_int8")  # of these evaluate has scores
PROMPT = "Which of these labels fits the text best? {labels}\n\nAnswer with one of them.\n\nText: {text}\n"


@dataclass(frozen=True)
class Line:
    """A study: its parameters; if a teacher is asked, the rows of the corpus and the teacher's arguments."""

    name: str
    sections: Sections
    corpus: pd.DataFrame | None = None
    teacher: tuple[str, ...] = ()


def list_lines(arguments: argparse.Namespace) -> list[Line]:
    """All lines that the arguments ask for, none twice under two names."""
    lines = [line for path in sorted(arguments.tasks.glob("*.csv")) for line in list_task(path, arguments)]
    if arguments.recorded:
        lines += [list_draw(number, arguments) for number in range(DRAWS)]
    if arguments.reviews:
        lines.append(Line("reviews", read_preset("reviews")))
    for line in lines:
        change_params(line.sections, arguments.set)
    named = [Line(" ".join([line.name, *arguments.set]), line.sections, line.corpus, line.teacher) for line in lines]
    return [line for line in named if any(fnmatch(line.name, pattern) for pattern in arguments.only)]


def list_draw(number: int, arguments: argparse.Namespace) -> Line:
    """The recorded study with another draw of validation rows and another seed, and default training."""
    sections = read_recorded_preset(arguments.recorded)
    sections["split"]["salt"] = f"draw-{number}"
    sections["train"] = {"base": sections["train"]["base"], "seed": number}
    return Line(f"phrasebank draw-{number}", sections)


def list_task(path: Path, arguments: argparse.Namespace) -> Iterator[Line]:
    """The lines of one file: rows x accuracies x confusions, without those that would be alike."""
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    labels = sorted(set(rows["gold"]))
    sizes = list_sizes(rows.loc[rows["split"] == "train", "text"].map(text_id).nunique(), arguments.rows)
    confusions = CONFUSIONS if len(labels) > NEAR + 1 else CONFUSIONS[-1:]  # of fewer labels all are near
    for name, count in sizes.items():
        for rate in arguments.accuracies:
            for confusion in confusions:
                skill = ("--accuracy", str(rate), "--confusion", confusion)
                noise = ("--vote-noise", str(arguments.vote_noise))
                voted = f" {arguments.votes} votes {arguments.vote_noise:g}" if arguments.votes > 1 else ""
                yield Line(
                    f"{path.stem} {name} {rate:g} {confusion}{voted}",
                    make_sections(path.stem, labels, arguments.votes),
                    take_rows(rows, count),
                    ("--data", str(path), *skill, *noise),
                )


def list_sizes(train_rows: int, wanted: Sequence[str]) -> dict[str, int]:
    """The numbers of training rows by name; one that is all of them, or more, is none of its own."""
    fewer = {name: int(name) for name in wanted if name != "all" and int(name) < train_rows}
    return fewer | ({"all": train_rows} if "all" in wanted else {})


def take_rows(rows: pd.DataFrame, count: int) -> pd.DataFrame:
    """So many of the training texts, those with the least hash, and all other rows."""
    ids = rows["text"].map(text_id)
    taken = set(sorted(set(ids[rows["split"] == "train"]))[:count])
    return rows[(rows["split"] != "train") | ids.isin(taken)]


def make_sections(task: str, labels: Sequence[str], votes: int) -> Sections:
    """The parameters of a task: its own, and a base; all else as it is by default."""
    sections = read_preset("phrasebank-recorded")
    return sections | {
        "task": sections["task"]
        | {"name": task, "description": "Which label fits the text best?", "language": "en", "labels": labels},
        "fetch": {
            "source": "corpus",
            "files": ["task.csv"],
            "columns": {name: name for name in ("text", "gold", "split")},
        },
        "annotate": {
            "prompt": "prompts/task.md",
            "method": "generate",
            "protocol": "chat",
            "model": "erring",
            "votes": votes,
            "temperature": 0.7 if votes > 1 else 0.0,
            "max_tokens": 400,
            "examples": sections["annotate"]["examples"],
        },
        "train": {"base": sections["train"]["base"]},
    }


def change_params(sections: Sections, changes: Sequence[str]) -> None:
    """Apply changes such as train.noise=keep."""
    for change in changes:
        key, _, value = change.partition("=")
        section, _, name = key.partition(".")
        sections[section][name] = yaml.safe_load(value)


def run_line(line: Line, arguments: argparse.Namespace, log: IO[str]) -> Result | None:
    """Run a line's study, and train the other rungs; null if it failed, of which `log` says why."""
    with tempfile.TemporaryDirectory() as name, serve(line.teacher, arguments.teacher, log) as url:
        folder = Path(name)
        copy_project(folder)
        (folder / "prompts" / "task.md").write_text(PROMPT, encoding="utf-8")
        if line.corpus is not None:
            line.corpus.to_csv(folder / "corpus" / "task.csv", index=False)
            line.sections["runtime"] = {"base_url": url}
        write_params(folder, line.sections)
        if not run_study(folder, "benchmark" if arguments.speed else "evaluate", log, own_store=bool(line.teacher)):
            return None
        result = read_result(line, folder, arguments.speed)
        for rung in EXPORTABLE if result["ladder"] else ():
            if rung == result["chosen"]:
                continue
            write_params(folder, line.sections | {"train": line.sections["train"] | {"rung": rung}})
            if not run_study(folder, "train", log, own_store=bool(line.teacher)):
                return None
            result["systems"][rung] = score_student(folder)
    return result


@contextmanager
def serve(given: Sequence[str], teacher: Path, log: IO[str]) -> Iterator[str]:
    """Start the teacher with these arguments, if there are any, and stop it afterwards; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    if not given:
        yield ""
        return
    with subprocess.Popen(
        [sys.executable, str(teacher), *given, "--port", str(port)], stdout=log, stderr=log
    ) as server:
        try:
            wait_for(port, server)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    """Wait until the teacher listens."""
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if server.poll() is not None:
            break
        time.sleep(0.1)
    sys.exit("the teacher does not listen; the log of this line says why")


def read_result(line: Line, folder: Path, speed: bool) -> Result:
    """What a study came to; without a ladder its student is fine-tuned."""
    train = read_details(folder / "metrics" / "train.json")
    ladder = train.get("ladder")
    chosen = ladder["chosen"] if ladder else "fine_tuned"
    systems = read_systems(folder)
    systems[chosen] = systems["student"]
    return {
        "line": line.name,
        "train_rows": train["rows"],
        "test_rows": len(systems["student"]["right"]),
        "seconds": train["seconds"],
        "texts_per_s": read_metrics(folder / "metrics" / "speed.json")["texts_per_s"] if speed else None,
        "chosen": chosen,
        "systems": systems,
        "ladder": ladder,
        "recipe": train.get("recipe"),
    }


def read_systems(folder: Path) -> dict[str, Any]:
    """Of each system that there is: accuracy, and a 1 for each test row, by id, on which it is right."""
    scores = read_details(folder / "metrics" / "quality.json")["systems"]
    right = read_rows(folder / "data" / "predictions.parquet", PREDICTIONS).sort_values(["system", "id"])
    return {
        name: {
            "accuracy": scores[name]["accuracy"],
            "right": "".join("1" if one else "0" for one in right.loc[right["system"] == name, "right"]),
        }
        for name in SYSTEMS
        if name in scores
    }


def score_student(folder: Path) -> dict[str, Any]:
    """The same of the student in models/student, which was trained alone."""
    test = read_rows(folder / "data" / "test.parquet", TEST).sort_values("id")
    student = TorchClassifier(folder / "models" / "student", "cpu")
    shares = student.predict_proba(test["text"].to_list())
    right = pd.Series(student.labels)[shares.argmax(axis=1)].to_numpy() == test["gold"].to_numpy()
    return {"accuracy": float(right.mean()), "right": "".join("1" if one else "0" for one in right)}


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", type=Path, help="folder of csv files")
    parser.add_argument("--teacher", type=Path, required=True, help="program that serves a file's labels")
    parser.add_argument(
        "--recorded", type=Path, help="folder of mixtral_train.csv and mixtral_test.csv: five lines more"
    )
    parser.add_argument("--reviews", action="store_true", help="the default study: a line more")
    parser.add_argument("--accuracies", type=float, nargs="+", default=ACCURACIES)
    parser.add_argument("--rows", nargs="+", default=ROWS, help="numbers of training rows, and all")
    parser.add_argument("--votes", type=int, default=1)
    parser.add_argument("--vote-noise", type=float, default=0.0)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="in all lines")
    parser.add_argument("--only", nargs="+", default=["*"], metavar="PATTERN", help="lines by name")
    parser.add_argument("--speed", action="store_true", help="measure texts a second too: minutes a line more")
    parser.add_argument("--jobs", type=int, default=1, help="lines to run at once")
    parser.add_argument("--keep", type=Path, help="folder for what each line came to")
    parser.add_argument("--list", action="store_true", help="print the names of the lines, and run none")
    return parser.parse_args()


def main() -> None:
    """Run the lines, or what is left of them, and print the table."""
    arguments = read_arguments()
    lines = list_lines(arguments)
    if arguments.list or not lines:
        sys.exit("\n".join(line.name for line in lines) or "no line has such a name; see --list")
    keep = arguments.keep or Path(tempfile.mkdtemp())
    keep.mkdir(parents=True, exist_ok=True)
    os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // arguments.jobs))
    with ThreadPoolExecutor(arguments.jobs) as pool:  # each waits for processes of its own
        done = list(pool.map(partial(run_or_read, arguments=arguments, keep=keep), lines))
    results = [result for result in done if result is not None]
    if results:
        print("", *format_table(results), "", *summarise(results), sep="\n")
    if len(results) < len(lines):
        sys.exit(f"{len(lines) - len(results)} lines failed")


def run_or_read(line: Line, arguments: argparse.Namespace, keep: Path) -> Result | None:
    """What a line came to, from the folder if it is there; null if it failed."""
    path = keep / f"{re.sub(r'[^a-zA-Z0-9.=-]+', '_', line.name)}.json"
    if not path.exists():
        with path.with_suffix(".log").open("w", encoding="utf-8") as log:
            found = run_line(line, arguments, log)
        if found is None:
            print(f"{line.name} failed; {path.with_suffix('.log')} says why", flush=True)
            return None
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    result: Result = json.loads(path.read_text(encoding="utf-8"))
    print(f"{line.name}: {result['chosen']} {accuracy(result, 'student'):.3f}", flush=True)
    return result


if __name__ == "__main__":
    main()
