"""Evaluate: score teacher, student and baselines on the same test rows.

Rows are joined on id, and scored by people's labels (gold); where no test row has any, by the teacher's. A teacher that
abstained is wrong. Of several teachers it is also told how often they err together, and whether one is better alone.
The baselines are trained here, on the student's training rows, and kept for `benchmark`; where a text has one label
there is one more, `few_shot`, from a few rows outside test that people labelled. Where the student falls short of a
baseline or by much of its teacher, or pooled teachers of one of them, that is among the metrics and printed.
docs/evaluate.md says what each figure means.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from distil.audit.measuring import describe_trust, find_second_opinion, measure_audit, open_audit, pick_trust
from distil.classifiers.systems import load_students
from distil.core.command import run
from distil.core.errors import InputError
from distil.core.metrics import read_details, write_csv, write_metrics
from distil.core.params import Kind, TaskParams, load_params
from distil.core.runtime import RuntimeParams
from distil.core.served import PRECISIONS, read_served
from distil.core.tables import (
    ANNOTATIONS,
    LABELS,
    PREDICTIONS,
    TEST,
    TEXTS,
    TRAIN,
    read_labelled,
    read_rows,
    write_rows,
)
from distil.encoders.foreign import read_object
from distil.encoders.outputs import read_outputs
from distil.encoders.reading import measure_cut
from distil.encoders.torch_model import load_tokenizer, use_threads
from distil.forms.answering import AskForm, load_asking
from distil.linear.per_kind import load_baselines_of
from distil.quality.asking import Rows, ask, ask_all
from distil.quality.bootstrap import Bootstrap
from distil.quality.comparison import TEACHER, Comparison, score_systems
from distil.quality.headline import CASCADE, pick_macro_f1, pick_score
from distil.quality.judging import Scoring, load_judging
from distil.quality.notes import note_cut
from distil.quality.params import EvaluateParams
from distil.quality.pooling import describe_teachers, find_pooling_shortfall
from distil.quality.shared_errors import describe_pairs
from distil.quality.shortfalls import find_shortfalls
from distil.quality.summary import summarise_all
from distil.quality.tables import list_calibration, list_confusions, list_predictions, list_scores
from distil.selective.tested import add_cascade, list_curves, summarise_sureness


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
    metrics: Annotated[Path, "json: the scores that one compares, and all others"],
    macro_f1: Annotated[Path, "json: macro F1 of the systems that one compares"],
    confusion: Annotated[Path, "csv: the served student's label beside the known one, decision by decision"],
    scores: Annotated[Path, "csv: each system's score"],
    calibration: Annotated[Path, "csv: how often each system is right that is so sure"],
    coverage: Annotated[Path, "csv: how often each student is right on the texts that it is surest of"],
    predictions: Annotated[Path, "table: what each system says of each test text"],
    baselines: Annotated[Path, "file: the trained baselines, to be timed"],
    audit: Annotated[Path, "csv: the rows that people read blind"],
    trust: Annotated[Path, "json: what these rows tell of teacher and student"],
) -> None:
    """Write the scores, what is plotted to csv files, every answer, the trained baselines, and what an audit tells."""
    params, task = load_params("evaluate", EvaluateParams), load_params("task", TaskParams)
    use_threads((runtime := load_params("runtime", RuntimeParams)).threads)
    scoring, asking = make_scoring(params, task), load_asking(task.kind)
    few, notes = draw_few(texts, rows := read_rows_to_score(test, labels, annotations, scoring), scoring, params)
    systems = load_students(student, onnx, served := read_served(export), runtime)
    systems |= train_baselines(baselines, train, few, scoring, task.kind, params.embeddings, assets, runtime.device)
    chosen = read_details(export).get("selective", {}) | {"threshold": systems[served].selective.threshold}
    sureness = measure_sureness(systems, served, read := rows.test["text"].to_list())
    answers = ask_all(systems, rows, task.labels, asking)
    comparison = add_cascade(answers, served, sureness[served], chosen["threshold"])
    found = score_systems(comparison, scoring)
    summary = summarise_all(comparison, found, rows, scoring, served, notes + note_unread(student, read))
    summary["warnings"] = list_warnings(comparison, scoring, params, summary)
    summary |= summarise_sureness(comparison, served, sureness, chosen, params.confidence)
    write_rows(predictions, PREDICTIONS, list_predictions(rows.test["id"], comparison))
    write_plots(scores, confusion, calibration, coverage, comparison, found, sureness, served, scoring)
    tell(summary, metrics, macro_f1, scoring)
    tell_trust(estimate_trust(audit, texts, labels, rows, comparison, served, systems[served], scoring, asking), trust)


def train_baselines(
    path: Path,
    train: Path,
    few: pd.DataFrame,
    scoring: Scoring,
    kind: Kind,
    reference: str,
    assets: Path,
    device: str,
) -> dict[str, Any]:
    """Train the baselines of the task's kind, and keep those that are timed; `reference` is of the frozen encoder."""
    own = load_baselines_of(kind)
    timed = own.make_baselines(scoring.labels, reference, assets, device)
    trained = own.train_baselines(timed, read_known(train, TRAIN, "label", scoring), few, scoring.labels)
    own.write_baselines(path, timed)
    return trained


def write_plots(
    scores: Path,
    confusion: Path,
    calibration: Path,
    coverage: Path,
    comparison: Comparison,
    found: Mapping[str, Mapping[str, Any]],
    sureness: Mapping[str, NDArray[np.float64]],
    served: str,
    scoring: Scoring,
) -> None:
    """Write what is plotted of the scores, what is taken for what, and how far probabilities can be believed."""
    write_csv(coverage, list_curves(comparison, sureness, scoring.bootstrap.confidence))
    write_csv(scores, list_scores(comparison, found, scoring))
    write_csv(confusion, list_confusions(comparison, served, scoring))
    write_csv(calibration, list_calibration(comparison, scoring))


