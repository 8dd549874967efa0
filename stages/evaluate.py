"""Evaluate: score teacher, student and baselines on the same test rows.

Rows are joined on id, and scored by people's labels (gold); where no test row has any, by the teacher's. A teacher that
abstained is wrong. Of several teachers it is also told how often they err together. The baselines are trained here, on
the student's training rows, and kept for `benchmark`; one more, `few_shot`, on a few rows outside test that people
labelled. docs/evaluate.md says what each figure means.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import Field

from distil.classifiers.linear import Baseline, FrozenEncoder, make_baselines, save_baselines
from distil.classifiers.onnx_classifier import CPU, OnnxClassifier
from distil.core.command import run
from distil.core.errors import InputError
from distil.core.metrics import write_metrics
from distil.core.params import Number, Params, TaskParams, load_params
from distil.core.runtime import RuntimeParams
from distil.core.tables import ANNOTATIONS, LABELS, PREDICTIONS, TEST, TEXTS, TRAIN, read_rows, write_rows
from distil.encoders.torch_model import TorchClassifier, use_threads
from distil.quality.bootstrap import Bootstrap
from distil.quality.breakdown import break_down
from distil.quality.comparison import TEACHER, Answers, Comparison, Scoring, compare, score_systems, summarise
from distil.quality.few_shot import MajorityClass, draw_few_shot
from distil.quality.notes import list_caveats, note_few_shot
from distil.quality.shared_errors import compare_teachers, describe_pairs
from distil.quality.tables import list_calibration, list_confusions, list_predictions, list_scores

MAIN = "student_int8"  # whose confusions are plotted: the system that one would put into service
FP16 = "onnx/model_fp16.onnx"
DIGITS = 6  # of the probabilities that are written


class EvaluateParams(Params):
    """The encoder and the rows of the baselines, and how scores are reckoned."""

    embeddings: str = Field(min_length=1)
    bootstrap_samples: int = Field(default=2000, ge=100)
    confidence: Number = Field(default=0.95, gt=0, lt=1)  # of all intervals
    few_shot_per_label: int = Field(default=16, ge=0)
    calibration_bins: int = Field(default=15, ge=1)  # of equal width, for the expected calibration error
    seed: int = Field(default=0, ge=0)


def main(
    student: Annotated[Path, "folder: the student as transformers saves it"],
    onnx: Annotated[Path, "folder: the student as the Hub's tools open it, with ONNX files"],
    train: Annotated[Path, "table: texts and labels to train on"],
    test: Annotated[Path, "table: texts to score on, with people's label where there is one"],
    texts: Annotated[Path, "table: one row a text, with people's label where there is one"],
    labels: Annotated[Path, "table: the teacher's label of each text, and the votes' shares"],
    annotations: Annotated[Path, "table: one row a text, teacher and vote"],
    assets: Annotated[Path, "packages that hold models or data, pinned by hash"],
    quality: Annotated[Path, "json: all scores"],
    confusion: Annotated[Path, "csv: the int8 student's label beside the known one"],
    scores: Annotated[Path, "csv: each system's accuracy"],
    calibration: Annotated[Path, "csv: how often each system is right that is so sure"],
    predictions: Annotated[Path, "table: what each system says of each test text"],
    baselines: Annotated[Path, "file: the trained baselines, to be timed"],
) -> None:
    """Write all scores to `quality`, what is plotted to three csv files, every answer, and the trained baselines."""
    params = load_params("evaluate", EvaluateParams)
    names = load_params("task", TaskParams).labels
    runtime = load_params("runtime", RuntimeParams)
    use_threads(runtime.threads)
    rows = read_labelled(test, TEST, "gold", names)
    if rows.empty:
        raise InputError(f"{test} has no rows, so there is nothing to score; raise split.test_share in params.yaml")
    decided = read_labelled(labels, LABELS, "teacher_label", names).set_index("id").reindex(rows["id"])
    votes = read_labelled(annotations, ANNOTATIONS, "label", names)
    people = read_labelled(texts, TEXTS, "gold", names)
    few = draw_few_shot(people, rows["id"], names, params.few_shot_per_label, params.seed)
    timed = make_baselines(names, params.embeddings, assets, runtime.device)
    classifiers = (
        load_students(student, onnx, runtime)
        | train_baselines(timed, read_labelled(train, TRAIN, "label", names), names)
        | train_few_shot(few, FrozenEncoder(params.embeddings, assets, runtime.device), names)
    )
    save_baselines(baselines, timed)
    systems = ask_teacher(decided, votes)
    systems |= {name: ask(name, model, rows["text"].to_list(), names) for name, model in classifiers.items()}

    scoring = Scoring(
        names, params.calibration_bins, Bootstrap(params.bootstrap_samples, params.confidence, params.seed)
    )
    comparison = compare(_with_none(rows["gold"]), systems)
    found = score_systems(comparison, scoring)
    notes = list_notes(comparison, decided, names) + note_few_shot(few, names, params.few_shot_per_label)
    summary = summarise(comparison, found, params.confidence, notes)
    summary |= group_scores(comparison, decided, rows["text"], params.confidence)
    answered = pd.Series(systems[MAIN].labels, index=rows["id"])
    if teachers := compare_teachers(votes, rows.set_index("id")["gold"], answered, params.confidence):
        summary["teachers"] = teachers
    write_rows(predictions, PREDICTIONS, list_predictions(rows["id"], comparison))
    write_table(confusion, list_confusions(comparison, MAIN))
    write_table(scores, list_scores(comparison, found))
    write_table(calibration, list_calibration(comparison, scoring))
    write_metrics(quality, summary)
    print(f"evaluate: {describe(summary)} -> {quality}")


def read_labelled(path: Path, schema: pa.Schema, column: str, labels: Sequence[str]) -> pd.DataFrame:
    """Read a table and check that its labels are the task's; raises `InputError` at the first other one."""
    rows = read_rows(path, schema)
    others = rows.loc[rows[column].notna() & ~rows[column].isin(labels), column]
    if not others.empty:
        raise InputError(
            f"{path} has {column} = {others.iloc[0]!r} in {len(others):,} rows, but task.labels is {list(labels)}; "
            "add it there, or run 'dvc repro', which writes the file anew"
        )
    return rows


