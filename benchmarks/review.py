"""What an hour of reading is worth: do the intervals hold, how wide are they, and what does the repair queue find?

    python benchmarks/review.py --recorded ../shared/data --tasks ../shared/data/tasks/banking77.csv \
        --sets ../shared/data/tasks/goemotions.jsonl --teacher ../shared/tools/erring_teacher.py

Readers are simulated by people's labels (gold). Each study is run up to aggregate, in a copy of this project: the
recorded one, and those of files with the columns text, gold and split, whose teacher errs at a stated rate
(`benchmarks/tasks.py`) and votes three times. The student is a linear head on the frozen encoder, which learns from the
teacher's labels.

Audit: so many draws of so many rows, each with other lots; the truth is the share of all texts on which the teacher, or
the student, which has not seen the text (cross-fitting), is right. As the second opinion count a fifth of the texts,
drawn anew each time, on which student and teacher are compared. Queue: of the texts that train, those that the queue
ranks first, by a student that was trained on them; their share of errors is divided by that of all texts. Repair: a
head is trained again with that many labels set right, by the method that held-out labels prefer then, as the frozen
student chooses it, and scored on the test rows, beside as many rows drawn at random. `--draws 0` leaves the audits out.

Of sets and spans (`--sets`, files as `benchmarks/sets_and_spans.py` has them) there is no student here: audited is the
teacher, by the share of texts with just the right labels and by micro F1, whose truth is that of all texts.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.sets_and_spans import FORMS, PROMPTS  # noqa: E402
from benchmarks.sets_and_spans import make_sections as make_sections_of_sets  # noqa: E402
from benchmarks.study_copy import copy_project, read_recorded_preset, run_study, write_params  # noqa: E402
from benchmarks.tasks import PROMPT, make_sections, serve  # noqa: E402
from distil.assets.references import resolve  # noqa: E402
from distil.audit.estimates import Estimate, Known, Ratio, Sample, estimate_ratio, estimate_share, number_strata  # noqa: E402
from distil.audit.measuring import count_decisions  # noqa: E402
from distil.core.ids import text_sha  # noqa: E402
from distil.core.tables import LABELS, TEXTS, read_rows  # noqa: E402
from distil.encoders.torch_model import TorchEncoder  # noqa: E402
from distil.kinds.classification.learning.label_noise import find_suspects  # noqa: E402
from distil.labels.near_duplicates import find_clusters  # noqa: E402
from distil.linear.folds import draw_folds  # noqa: E402
from distil.linear.probe import (  # noqa: E402
    DISCRIMINANT,
    LOGISTIC,
    Method,
    fit_probe,
    list_suitable,
    validate_probe,
)
from distil.quality.judging import JudgeForm, load_judging  # noqa: E402
from distil.review.drawing import cast_lots, draw_audit, find_reserve  # noqa: E402
from distil.review.queueing import rank_suspicious  # noqa: E402

HEAD = Method("discriminant analysis", 0.6)
SECOND_SHARE = 0.2
FOLDS = 5
DRAWS_BY_LOT = 3
SYSTEMS = ("teacher", "student")
WAYS = ("simple", "simple, powered", "stratified", "stratified, powered")
Floats = NDArray[Any]


class Study(NamedTuple):
    """A study's texts by id (text, text_sha, gold, split, label, consent), and what its encoder says of them."""

    name: str
    rows: pd.DataFrame
    vectors: Floats
    labels: list[str]
    form: JudgeForm

    @property
    def numbers(self) -> NDArray[np.intp]:
        """The teacher's label of each text, by its number; a text without one counts as the first."""
        return np.asarray(pd.Index(self.labels).get_indexer(self.rows["label"].fillna(self.labels[0])), dtype=np.intp)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recorded", type=Path, help="folder of the recorded study's files")
    parser.add_argument("--tasks", type=Path, nargs="*", default=[], help="csv files: text, gold, split")
    parser.add_argument("--sets", type=Path, nargs="*", default=[], help="jsonl files: text, gold (a list), split")
    parser.add_argument("--teacher", type=Path, help="program that plays the teacher of these")
    parser.add_argument("--accuracy", default="0.94", help="of that teacher")
    parser.add_argument("--vote-noise", default="0.1")
    parser.add_argument("--rows", type=int, default=200, help="of an audit")
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument(
        "--queue", type=int, nargs="*", default=[50, 150], help="rows of the queue; the last is repaired"
    )
    return parser.parse_args()