def read_rows_to_score(test: Path, labels: Path, annotations: Path, scoring: Scoring) -> Rows:
    """Read the test rows and what the teacher said of them; raises `InputError` if there are none."""
    rows = read_known(test, TEST, "gold", scoring)
    if rows.empty:
        raise InputError(f"{test} has no rows, so there is nothing to score; raise split.test_share in params.yaml")
    decided = read_known(labels, LABELS, "teacher_label", scoring).set_index("id").reindex(rows["id"])
    return Rows(rows, decided, read_known(annotations, ANNOTATIONS, "label", scoring))


def read_known(path: Path, schema: pa.Schema, column: str, scoring: Scoring) -> pd.DataFrame:
    """Read a table whose labels have to be the task's; raises `InputError` if one is another."""
    return read_labelled(path, schema, column, scoring.labels, scoring.form.name_labels)


def draw_few(texts: Path, rows: Rows, scoring: Scoring, params: EvaluateParams) -> tuple[pd.DataFrame, list[str]]:
    """The rows of the baseline that learns from people's few labels, of which none is scored, and notes on them."""
    people = read_known(texts, TEXTS, "gold", scoring)
    return scoring.form.draw_few(people, rows.test["id"], scoring.labels, params.few_shot_per_label, params.seed)


def measure_sureness(systems: Mapping[str, Any], served: str, texts: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """How sure the exported student is of each text, in fp32 and in the file that is served."""
    return {name: systems[name].predict_with_sureness(texts)[1] for name in dict.fromkeys(("student_onnx", served))}


def note_unread(student: Path, texts: Sequence[str]) -> list[str]:
    """What the student does not read of the test texts, in words; one that gives spans reads windows, and so all."""
    if read_outputs(student / "config.json", read_object(student / "config.json")).per_token:
        return []
    tokenizer = load_tokenizer(student)
    max_length = tokenizer.model_max_length
    return note_cut(measure_cut(tokenizer, texts, max_length), len(texts), max_length)


def estimate_trust(
    audit: Path,
    texts: Path,
    labels: Path,
    rows: Rows,
    comparison: Comparison,
    served: str,
    student: Any,
    scoring: Scoring,
    form: AskForm,
) -> dict[str, Any]:
    """What the rows of an audit tell of the teacher and of the student that is served, who is asked about them here."""
    opened = open_audit(audit, read_rows(texts, TEXTS), rows.test["id"], read_rows(labels, LABELS))
    read = opened.rows["text"].to_list()
    said = ask(served, student, read, scoring.labels, form).labels if read else []
    second = find_second_opinion(opened, comparison.answers[TEACHER].labels, comparison.answers[served].labels)
    return measure_audit(opened, said, second, scoring.form, scoring.bootstrap.confidence)


def make_scoring(params: EvaluateParams, task: TaskParams) -> Scoring:
    """How answers are judged, and how scores and their intervals are reckoned."""
    bootstrap = Bootstrap(params.bootstrap_samples, params.confidence, params.seed)
    return Scoring(load_judging(task.kind), task.labels, params.calibration_bins, bootstrap)


def list_warnings(
    comparison: Comparison, scoring: Scoring, params: EvaluateParams, summary: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Where the student falls short, and where pooled teachers do of one of them."""
    short = find_shortfalls(comparison, summary["served"], scoring, params.teacher_margin)
    return short + find_pooling_shortfall(summary.get("teachers"), params.confidence)


def tell(summary: Mapping[str, Any], metrics: Path, macro_f1: Path, scoring: Scoring) -> None:
    """Write and print the scores, and on stderr where the student falls short."""
    write_metrics(macro_f1, pick_macro_f1(summary))
    write_metrics(metrics, pick_score(summary), summary)
    print(f"evaluate: {describe(summary, scoring)} -> {metrics}")
    for warning in summary["warnings"]:
        print(f"warning: {warning['finding']}", file=sys.stderr)


def tell_trust(found: Mapping[str, Any], trust: Path) -> None:
    """Write what an audit tells, and print it if there was one."""
    write_metrics(trust, pick_trust(found), found)
    if found["labelled"]:
        print(f"evaluate: {describe_trust(found)} -> {trust}")


def describe(summary: Mapping[str, Any], scoring: Scoring) -> str:
    """The scores in one line."""
    systems, served, score = summary["systems"], summary["served"], summary["score"]
    rows, agrees = f"{summary['rows']:,} test rows", scoring.form.WORDING.agrees
    if summary["reference"] == TEACHER:
        agreed = f"agrees with the teacher {agrees} {systems[served][score]:.3f}"
        return f"{rows}, no gold labels: the {PRECISIONS[served]} student {agreed}{describe_cascade(summary)}"
    found = ", ".join(f"{name} {systems[name][score]:.3f}" for name in (TEACHER, "student", served))
    teachers = summary.get("teachers")
    together = f"; {describe_teachers(teachers)}; {describe_pairs(teachers['pairs'])}" if teachers else ""
    abstained = f"the teacher abstained on {summary['teacher_abstained']:,}"
    return f"{rows}, {scoring.form.WORDING.score}: {found}; {abstained}{together}{describe_cascade(summary)}"


def describe_cascade(summary: Mapping[str, Any]) -> str:
    """What the cascade came to, to be added to a line; nothing where there is none."""
    cascade = summary["cascade"]
    if not cascade or cascade["threshold"] is None:
        return ""
    score = summary["systems"][CASCADE][summary["score"]]
    return f"; of the cascade {score:.3f}, of which the student keeps {cascade['kept']['share']:.1%} of the texts"


if __name__ == "__main__":
    run(main)