def train_baselines(timed: Mapping[str, Baseline], lessons: pd.DataFrame, labels: Sequence[str]) -> dict[str, Any]:
    """Train the baselines, and one more that says the commonest label, on the student's training rows."""
    baselines: dict[str, Any] = {"majority": MajorityClass(labels), **timed}
    for baseline in baselines.values():
        baseline.fit(lessons["text"].to_list(), lessons["label"].to_list())
    return baselines


def train_few_shot(few: pd.DataFrame, encoder: FrozenEncoder, labels: Sequence[str]) -> dict[str, Any]:
    """The baseline that learns from people's few labels; none where a label has no row."""
    if few["gold"].nunique() < len(labels):
        return {}
    return {"few_shot": Baseline(encoder, labels).fit(few["text"].to_list(), few["gold"].to_list())}


def load_students(student: Path, onnx: Path, runtime: RuntimeParams) -> dict[str, Any]:
    """The student in torch and in each exported file; half precision only where a GPU runs it."""
    files = {"student_onnx": "onnx/model.onnx", MAIN: "onnx/model_quantized.onnx"}
    models: dict[str, Any] = {"student": TorchClassifier(student, runtime.device)}
    for name, file in files.items():
        models[name] = OnnxClassifier(onnx, file, device=runtime.device, **runtime.threading)
    if models["student_onnx"].provider != CPU and (onnx / FP16).exists():
        models["student_fp16"] = OnnxClassifier(onnx, FP16, device=runtime.device, **runtime.threading)
    return models