def label_studies(arguments: argparse.Namespace) -> Iterator[Study]:
    """Run each study up to its labels."""
    if arguments.recorded:
        sections = read_recorded_preset(arguments.recorded)
        yield label_study("phrasebank, recorded", sections, {}, [], arguments)
    for path in arguments.tasks:
        corpus = pd.read_csv(path, dtype=str, keep_default_na=False)
        sections = make_sections(path.stem, sorted(set(corpus["gold"])), 3)
        files = {"prompts/task.md": PROMPT, "corpus/task.csv": corpus.to_csv(index=False)}
        yield label_study(f"{path.stem}, {arguments.accuracy}", sections, files, describe(path, arguments), arguments)


def label_sets(arguments: argparse.Namespace) -> Iterator[Study]:
    """Run each study of sets or spans up to its labels."""
    for path in arguments.sets:
        text = path.read_text(encoding="utf-8")
        rows = [json.loads(line) for line in text.splitlines()]
        has_spans = any(isinstance(one, dict) for row in rows for one in row["gold"])
        kind = "token_classification" if has_spans else "multi_label"
        sections = make_sections_of_sets(path.stem, kind, rows, argparse.Namespace(votes=3, set=[]))
        given = [*describe(path, arguments), "--form", FORMS[kind]]
        files = {"prompts/task.md": PROMPTS[kind], "corpus/task.jsonl": text}
        yield label_study(f"{path.stem}, {arguments.accuracy}", sections, files, given, arguments, encode=False)


def describe(path: Path, arguments: argparse.Namespace) -> list[str]:
    """The teacher's arguments."""
    return ["--data", str(path), "--accuracy", arguments.accuracy, "--vote-noise", arguments.vote_noise]


def label_study(
    name: str,
    sections: dict[str, Any],
    files: dict[str, str],
    given: list[str],
    arguments: argparse.Namespace,
    *,
    encode: bool = True,
) -> Study:
    """Run a study in a copy of the project, which gets the files beside, and have its texts encoded."""
    with (
        tempfile.TemporaryDirectory() as place,
        (Path(place) / "log").open("w") as log,
        serve(given, arguments.teacher, log) as url,
    ):
        folder = Path(place) / "study"
        folder.mkdir()
        copy_project(folder)
        for place_of_file, text in files.items():
            (folder / place_of_file).write_text(text, encoding="utf-8")
        if files:
            sections["runtime"] = {"base_url": url}
        write_params(folder, sections)
        if not run_study(folder, "aggregate", log):
            sys.exit(f"{name} failed: {(Path(place) / 'log').read_text()[-2000:]}")
        texts = read_rows(folder / "data/texts.parquet", TEXTS).set_index("id")
        told = read_rows(folder / "data/labels.parquet", LABELS).set_index("id")
        vectors = np.zeros((len(texts), 0), dtype=np.float32)
        if encode:
            encoder = TorchEncoder(resolve(sections["train"]["base"], folder / "assets.txt"), "cpu")
            vectors = np.asarray(encoder.encode(texts["text"].to_list()), dtype=np.float32)
    form = load_judging(sections["task"].get("kind", "classification"))
    rows = texts.assign(
        text_sha=[text_sha(text) for text in texts["text"]],
        label=told["teacher_label"].reindex(texts.index),
        consent=told["soft"].reindex(texts.index).map(form.measure_consent, na_action="ignore"),
    )
    return Study(name, rows, vectors, list(sections["task"]["labels"]), form)


def hold_out(study: Study) -> Floats:
    """Probabilities of heads that have not seen the text, of shape (texts, labels)."""
    shares = np.zeros((len(study.rows), len(study.labels)))
    for inside, outside in draw_folds(study.numbers, FOLDS, 0):
        head = fit_probe(study.vectors[inside], study.numbers[inside], len(study.labels), HEAD)
        shares[outside] = head.predict_proba(study.vectors[outside])
    return shares


