"""Train: make a student of the teacher's labels.

Reads the training rows; writes the student as a folder that transformers opens, the rows whose label is probably wrong,
and the loss curve. The recipe fits itself to the rows, and the ways to a student are compared on held-out ones: a part
of the training rows, and the validation rows. Test rows never come here.
"""

import sys
import time
from collections import Counter
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
from distil.student.taught import Taught
from distil.student.teaching import load_teaching

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
    params, task = load_params("train", TrainParams), load_params("task", TaskParams)
    kind = load_teaching(task.kind)
    runtime = load_params("runtime", RuntimeParams)
    use_threads(runtime.threads)
    device = choose_device(runtime.device)
    every, held_out = read_some(train), read_rows(validation, TRAIN)
    rows = kind.keep_agreed(every, task.labels, params.min_agreement)
    start = time.perf_counter()
    rehearse_export(base := resolve(params.base, assets), kind.name_outputs(task.labels))  # before any training
    tuner = kind.make_tuner(base, rows["text"].to_list(), task.labels, params, device, runtime.report_to)
    learnt = [kind.name_labels(label) for label in rows["label"]]
    reading = tell_reading(tuner, [*warn_of_labels(learnt, task.labels), *kind.list_warnings(tuner, rows)])
    taught = kind.teach(tuner, rows, held_out)
    if not PartialState().is_main_process:  # under `accelerate launch` every process has the same student
        return
    tuner.save(taught.kept.training, student)
    write_rows(suspects, SUSPECTS, taught.lessons.suspects or [])
    write_csv(training, taught.kept.training.curve)
    figures = {
        **describe_rows(learnt, task.labels, taught, tuner),
        **reading,
        "below_min_agreement": len(every) - len(rows),
        "validation_rows": len(held_out),
        "seconds": time.perf_counter() - start,
        **describe_trials(taught.kept, taught.trials),
        **describe_method(tuner, taught),
    }
    write_metrics(metrics, {"seconds": figures["seconds"]}, figures)
    print(f"train: {describe(figures)} -> {student}")


def read_some(train: Path) -> pd.DataFrame:
    """Read the rows to train on; raises `InputError` without any, as split writes where the source puts all in test."""
    rows = read_rows(train, TRAIN)
    if rows.empty:
        raise InputError(
            f"{train} has no rows: every text is a test row; for a student bring texts that are not in test"
        )
    return rows


def tell_reading(tuner: FineTuner, warnings: list[str]) -> dict[str, Any]:
    """`reading`, how much of the texts the student reads, and `warnings` of that and those given, which are printed.

    A student that answers for each token reads long texts in windows, and all of them.
    """
    most = None if tuner.outputs.per_token else tuner.max_length
    reading = describe_reading(tuner.tokenizer, tuner.texts, most, tuner.limit)
    warnings = [*reading.pop("warnings"), *warnings]
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return {"reading": reading, "warnings": warnings}


def warn_of_labels(learnt: Sequence[Sequence[str]], labels: Sequence[str]) -> list[str]:
    """What is to be said of labels that no row has: one sentence, or none; `learnt` are the labels of each row."""
    present = {name for names in learnt for name in names}
    missing = [label for label in labels if label not in present]
    if not missing:
        return []
    named = ", ".join(missing[:MOST_NAMED]) + (f" and {len(missing) - MOST_NAMED} more" * (len(missing) > MOST_NAMED))
    return [
        f"no training text has the label {named}, so the student cannot learn it; bring texts of that label, or take "
        "it out of task.labels"
    ]


def describe_rows(
    learnt: Sequence[Sequence[str]], labels: Sequence[str], taught: Taught, tuner: FineTuner
) -> dict[str, Any]:
    """What was learnt: texts by label, how many labels are suspected (null: nobody looked), how long the texts are.

    `label_health` is the share of the labels that held-out predictions take for right, null likewise.
    `learnt` are the labels of each row. `noise` is what was done about the suspects, and `left_out` how many of them
    fine-tuning did not learn. A student that is distilled from others learns all of the tuner's texts, and so does a
    linear head.
    """
    params, lessons = tuner.params, taught.lessons
    every = taught.rung == "frozen" or params.base_share is not None or params.distill_ensemble
    places = range(len(learnt)) if every else lessons.places
    counts = Counter(name for place in places for name in set(learnt[place]))
    return {
        "rows": len(places),
        "rows_by_label": {label: counts[label] for label in labels},
        "suspects": None if lessons.suspects is None else len(lessons.suspects),
        "label_health": lessons.health,
        "noise": "keep" if taught.rung == "frozen" else params.noise,
        "left_out": 0 if taught.rung == "frozen" else len(learnt) - len(lessons.places),
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

    A base that is not fine-tuned has no epochs. What else the kind tells comes last.
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
            "measure": ladder.measure,
            "why": ladder.why,
            "rungs": ladder.rungs,
            "learning_curve": ladder.learning_curve,
        },
        **taught.figures,
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