def ask_teacher(decided: pd.DataFrame, annotations: pd.DataFrame) -> dict[str, Answers]:
    """The teacher's label before corrections; of one teacher that voted more than once, its first vote as well."""
    shares = decided["soft"].mask(is_corrected(decided))
    systems = {TEACHER: Answers(_with_none(decided["teacher_label"]), _with_none(shares))}
    if annotations["vote"].max() > 1 and annotations["teacher"].nunique() == 1:
        first = annotations[annotations["vote"] == 1].set_index("id").reindex(decided.index)
        systems["teacher_first_vote"] = Answers(_with_none(first["label"]), [None] * len(decided))
    return systems


def ask(name: str, classifier: Any, texts: Sequence[str], labels: Sequence[str]) -> Answers:
    """A classifier's most probable labels.

    Raises `InputError` if it was trained on other labels than the task's, or answers what is no number.
    """
    if classifier.labels != list(labels):
        raise InputError(f"{name} knows {classifier.labels}, but task.labels is {list(labels)}; run 'dvc repro'")
    with np.errstate(invalid="ignore"):  # what comes of it is told in one line
        shares = classifier.predict_proba(texts)
    if broken := int((~np.isfinite(shares)).any(axis=1).sum()):
        remedy = "train it anew with a lower train.learning_rate or with train.precision: fp32"
        if name.startswith("student_"):  # the student itself was asked before, and answered
            remedy = "the student in torch does not, so write the file anew with 'dvc repro -s -f export'"
        raise InputError(f"{name} answers NaN to {broken:,} of {len(texts):,} test texts; {remedy}")
    return Answers([labels[number] for number in shares.argmax(axis=1)], list(np.round(shares.astype(float), DIGITS)))


def list_notes(comparison: Comparison, decided: pd.DataFrame, labels: Sequence[str]) -> list[str]:
    """What to know of the scored rows before reading the figures."""
    corrected = int(is_corrected(decided).iloc[comparison.rows].sum())
    return list_caveats(comparison, labels, corrected)


def group_scores(comparison: Comparison, decided: pd.DataFrame, texts: pd.Series, confidence: float) -> dict[str, Any]:
    """The share that is right, by the share of the votes for the teacher's label, and by the number of words."""
    right = comparison.mark_right()
    teacher = comparison.systems[TEACHER]
    agreement = [
        None if label is None or shares is None else float(shares.max())
        for label, shares in zip(teacher.labels, teacher.probabilities, strict=True)
    ]
    told = np.flatnonzero(~is_corrected(decided).iloc[comparison.rows])
    words = [len(text.split()) for text in texts.iloc[comparison.rows]]
    return {
        "by_agreement": break_down(
            [agreement[row] for row in told], {name: answers[told] for name, answers in right.items()}, confidence
        ),
        "by_words": break_down(words, right, confidence),
    }


def is_corrected(decided: pd.DataFrame) -> pd.Series:
    """Whether people corrected a row, which replaces the teacher's shares."""
    return decided["source"] == "human"


def describe(summary: Mapping[str, Any]) -> str:
    """The scores in one line."""
    systems, rows = summary["systems"], f"{summary['rows']:,} test rows"
    if summary["reference"] == TEACHER:
        return f"{rows}, no gold labels: the int8 student agrees with the teacher on {systems[MAIN]['agreement']:.3f}"
    found = ", ".join(f"{name} {systems[name]['accuracy']:.3f}" for name in (TEACHER, "student", MAIN))
    together = f"; {describe_pairs(summary['teachers']['pairs'])}" if "teachers" in summary else ""
    return f"{rows}, accuracy: {found}; the teacher abstained on {summary['teacher_abstained']:,}{together}"


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a csv file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False, lineterminator="\n")


def _with_none(values: pd.Series) -> list[Any]:
    return [None if missing else value for value, missing in zip(values, values.isna(), strict=True)]


if __name__ == "__main__":
    run(main)
