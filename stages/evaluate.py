"""Evaluate: score teacher, student and baselines on the same test rows.

Rows are joined on id, and scored by people's labels (gold); where no test row has any, by the teacher's. A teacher that
abstained is wrong. Of several teachers it is also told how often they err together, and whether one is better alone.
The baselines are trained here, on the student's training rows, and kept for `benchmark`; one more, `few_shot`, on a few
rows outside test that people labelled. Where the student falls short of a baseline or by much of its teacher, or pooled
teachers of one of them, that is among the metrics and printed.
docs/evaluate.md says what each figure means.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from pydantic import Field

from distil.classifiers.systems import load_students, train_baselines
from distil.core.command import run
from distil.core.errors import InputError
from distil.core.metrics import write_csv, write_metrics
from distil.core.params import Number, Params, TaskParams, load_params
from distil.core.runtime import RuntimeParams
from distil.core.served import PRECISIONS, read_served
from distil.core.tables import ANNOTATIONS, LABELS, PREDICTIONS, TEST, TEXTS, TRAIN, read_labelled, write_rows
from distil.encoders.reading import measure_cut
from distil.encoders.torch_model import load_tokenizer, use_threads
from distil.linear.baselines import make_baselines
from distil.linear.trained_files import write_trained
from distil.quality.asking import Rows, ask_all
from distil.quality.bootstrap import Bootstrap
from distil.quality.comparison import TEACHER, Comparison, Scoring, score_systems
from distil.quality.few_shot import draw_few_shot
from distil.quality.headline import pick_accuracy, pick_macro_f1
from distil.quality.notes import note_cut, note_few_shot
from distil.quality.pooling import describe_teachers, find_pooling_shortfall
from distil.quality.shared_errors import describe_pairs
from distil.quality.shortfalls import find_shortfalls
from distil.quality.summary import summarise_all
from distil.quality.tables import list_calibration, list_confusions, list_predictions, list_scores


class EvaluateParams(Params):
    """The encoder and the rows of the baselines, and how scores are reckoned."""

    embeddings: str = Field(min_length=1)
    bootstrap_samples: int = Field(default=2000, ge=100)
    confidence: Number = Field(default=0.95, gt=0, lt=1)  # of all intervals
    teacher_margin: Number = Field(default=0.05, ge=0, lt=1)  # accuracy that a student may be behind, unwarned
    few_shot_per_label: int = Field(default=16, ge=0)
    calibration_bins: int = Field(default=15, ge=1)  # of equal width, for the expected calibration error
    seed: int = Field(default=0, ge=0, lt=2**31)


def main(
    student: Annotated[Path, "folder: the student as transformers saves it"],
    onnx: Annotated[Path, "folder: the student as the Hub's tools open it, with ONNX files"],
    export: Annotated[Path, "json of export: which of its files is the one to use"],
    train: Annotated[Path, "table: texts and labels to train on"],
    test: Annotated[Path, "table: texts to score on, with people's label where there is one"],
    texts: Annotated[Path, "table: one row a text, with people's label where there is one"],
    labels: Annotated[Path, "table: the teacher's label of each text, and the votes' shares"],
    annotations: Annotated[Path, "table: one row a text, teacher and vote"],
    assets: Annotated[Path, "packages that hold models or data, pinned by hash"],
    metrics: Annotated[Path, "json: the accuracies that one compares, and all scores"],
    macro_f1: Annotated[Path, "json: macro F1 of the systems that one compares"],
    confusion: Annotated[Path, "csv: the served student's label beside the known one"],
    scores: Annotated[Path, "csv: each system's accuracy"],
    calibration: Annotated[Path, "csv: how often each system is right that is so sure"],
    predictions: Annotated[Path, "table: what each system says of each test text"],
    baselines: Annotated[Path, "file: the trained baselines, to be timed"],
) -> None:
    """Write the scores, what is plotted to csv files, every answer, and the trained baselines."""
    params = load_params("evaluate", EvaluateParams)
    names = load_params("task", TaskParams).labels
    runtime = load_params("runtime", RuntimeParams)
    use_threads(runtime.threads)
    rows = read_rows_to_score(test, labels, annotations, names)
    few = draw_few(texts, rows, names, params)
    systems = load_students(student, onnx, served := read_served(export), runtime)
    timed = make_baselines(names, params.embeddings, assets, runtime.device)
    systems |= train_baselines(timed, read_labelled(train, TRAIN, "label", names), few, names)
    write_trained(baselines, timed)
    comparison, scoring = ask_all(systems, rows, names), make_scoring(params, names)
    found = score_systems(comparison, scoring)
    notes = note_few_shot(few, names, params.few_shot_per_label) + note_unread(student, rows.test["text"].tolist())
    summary = summarise_all(comparison, found, rows, names, served, params.confidence, notes)
    summary["warnings"] = list_warnings(comparison, scoring, params, summary)
    write_rows(predictions, PREDICTIONS, list_predictions(rows.test["id"], comparison))
    write_csv(confusion, list_confusions(comparison, served))
    write_csv(scores, list_scores(comparison, found))
    write_csv(calibration, list_calibration(comparison, scoring))
    write_metrics(macro_f1, pick_macro_f1(summary))
    tell(summary, metrics)


def read_rows_to_score(test: Path, labels: Path, annotations: Path, names: Sequence[str]) -> Rows:
    """Read the test rows and what the teacher said of them; raises `InputError` if there are none."""
    rows = read_labelled(test, TEST, "gold", names)
    if rows.empty:
        raise InputError(f"{test} has no rows, so there is nothing to score; raise split.test_share in params.yaml")
    decided = read_labelled(labels, LABELS, "teacher_label", names).set_index("id").reindex(rows["id"])
    return Rows(rows, decided, read_labelled(annotations, ANNOTATIONS, "label", names))


def draw_few(texts: Path, rows: Rows, names: Sequence[str], params: EvaluateParams) -> pd.DataFrame:
    """The rows of the baseline that learns from people's few labels, of which none is scored."""
    people = read_labelled(texts, TEXTS, "gold", names)
    return draw_few_shot(people, rows.test["id"], names, params.few_shot_per_label, params.seed)


