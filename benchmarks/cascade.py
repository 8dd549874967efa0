"""What a certified threshold is worth: how often its target is missed, and how many calls of the teacher it saves.

    python benchmarks/cascade.py ../shared/data/tasks/*.csv --teacher ../shared/tools/erring_teacher.py --keep ../kept
    python benchmarks/cascade.py reviews.csv ... --accuracies 0.94 --targets agreement=0.9 accuracy=0.92 --draws 200

A file is a task: text and gold, in csv, or in jsonl with gold as a list of labels or of spans. Of its rows two fifths,
by the hash of the text, train one student by the pipeline, on the labels of a teacher that errs at a stated rate; all
others are held out. The teacher is a program as `benchmarks/tasks.py` has it.

Then the held-out rows are divided 200 times by lot: on a part of them, `--calibration` of all, a threshold is chosen as
`export` does it, and all others are the truth: a draw misses its target where the cascade's mean on those others falls
short of it. Both parts come from one finite pool without replacement, so that where the calibration rows flatter, the
others do the reverse, and the others are no infinite number. That makes misses more frequent than the stated risk,
which is of all texts like these: at a fifth of the pool, 5 % become 7 % at worst (by normal approximation: 1.645
standard errors of the part are 1.645 / sqrt(1 + 1 / 4) of the difference of the two). Misses of the whole pool, which
is what the part was drawn from, are told beside. p is the chance of so many misses or more, if each draw missed with
the stated risk.

The last column is the largest share of the pool that could be kept with the cascade as accurate as the teacher alone:
the calls that are saved at equal accuracy, by a threshold that nobody had to certify.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.sets_and_spans import FORMS, PRESETS, PROMPTS  # noqa: E402
from benchmarks.study_copy import Sections, copy_project, read_preset, run_study, write_params  # noqa: E402
from benchmarks.tasks import PROMPT, make_sections, serve  # noqa: E402
from distil.classifiers.canonical import load_softener, load_writer  # noqa: E402
from distil.classifiers.opening import open_onnx  # noqa: E402
from distil.core.ids import text_id  # noqa: E402
from distil.core.params import Kind  # noqa: E402
from distil.core.served import read_default_file  # noqa: E402
from distil.core.tables import LABELS, TEST, TRAIN, read_rows  # noqa: E402
from distil.export.selective import fit_temperature  # noqa: E402
from distil.selective.coverage import measure_area  # noqa: E402
from distil.selective.params import Target  # noqa: E402
from distil.selective.threshold import GRID, Calibrated, Starts, choose_threshold, place_starts  # noqa: E402

TRAINED = 0.4  # of the rows
TARGETS = ("agreement=0.85", "agreement=0.9", "agreement=0.95", "accuracy=0.85", "accuracy=0.9", "accuracy=0.93")
ROW = "| {} | " + " | ".join(["{}"] * 8) + " |"
HEADINGS = (
    "task, teacher",
    "target",
    "rows",
    "found",
    "missed",
    "p",
    "missed of pool",
    "kept",
    "kept at equal accuracy",
)
Bools = NDArray[np.bool_]


class Pool(NamedTuple):
    """The held-out rows: sureness of the student, and whether it and the teacher have gold, or the student the teacher.

    `starts` come from validation rows.
    """

    sureness: NDArray[np.float64]
    student_gold: Bools
    teacher_gold: Bools
    agree: Bools
    labelled: Bools  # by the teacher
    starts: Starts


@dataclass(frozen=True)
class Line:
    """A task, and the rate at which its teacher is right."""

    path: Path
    accuracy: float

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"{self.path.stem}_{self.accuracy:g}"


def make_study(line: Line, folder: Path, rung: str) -> Sections:
    """Write the study's files but params.yaml; returns its sections."""
    copy_project(folder)
    rows = read_task(line.path)
    first = next((gold for gold in rows["gold"] if len(gold)), "")
    kind: Kind = "classification"
    if not isinstance(first, str):
        kind = "token_classification" if isinstance(first[0], dict) else "multi_label"
    ids = rows["text"].map(text_id)
    trained = set(sorted(set(ids))[: round(TRAINED * ids.nunique())])
    rows["split"] = np.where(ids.isin(trained), "train", "test")
    if kind == "classification":
        sections = make_sections(line.path.stem, sorted(set(rows["gold"])), 1)
        rows.to_csv(folder / "corpus" / "task.csv", index=False)
        (folder / "prompts" / "task.md").write_text(PROMPT, encoding="utf-8")
    else:
        sections = make_listed_sections(line.path.stem, kind, rows)
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows.to_dict("records"))
        (folder / "corpus" / "task.jsonl").write_text("".join(lines), encoding="utf-8")
        (folder / "prompts" / "task.md").write_text(PROMPTS[kind], encoding="utf-8")
    sections["train"]["rung"] = rung
    return sections