def audit(study: Study, arguments: argparse.Namespace) -> list[str]:
    """Draw many audits, and set the intervals of each way beside the truth."""
    rows = study.rows
    student = pd.Series(np.array(study.labels)[hold_out(study).argmax(axis=1)], index=rows.index)
    right = {
        "teacher": (rows["label"] == rows["gold"]).astype(float),
        "student": (student == rows["gold"]).astype(float),
    }
    same = ((rows["label"] == student) & rows["label"].notna()).astype(float)
    found: dict[tuple[str, str], list[Estimate]] = {(system, way): [] for system in SYSTEMS for way in WAYS}
    for seed in range(arguments.draws):
        samples = draw_samples(rows, arguments.rows, seed)
        of_test = same[np.random.default_rng(seed).random(len(rows)) < SECOND_SHARE]
        for system in SYSTEMS:
            for way, (ids, strata, texts) in samples.items():
                sample = Sample(right[system][ids].to_numpy(), strata, texts)
                mean = float(of_test.mean())
                known = Known(same[ids].to_numpy(), mean, mean * (1 - mean) / len(of_test))
                whole = system == "teacher"
                found[system, way].append(estimate_share(sample, all_texts=whole))
                found[system, f"{way}, powered"].append(estimate_share(sample, [known], all_texts=whole))
    return [tell_way(study, system, way, found, float(right[system].mean())) for system in SYSTEMS for way in WAYS]


def draw_samples(rows: pd.DataFrame, count: int, seed: int) -> dict[str, tuple[pd.Index, Any, Any]]:
    """So many rows simply at random, and as an audit draws them: ids, number of the stratum, sizes of the strata."""
    frame = rows.assign(lot=cast_lots(rows.index, seed))[["text_sha", "label", "consent", "lot"]]
    drawn = draw_audit(frame, [], count, find_reserve(count, len(rows), np.array([])), seed, 1)
    simple = frame["lot"].sort_values().index[:count]
    strata = number_strata([row.stratum for row in drawn], [row.stratum_texts for row in drawn])
    return {
        "simple": (simple, np.zeros(len(simple), np.int64), np.array([len(rows)])),
        "stratified": (pd.Index([row.id for row in drawn]), *strata),
    }


def audit_sets(study: Study, arguments: argparse.Namespace) -> list[str]:
    """Draw many audits of a teacher of sets or spans: the share of texts that are just right, and micro F1."""
    rows = study.rows
    right = (rows["label"] == rows["gold"]).astype(float)
    said = [label if isinstance(label, str) else None for label in rows["label"]]
    counted = [count_decisions(known, told, study.form) for known, told in zip(rows["gold"], said, strict=True)]
    counts = pd.DataFrame(counted, index=rows.index, columns=["right", "all"], dtype=float)
    found: dict[tuple[str, str], list[Estimate | Ratio]] = {}
    for seed in range(arguments.draws):
        for way, (ids, strata, texts) in draw_samples(rows, arguments.rows, seed).items():
            share = estimate_share(Sample(right[ids].to_numpy(), strata, texts))
            doubled = Sample(2 * counts["right"][ids].to_numpy(), strata, texts)
            f1 = estimate_ratio(doubled, counts["all"][ids].to_numpy())
            found.setdefault(("teacher's exact match", way), []).append(share)
            found.setdefault(("teacher's micro F1", way), []).extend([f1] if f1 else [])
    truths = {
        "teacher's exact match": float(right.mean()),
        "teacher's micro F1": 2 * counts["right"].sum() / counts["all"].sum(),
    }
    return [tell_way(study, score, way, found, truths[score]) for score in truths for way in ("simple", "stratified")]


def tell_way(
    study: Study, system: str, way: str, found: Mapping[tuple[str, str], Sequence[Estimate | Ratio]], truth: float
) -> str:
    """A line of the table."""
    estimates = found[system, way]
    covered = np.mean([each.low <= truth <= each.high for each in estimates])
    width, simple = (
        float(np.mean([each.high - each.low for each in of])) for of in (estimates, found[system, WAYS[0]])
    )
    off = float(np.mean([each.value for each in estimates])) - truth
    return (
        f"| {study.name} | {system}, {truth:.1%} | {way} | {covered:.1%} | {100 * width:.1f} | {width / simple:.2f} "
        f"| {100 * off:+.2f} |"
    )


