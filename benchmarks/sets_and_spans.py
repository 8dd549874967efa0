"""What a student of several labels or of spans is worth beside its teacher, the same student on gold, and baselines.

    python benchmarks/sets_and_spans.py ../shared/data/tasks --teacher ../shared/tools/erring_teacher.py --keep ../kinds
    python benchmarks/sets_and_spans.py ... --rates 0.95 --votes 3 --vote-noise 0.1 --set train.targets=hard
    python benchmarks/sets_and_spans.py ... --only 'goemotions *' --list        # what would run

The folder has a jsonl file for each task, with text, split (train or test) and gold: a list of labels, or of spans with
start, end and label. The teacher is a program as `benchmarks/tasks.py` has it; spans are answered as tags. Each line of
the table is a study of its own in a copy of this project, `dvc repro benchmark` with the default parameters but for the
task's own. A teacher that is right on all texts (rate 1) is what gold would teach. `--rows N` trains on so many texts.
`--keep FOLDER` has what each line came to as json, and what is there is not run again.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import IO, Any

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.study_copy import Sections, copy_project, read_preset, run_study, write_params  # noqa: E402
from benchmarks.tasks import change_params, serve, take_rows  # noqa: E402
from distil.core.metrics import read_details, read_metrics  # noqa: E402

RATES = (1.0, 0.95, 0.85, 0.75)
PRESETS = {"multi_label": "emotions", "token_classification": "names"}
FORMS = {"multi_label": "json", "token_classification": "tags"}
PROMPTS = {
    "multi_label": "Which of these labels fit the text? {labels}\n\nAnswer with a JSON list of them.\n\nText: {text}\n",
    "token_classification": "Mark what is one of these in the text, each between tags of its label, and write the text "
    "with its tags and nothing else: {labels}\n\nText: {text}\n",
}
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Line:
    """A study: its parameters, the rows of its corpus, and the teacher's arguments."""

    name: str
    sections: Sections
    rows: Rows
    teacher: tuple[str, ...]


def list_lines(arguments: argparse.Namespace) -> Iterator[Line]:
    """The lines that the arguments ask for."""
    for path in sorted(arguments.tasks.glob("*.jsonl")):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        has_spans = any(isinstance(one, dict) for row in rows for one in row["gold"])
        kind = "token_classification" if has_spans else "multi_label"
        for rate in arguments.rates:
            voted = f" {arguments.votes} votes {arguments.vote_noise:g}" if arguments.votes > 1 else ""
            some = f" {arguments.rows} rows" if arguments.rows else ""
            name = " ".join([f"{path.stem} {rate:g}{voted}{some}", *arguments.set])
            if any(fnmatch(name, pattern) for pattern in arguments.only):
                sections = make_sections(path.stem, kind, rows, arguments)
                noise = ("--vote-noise", str(arguments.vote_noise))
                skill = ("--data", str(path), "--accuracy", str(rate), "--form", FORMS[kind], *noise)
                yield Line(name, sections, choose_rows(rows, arguments.rows), skill)


def choose_rows(rows: Rows, count: int | None) -> Rows:
    """All rows, or so many of those to train on besides the others."""
    return rows if count is None else take_rows(pd.DataFrame(rows), count).to_dict("records")


def make_sections(task: str, kind: str, rows: Rows, arguments: argparse.Namespace) -> Sections:
    """The parameters of a task: its own, and a base; all else as it is by default."""
    sections = read_preset(PRESETS[kind])
    names = sorted({one["label"] if isinstance(one, dict) else one for row in rows for one in row["gold"]})
    sections["task"] |= {"name": task, "kind": kind, "labels": names, "description": "Which labels fit the text?"}
    sections["fetch"] = {
        "source": "corpus",
        "files": ["task.jsonl"],
        "columns": {name: name for name in ("text", "gold", "split")},
    }
    voting = {"votes": arguments.votes, "temperature": 0.7 if arguments.votes > 1 else 0.0}
    sections["annotate"] |= {"prompt": "prompts/task.md", "model": "erring", "max_tokens": 2000, **voting}
    change_params(sections, arguments.set)
    return sections