def read_task(path: Path) -> pd.DataFrame:
    """The texts and their gold."""
    if path.suffix == ".csv":
        return pd.read_csv(path, dtype=str, keep_default_na=False)[["text", "gold"]]
    return pd.DataFrame(map(json.loads, path.read_text(encoding="utf-8").splitlines()))[["text", "gold"]]


def make_listed_sections(name: str, kind: Kind, rows: pd.DataFrame) -> Sections:
    """The parameters of a task of several labels, or of spans."""
    listed = [one for gold in rows["gold"] for one in gold]
    labels = sorted({one["label"] if isinstance(one, dict) else one for one in listed})
    base = read_preset(PRESETS[kind])
    sections = make_sections(name, labels, 1)
    sections["task"]["kind"] = kind
    sections["fetch"]["files"] = ["task.jsonl"]
    sections["annotate"]["max_tokens"] = base["annotate"]["max_tokens"]
    return sections


def run_line(line: Line, folder: Path, arguments: argparse.Namespace) -> bool:
    """Train and export the line's student, if it is not there yet; whether it is there then."""
    if (folder / "metrics" / "export.json").exists() and (folder / "models" / "onnx").exists():
        return True
    folder.mkdir(parents=True, exist_ok=True)
    sections = make_study(line, folder, arguments.rung)
    form = ("--form", FORMS[sections["task"]["kind"]]) if sections["task"].get("kind") in FORMS else ()
    skill = ("--accuracy", str(line.accuracy), "--confusion", arguments.confusion, *form)
    with (
        name_log(folder).open("w", encoding="utf-8") as log,
        serve(("--data", str(line.path.resolve()), *skill), arguments.teacher, log) as url,
    ):
        sections["runtime"] = {"base_url": url}
        write_params(folder, sections)
        return run_study(folder, "export", log)


def name_log(folder: Path) -> Path:
    """What the study in a folder prints."""
    return folder.with_name(f"{folder.name}.log")


def read_pool(folder: Path) -> Pool:
    """What the student of a study says of the held-out rows, with a temperature of its own validation rows."""
    file = read_default_file(folder / "metrics" / "export.json")
    student = open_onnx(folder / "models" / "onnx", file, device="cpu")
    validation = read_rows(folder / "data" / "validation.parquet", TRAIN)
    fit_temperature(student, validation, load_softener(student.kind))
    test = read_rows(folder / "data" / "test.parquet", TEST)
    taught = read_rows(folder / "data" / "labels.parquet", LABELS).set_index("id")["teacher_label"].reindex(test["id"])
    said, sureness = student.predict_with_sureness(test["text"].to_list())
    write = load_writer(student.kind)
    own = np.array([write(one) for one in said], dtype=object)
    gold, teacher = test["gold"].to_numpy(dtype=object), taught.to_numpy(dtype=object)
    starts = place_starts(student.predict_with_sureness(validation["text"].to_list())[1])
    marks = (np.asarray(one == two, dtype=bool) for one, two in ((own, gold), (teacher, gold), (own, teacher)))
    return Pool(sureness, *marks, taught.notna().to_numpy(), starts)


class Drawn(NamedTuple):
    """What became of all draws of a line and a target."""

    found: int
    missed: int
    missed_of_pool: int
    kept: float
    rows: int
    why: str