def repair(study: Study, arguments: argparse.Namespace) -> list[str]:
    """What the queue finds, and what it is worth to set right what it begins with."""
    trains = (study.rows["split"] != "test") & study.rows["label"].notna()
    rows = study.rows[trains]
    part = study._replace(rows=rows, vectors=study.vectors[trains.to_numpy()])
    shares = hold_out(part)
    suspected = find_suspects(rows.assign(source="teacher"), part.numbers, shares)
    own = shares[np.arange(len(rows)), part.numbers]
    sure = fit_probe(part.vectors, part.numbers, len(part.labels), HEAD).predict_proba(part.vectors)
    names = np.array(part.labels)
    frame = rows.assign(
        lot=cast_lots(rows.index, 0),
        student_label=names[sure.argmax(axis=1)],
        student_sure=sure.max(axis=1),
        suggested=pd.Series(names[shares.argmax(axis=1)], index=rows.index).where(suspected),
        quality=pd.Series(own, index=rows.index).where(suspected),
        cluster=find_clusters(rows["text"].to_list()),
    )
    frame = frame[frame["lot"] >= find_reserve(arguments.rows, len(rows), np.array([]))]
    ranked = rank_suspicious(frame).index
    wrong = rows["label"] != rows["gold"]
    base = float(wrong.mean())
    lifts = [
        f"{wrong[ranked[:count]].mean():.1%} ({wrong[ranked[:count]].mean() / base:.1f} x)" for count in arguments.queue
    ]
    count = arguments.queue[-1]

    def mend(chosen: pd.Index) -> Floats:
        return score(study, part, rows["label"].mask(rows.index.isin(chosen), rows["gold"]))

    before, after = mend(rows.index[:0]), mend(ranked[:count])
    others = np.mean([mend(rows.sample(count, random_state=seed).index) for seed in range(DRAWS_BY_LOT)], axis=0)
    return [
        f"| {study.name} | {base:.1%} | {' | '.join(lifts)} | {before.mean():.1%} | {tell_gain(after - before)} "
        f"| {tell_gain(others - before)} |"
    ]


def score(study: Study, part: Study, labels: pd.Series) -> Floats:
    """Whether a head that learnt these labels, by the method they prefer, is right on each of the test rows."""
    numbers = np.asarray(pd.Index(part.labels).get_indexer(labels), dtype=np.intp)
    folds = draw_folds(numbers, FOLDS, 0)
    methods = list_suitable([*LOGISTIC, *DISCRIMINANT], numbers, folds, True)
    method = validate_probe(part.vectors, numbers, len(part.labels), folds, methods).method
    print(f"{study.name}: {method}", file=sys.stderr)
    head = fit_probe(part.vectors, numbers, len(part.labels), method)
    tests = (study.rows["split"] == "test").to_numpy()
    said = np.array(part.labels)[head.decide(study.vectors[tests]).argmax(axis=1)]
    return (said == study.rows["gold"][tests].to_numpy()).astype(float)


def tell_gain(gains: Floats) -> str:
    """The mean in points with its paired bootstrap interval over test rows."""
    rng = np.random.default_rng(0)
    means = [gains[rng.integers(0, len(gains), len(gains))].mean() for _ in range(2000)]
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{100 * gains.mean():+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"


def main() -> None:
    """Print both tables."""
    arguments = read_arguments()
    audits, repairs = [], []
    for study in label_studies(arguments):
        repairs += repair(study, arguments)
        audits += audit(study, arguments) if arguments.draws else []
    for study in label_sets(arguments):
        audits += audit_sets(study, arguments)
    print("| study | share that is right | way | covered | width, points | of simple | off, points |")
    print("|---|---|---|---:|---:|---:|---:|", *audits, "", sep="\n")
    lifts = " | ".join(f"of the first {count}" for count in arguments.queue)
    print(f"| study | wrong of all | {lifts} | student | {arguments.queue[-1]} of the queue | as many by lot |")
    print(f"|---|---:|{'---:|' * (len(arguments.queue) + 3)}", *repairs, sep="\n")


if __name__ == "__main__":
    main()