def run_line(line: Line, arguments: argparse.Namespace, log: IO[str]) -> dict[str, Any] | None:
    """Run a line's study; null if it failed, of which `log` says why."""
    with tempfile.TemporaryDirectory() as name, serve(line.teacher, arguments.teacher, log) as url:
        folder = Path(name)
        copy_project(folder)
        (folder / "prompts" / "task.md").write_text(PROMPTS[line.sections["task"]["kind"]], encoding="utf-8")
        lines = (f"{json.dumps(row, ensure_ascii=False)}\n" for row in line.rows)
        (folder / "corpus" / "task.jsonl").write_text("".join(lines), encoding="utf-8")
        line.sections["runtime"] = {"base_url": url}
        write_params(folder, line.sections)
        if not run_study(folder, "benchmark", log):
            return None
        return read_result(line, folder / "metrics")


def read_result(line: Line, metrics: Path) -> dict[str, Any]:
    """What a study came to."""
    train, quality, export = (read_details(metrics / f"{stage}.json") for stage in ("train", "quality", "export"))
    return {
        "line": line.name,
        "rows": train["rows"],
        "seconds": train["seconds"],
        "chosen": train["rung"],
        "score": quality["score"],
        "served": quality["served"],
        "int8_agreement": export.get("int8", {}).get("agreement_with_fp32"),
        "times_pipeline": read_metrics(metrics / "speed.json").get("times_pipeline"),
        "systems": {
            name: {end: found.get(f"{quality['score']}{end}") for end in ("", "_low", "_high")}
            for name, found in quality["systems"].items()
        },
        "ladder": train["ladder"],
    }


def format_table(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The scores of all systems with their intervals, as Markdown."""
    names = list(dict.fromkeys(name for result in results for name in result["systems"]))
    yield f"| line | rung | {' | '.join(names)} | int8 x pipeline | seconds of training |"
    yield f"|{' --- |' * 2}{' ---: |' * (len(names) + 2)}"
    for result in results:
        cells = [format_score(result["systems"].get(name)) for name in names]
        times = "" if result["times_pipeline"] is None else f"{result['times_pipeline']:.1f}"
        yield f"| {result['line']} | {result['chosen']} | {' | '.join(cells)} | {times} | {result['seconds']:.0f} |"


def format_score(found: dict[str, float | None] | None) -> str:
    """A score with its interval."""
    if not found or found[""] is None:
        return ""
    interval = "" if found["_low"] is None else f" [{found['_low']:.3f}, {found['_high']:.3f}]"
    return f"{found['']:.3f}{interval}"


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", type=Path, help="folder of jsonl files")
    parser.add_argument("--teacher", type=Path, required=True, help="program that serves a file's labels")
    parser.add_argument("--rates", type=float, nargs="+", default=RATES, help="shares of right answers")
    parser.add_argument("--rows", type=int, help="training texts; all of them without")
    parser.add_argument("--votes", type=int, default=1)
    parser.add_argument("--vote-noise", type=float, default=0.0)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="in all lines")
    parser.add_argument("--only", nargs="+", default=["*"], metavar="PATTERN", help="lines by name")
    parser.add_argument("--keep", type=Path, help="folder for what each line came to")
    parser.add_argument("--list", action="store_true", help="print the names of the lines, and run none")
    return parser.parse_args()


def main() -> None:
    """Run the lines, or what is left of them, and print the table."""
    arguments = read_arguments()
    lines = list(list_lines(arguments))
    if arguments.list or not lines:
        sys.exit("\n".join(line.name for line in lines) or "no line has such a name; see --list")
    keep = arguments.keep or Path(tempfile.mkdtemp())
    keep.mkdir(parents=True, exist_ok=True)
    results = []
    for line in lines:
        path = keep / f"{line.name.replace(' ', '_').replace(os.sep, '_')}.json"
        if not path.exists():
            with path.with_suffix(".log").open("w", encoding="utf-8") as log:
                found = run_line(line, arguments, log)
            if found is None:
                print(f"{line.name} failed; {path.with_suffix('.log')} says why", flush=True)
                continue
            path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        results.append(json.loads(path.read_text(encoding="utf-8")))
        print(f"{line.name}: {results[-1]['chosen']}, done", flush=True)
    print("", *format_table(results), sep="\n")
    if len(results) < len(lines):
        sys.exit(f"{len(lines) - len(results)} lines failed")


if __name__ == "__main__":
    main()