def note_unread(student: Path, texts: Sequence[str]) -> list[str]:
    """What the student does not read of the test texts, in words."""
    tokenizer = load_tokenizer(student)
    max_length = tokenizer.model_max_length
    return note_cut(measure_cut(tokenizer, texts, max_length), len(texts), max_length)


def make_scoring(params: EvaluateParams, names: Sequence[str]) -> Scoring:
    """How scores and their intervals are reckoned."""
    bootstrap = Bootstrap(params.bootstrap_samples, params.confidence, params.seed)
    return Scoring(names, params.calibration_bins, bootstrap)


def list_warnings(
    comparison: Comparison, scoring: Scoring, params: EvaluateParams, summary: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Where the student falls short, and where pooled teachers do of one of them."""
    short = find_shortfalls(comparison, summary["served"], scoring.bootstrap, params.teacher_margin)
    return short + find_pooling_shortfall(summary.get("teachers"), params.confidence)


def tell(summary: Mapping[str, Any], metrics: Path) -> None:
    """Write and print the scores, and on stderr where the student falls short."""
    write_metrics(metrics, pick_accuracy(summary), summary)
    print(f"evaluate: {describe(summary)} -> {metrics}")
    for warning in summary["warnings"]:
        print(f"warning: {warning['finding']}", file=sys.stderr)


def describe(summary: Mapping[str, Any]) -> str:
    """The scores in one line."""
    systems, served, rows = summary["systems"], summary["served"], f"{summary['rows']:,} test rows"
    if summary["reference"] == TEACHER:
        agreed = f"the {PRECISIONS[served]} student agrees with the teacher on {systems[served]['agreement']:.3f}"
        return f"{rows}, no gold labels: {agreed}"
    found = ", ".join(f"{name} {systems[name]['accuracy']:.3f}" for name in (TEACHER, "student", served))
    teachers = summary.get("teachers")
    together = f"; {describe_teachers(teachers)}; {describe_pairs(teachers['pairs'])}" if teachers else ""
    return f"{rows}, accuracy: {found}; the teacher abstained on {summary['teacher_abstained']:,}{together}"


if __name__ == "__main__":
    run(main)