def draw(pool: Pool, target: Target, share: float, risk: float, draws: int) -> Drawn:
    """Divide the pool so many times, choose a threshold on one part, and look at the other."""
    rng = np.random.default_rng(0)
    if target.name == "agreement":
        usable, student = np.flatnonzero(pool.labelled), pool.agree
        teacher = np.ones(len(student), dtype=bool)
    else:
        usable, student, teacher = np.arange(len(pool.sureness)), pool.student_gold, pool.teacher_gold
    rows = round(share * len(usable))
    found, missed, of_pool, kept, why = 0, 0, 0, [], ""
    for _ in range(draws):
        order = rng.permutation(usable)
        part, rest = order[:rows], order[rows:]
        calibrated = Calibrated(pool.sureness[part], student[part], teacher[part])
        chosen = choose_threshold(calibrated, target, 1 - target.value, risk, pool.starts)
        if chosen.threshold is None:
            why = chosen.why
            continue
        keeps = pool.sureness >= chosen.threshold
        right = np.where(keeps, student, teacher)
        found += 1
        missed += bool(right[rest].mean() < target.value)
        of_pool += bool(right[usable].mean() < target.value)
        kept.append(float(keeps[rest].mean()))
    return Drawn(found, missed, of_pool, float(np.mean(kept)) if kept else 0.0, rows, why)


def find_saved(pool: Pool) -> float:
    """The largest share of the pool that may be kept with the cascade no worse than the teacher, by gold."""
    keeps = pool.sureness >= GRID[:, None]
    right = np.where(keeps, pool.student_gold, pool.teacher_gold).mean(axis=1)
    return float(keeps.mean(axis=1)[right >= pool.teacher_gold.mean()].max(initial=0))


def tell(name: str, pool: Pool, arguments: argparse.Namespace) -> Iterator[str]:
    """The lines of the table of one study."""
    for given in arguments.targets:
        what, _, value = given.partition("=")
        found = draw(pool, Target(what, float(value)), arguments.calibration, arguments.risk, arguments.draws)
        p_value = binomtest(found.missed, arguments.draws, arguments.risk, alternative="greater").pvalue
        cells = (
            f"{what} {float(value):.0%}",
            found.rows,
            f"{found.found / arguments.draws:.0%}",
            f"{found.missed / arguments.draws:.1%}",
            f"{p_value:.2g}",
            f"{found.missed_of_pool / arguments.draws:.1%}",
            f"{found.kept:.0%}" if found.found else f"none: {found.why}",
            f"{find_saved(pool):.0%}",
        )
        yield ROW.format(name, *cells)


def describe_pool(name: str, pool: Pool) -> str:
    """What student and teacher are worth on the pool."""
    area = measure_area(pool.sureness, pool.student_gold)
    return (
        f"{name}: {len(pool.sureness):,} held-out rows; student {pool.student_gold.mean():.3f}, teacher "
        f"{pool.teacher_gold.mean():.3f}, agreement {pool.agree[pool.labelled].mean():.3f}; area {area:.3f}"
    )


def read_arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", type=Path, nargs="+", help="csv or jsonl files with text and gold")
    parser.add_argument("--teacher", type=Path, required=True, help="program that serves a file's labels")
    parser.add_argument("--accuracies", type=float, nargs="+", default=(0.94, 0.85))
    parser.add_argument("--confusion", choices=("near", "uniform"), default="near")
    parser.add_argument("--rung", default="frozen", help="train.rung: frozen is quick, auto what a study has")
    parser.add_argument("--targets", nargs="+", default=TARGETS, metavar="NAME=VALUE", help="agreement or accuracy")
    parser.add_argument("--risk", type=float, default=0.05)
    parser.add_argument("--calibration", type=float, default=0.2, help="share of the held-out rows")
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--keep", type=Path, required=True, help="folder of the studies, each of which is run once")
    return parser.parse_args(given)


def main() -> None:
    """Run the studies that are not there, and print the table."""
    arguments = read_arguments()
    lines = [Line(path, accuracy) for accuracy in arguments.accuracies for path in arguments.tasks]
    pools = {}
    for line in lines:
        folder = arguments.keep / line.name
        if not run_line(line, folder, arguments):
            sys.exit(f"{line.name} failed; {name_log(folder)} says why")
        pools[line.name] = read_pool(folder)
        print(describe_pool(line.name, pools[line.name]), flush=True)
    print("", ROW.format(*HEADINGS), ROW.format(*["---"] * len(HEADINGS)), sep="\n")
    told = partial(tell, arguments=arguments)
    for name, pool in pools.items():
        print(*told(name, pool), sep="\n", flush=True)


if __name__ == "__main__":
    main()
