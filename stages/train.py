"""Train: make a student of the teacher's labels.

Reads the training rows; writes the student as a folder that transformers opens, the rows whose label is probably wrong,
and the loss curve. The recipe fits itself to the rows, and the ways to a student are compared on held-out ones: a part
of the training rows, and the validation rows. Test rows never come here.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from accelerate import PartialState

from distil.assets.references import resolve
from distil.core.command import run
from distil.core.errors import InputError
from distil.core.metrics import write_csv, write_metrics
from distil.core.params import TaskParams, load_params
from distil.core.runtime import RuntimeParams
from distil.core.tables import SUSPECTS, TRAIN, read_rows, write_rows
from distil.encoders.reading import describe_reading
from distil.encoders.torch_model import choose_device, use_threads
from distil.export.rehearsal import rehearse_export
from distil.student.fine_tuner import FineTuner
from distil.student.params import TrainParams
from distil.student.seeds import Trial
from distil.student.teaching import Taught, teach
from distil.student.training_set import keep_agreed

MOST_NAMED = 5  # labels in a warning


def main(
    train: Annotated[Path, "table: texts and labels to train on"],
    validation: Annotated[Path, "table: texts and labels that are held out of training"],
    assets: Annotated[Path, "packages that hold models or data, pinned by hash"],
    student: Annotated[Path, "folder: the student as transformers saves it"],
    suspects: Annotated[Path, "table: training labels that are probably wrong"],
    metrics: Annotated[Path, "json: what was learnt, how, and how long it took"],
    training: Annotated[Path, "csv: the loss, step by step"],
) -> None:
    """Fine-tune the base on `train`, and tell what was learnt, how, and which labels look wrong."""
    params = load_params("train", TrainParams)
    labels = read_labels()
    runtime = load_params("runtime", RuntimeParams)
    use_threads(runtime.threads)
    device = choose_device(runtime.device)
    every, held_out = read_some(train), read_rows(validation, TRAIN)
    rows = keep_agreed(every, labels, params.min_agreement)
    start = time.perf_counter()
    base = resolve(params.base, assets)
    rehearse_export(base, labels)  # what cannot be exported is not worth a training
    tuner = FineTuner(base, rows["text"], labels, params, device, runtime.report_to)
    reading = tell_reading(tuner, rows)  # before any training
    taught = teach(tuner, rows, held_out)
    if not PartialState().is_main_process:  # under `accelerate launch` every process has the same student
        return
    tuner.save(taught.kept.training, student)
    write_rows(suspects, SUSPECTS, taught.lessons.suspects or [])
    write_csv(training, taught.kept.training.curve)
    figures = {
        **describe_rows(rows, taught, tuner),
        **reading,
        "below_min_agreement": len(every) - len(rows),
        "validation_rows": len(held_out),
        "seconds": time.perf_counter() - start,
        **describe_trials(taught.kept, taught.trials),
        **describe_method(tuner, taught),
    }
    write_metrics(metrics, {"seconds": figures["seconds"]}, figures)
    print(f"train: {describe(figures)} -> {student}")


def read_labels() -> list[str]:
    """The task's labels; raises `InputError` for a kind of task of which no student is made yet."""
    task = load_params("task", TaskParams)
    if task.kind != "classification":
        raise InputError(
            f"task.kind = {task.kind!r}: students are made for classification alone so far; the teacher's labels are "
            "ready: 'distil export-labels FOLDER' writes them as files to train on"
        )
    return task.labels


def read_some(train: Path) -> pd.DataFrame:
    """Read the rows to train on; raises `InputError` without any, as split writes where the source puts all in test."""
    rows = read_rows(train, TRAIN)
    if rows.empty:
        raise InputError(
            f"{train} has no rows: every text is a test row; for a student bring texts that are not in test"
        )
    return rows


def tell_reading(tuner: FineTuner, rows: pd.DataFrame) -> dict[str, Any]:
    """`reading`, how much of the texts the student reads, and `warnings`, which are printed, of that and of labels."""
    reading = describe_reading(tuner.tokenizer, tuner.texts, tuner.max_length, tuner.limit)
    warnings = [*reading.pop("warnings"), *warn_of_labels(rows, tuner.labels)]
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return {"reading": reading, "warnings": warnings}


