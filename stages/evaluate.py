"""Evaluate: score teacher, student and baselines on the same test rows.

Rows are joined on id, and scored by people's labels (gold); where no test row has any, by the teacher's. A teacher that
abstained is wrong. Of several teachers it is also told how often they err together. The baselines are trained here, on
the student's training rows, and kept for `benchmark`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from distil.baselines import make_baselines, save_baselines
from distil.classifier import OnnxClassifier
from distil.command import run
from distil.errors import InputError
from distil.metrics import write_metrics
from distil.params import Number, Params, TaskParams, load_params
from distil.quality import Labels, Scoring, choose_reference, score_systems
from distil.rows import ANNOTATIONS, LABELS, PREDICTIONS, TEST, TRAIN, read_rows, write_rows
from distil.runtime import RuntimeParams
from distil.shared_errors import compare_teachers, describe_pairs
from distil.torch_model import TorchClassifier, use_threads

MAIN = "student_int8"  # whose confusions are written: the system that one would put into service
DIGITS = 6  # of the probabilities that are written


class EvaluateParams(Params):
    """The baseline's encoder, and how intervals are drawn."""

    embeddings: str = Field(min_length=1)
    bootstrap_samples: int = Field(ge=100)
    confidence: Number = Field(gt=0, lt=1)
    seed: int = Field(ge=0)


@dataclass(frozen=True)
class Answers:
    """A system's label for each test row, null where it abstained, and its probabilities, where it has any."""

    labels: Labels
    probabilities: Sequence[NDArray[Any] | None]


def main(
    student: Path,
    onnx: Path,
    train: Path,
    test: Path,
    labels: Path,
    annotations: Path,
    assets: Path,
    quality: Path,
    confusion: Path,
    predictions: Path,
    baselines: Path,
) -> None:
    """Write scores to `quality`, pairs of labels to `confusion`, every answer to `predictions`, and the `baselines`."""
    params = load_params("evaluate", EvaluateParams)
    names = load_params("task", TaskParams).labels
    runtime = load_params("runtime", RuntimeParams)
    use_threads(runtime.threads)
    rows = read_rows(test, TEST)
    if rows.empty:
        raise InputError(f"{test} has no rows, so there is nothing to score; raise split.test_share in params.yaml")
    trained = make_baselines(names, params.embeddings, assets, runtime.device)
    fit_baselines(trained, read_rows(train, TRAIN))
    save_baselines(baselines, trained)
    classifiers = {
        "student": TorchClassifier(student, runtime.device),
        "student_onnx": OnnxClassifier(onnx, "onnx/model.onnx", device=runtime.device, **runtime.threading),
        MAIN: OnnxClassifier(onnx, "onnx/model_quantized.onnx", device=runtime.device, **runtime.threading),
        **trained,
    }
    votes = read_rows(annotations, ANNOTATIONS)
    systems = ask_teacher(rows["id"], read_rows(labels, LABELS), votes)
    systems |= {name: ask(classifier, rows["text"].to_list(), names) for name, classifier in classifiers.items()}
    scoring = Scoring(names, params.bootstrap_samples, params.confidence, params.seed)
    scores = score(rows, systems, votes, scoring)
    write_rows(predictions, PREDICTIONS, list_predictions(rows["id"], systems))
    confusion.parent.mkdir(parents=True, exist_ok=True)
    list_confusions(_with_none(rows["gold"]), systems).to_csv(confusion, index=False, lineterminator="\n")
    write_metrics(quality, scores)
    print(f"evaluate: {describe(scores)} -> {quality}")


def fit_baselines(baselines: Mapping[str, Any], rows: pd.DataFrame) -> None:
    """Train the baselines on the student's training rows."""
    for baseline in baselines.values():
        baseline.fit(rows["text"].to_list(), rows["label"].to_list())


def ask_teacher(ids: pd.Series, labels: pd.DataFrame, annotations: pd.DataFrame) -> dict[str, Answers]:
    """The teacher's label before corrections; of one teacher that voted more than once, its first vote as well."""
    decided = labels.set_index("id").reindex(ids)
    shares = decided["soft"].where(decided["source"] == "teacher")
    systems = {"teacher": Answers(_with_none(decided["teacher_label"]), _with_none(shares))}
    if annotations["vote"].max() > 1 and annotations["teacher"].nunique() == 1:
        first = annotations[annotations["vote"] == 1].set_index("id").reindex(ids)
        systems["teacher_first_vote"] = Answers(_with_none(first["label"]), [None] * len(ids))
    return systems


def ask(classifier: Any, texts: Sequence[str], labels: Sequence[str]) -> Answers:
    """A classifier's most probable labels; raises `InputError` if it was trained on other labels than the task's."""
    if classifier.labels != list(labels):
        raise InputError(f"a model knows {classifier.labels}, but task.labels is {list(labels)}; run 'dvc repro'")
    shares = classifier.predict_proba(texts)
    return Answers([labels[number] for number in shares.argmax(axis=1)], list(np.round(shares.astype(float), DIGITS)))


def score(
    rows: pd.DataFrame, systems: Mapping[str, Answers], annotations: pd.DataFrame, scoring: Scoring
) -> dict[str, Any]:
    """What metrics/quality.json says: the systems' scores, and of several teachers how they err together."""
    labels = {name: answers.labels for name, answers in systems.items()}
    scores = score_systems(_with_none(rows["gold"]), labels, scoring)
    if teachers := compare_teachers(annotations, rows.set_index("id")["gold"]):
        scores["teachers"] = teachers
    return scores


def list_confusions(gold: Labels, systems: Mapping[str, Answers]) -> pd.DataFrame:
    """The known and the predicted label of each scored row, sorted: DVC's confusion plot counts them."""
    _, reference = choose_reference(gold, systems["teacher"].labels)
    pairs = [pair for pair in zip(reference, systems[MAIN].labels, strict=True) if pair[0] is not None]
    return pd.DataFrame(pairs, columns=["actual", "predicted"]).sort_values(["actual", "predicted"])


def list_predictions(ids: pd.Series, systems: Mapping[str, Answers]) -> list[dict[str, object]]:
    """A row of `rows.PREDICTIONS` for each test row and system."""
    return [
        {"id": row, "system": name, "label": label, "probabilities": shares}
        for name, answers in systems.items()
        for row, label, shares in zip(ids, answers.labels, answers.probabilities, strict=True)
    ]


def describe(scores: Mapping[str, Any]) -> str:
    """The scores in one line."""
    systems, rows = scores["systems"], f"{scores['rows']:,} test rows"
    if scores["reference"] == "teacher":
        return f"{rows}, no gold labels: the int8 student agrees with the teacher on {systems[MAIN]['agreement']:.3f}"
    found = ", ".join(f"{name} {systems[name]['accuracy']:.3f}" for name in ("teacher", "student", MAIN))
    together = f"; {describe_pairs(scores['teachers']['pairs'])}" if "teachers" in scores else ""
    return f"{rows}, accuracy: {found}; the teacher abstained on {scores['teacher_abstained']:,}{together}"


def _with_none(values: pd.Series) -> list[Any]:
    return [None if missing else value for value, missing in zip(values, values.isna(), strict=True)]


if __name__ == "__main__":
    run(main)