def warn_of_labels(rows: pd.DataFrame, labels: Sequence[str]) -> list[str]:
    """What is to be said of labels that no row has: one sentence, or none."""
    missing = [label for label in labels if label not in set(rows["label"])]
    if not missing:
        return []
    named = ", ".join(missing[:MOST_NAMED]) + (f" and {len(missing) - MOST_NAMED} more" * (len(missing) > MOST_NAMED))
    return [
        f"no training text has the label {named}, so the student cannot learn it; bring texts of that label, or take "
        "it out of task.labels"
    ]


def describe_rows(rows: pd.DataFrame, taught: Taught, tuner: FineTuner) -> dict[str, Any]:
    """What was learnt: texts by label, how many labels are suspected (null: nobody looked), how long the texts are.

    `noise` is what was done about the suspects, and `left_out` how many of them fine-tuning did not learn. A student
    that is distilled from others learns all of the tuner's texts, and so does a linear head.
    """
    params, lessons = tuner.params, taught.lessons
    every = taught.rung == "frozen" or params.base_share is not None or params.distill_ensemble
    learnt = rows["label"] if every else rows["label"].iloc[lessons.places]
    counts = learnt.value_counts()
    return {
        "rows": len(learnt),
        "rows_by_label": {label: int(counts.get(label, 0)) for label in tuner.labels},
        "suspects": None if lessons.suspects is None else len(lessons.suspects),
        "noise": "keep" if taught.rung == "frozen" else params.noise,
        "left_out": 0 if taught.rung == "frozen" else len(rows) - len(lessons.places),
        "max_length": tuner.max_length,
    }


def describe_trials(kept: Trial, trials: Sequence[Trial]) -> dict[str, Any]:
    """The kept training's figures; of several seeds also each one's agreement, their mean and standard deviation.

    `distilled_from` is the number of trials whose answers it was trained on; null if it is one of them.
    """
    chosen = any(kept is trial for trial in trials)
    summary: dict[str, Any] = {
        "distilled_from": None if chosen else len(trials),
        "steps": kept.training.steps,
        "final_loss": float(kept.training.curve["loss"].iloc[-1]),
        "validation_agreement": kept.agreement,
    }
    scores = [trial.agreement for trial in trials if trial.agreement is not None]
    if len(scores) > 1:
        summary["seeds"] = {
            "agreement": {str(trial.seed): trial.agreement for trial in trials},
            "mean": float(np.mean(scores)),
            "standard_deviation": float(np.std(scores, ddof=1)),
            "kept": kept.seed if chosen else "ensemble",
        }
    return summary


def describe_method(tuner: FineTuner, taught: Taught) -> dict[str, Any]:
    """What was trained, for how long, on what, and how it was chosen; `recipe` and `ladder` are null if it was not.

    A base that is not fine-tuned has no epochs.
    """
    training, ladder = taught.kept.training, taught.ladder
    epochs = taught.lessons.epochs if taught.rung == "fine_tuned" else 0
    return {
        "rung": taught.rung,
        "trained": {
            "frozen": "a linear head on the base as it is",
            "fine_tuned": f"{epochs} epochs" + (" and a linear head" if tuner.params.base_share is not None else ""),
        }[taught.rung],
        "epochs": epochs,
        "epochs_agreement": taught.lessons.epochs_agreement,
        "precision": tuner.precision,
        "base": tuner.params.base,
        "parameters": training.model.num_parameters(),
        "device": str(tuner.device),
        "recipe": taught.recipe,
        "ladder": ladder
        and {
            "chosen": ladder.chosen,
            "why": ladder.why,
            "rungs": ladder.rungs,
            "learning_curve": ladder.learning_curve,
        },
    }


def describe(figures: Mapping[str, Any]) -> str:
    """The training in one line."""
    agreement, seeds = figures["validation_agreement"], figures.get("seeds")
    told = [f"{figures['rows']:,} rows", figures["trained"], f"{figures['seconds']:.0f} s"]
    if figures["suspects"] is not None:
        told.append(f"{figures['suspects']:,} suspected labels ({figures['noise']}: {figures['left_out']:,} left out)")
    told.append("no validation rows" if agreement is None else f"validation agreement {agreement:.3f}")
    if seeds:
        told.append(f"of {len(seeds['agreement'])} seeds {seeds['mean']:.3f} +- {seeds['standard_deviation']:.3f}")
    return ", ".join(told)


if __name__ == "__main__":
    run(main)
