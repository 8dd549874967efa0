"""Train: fine-tune the student on the teacher's labels.

Reads the training rows, writes the student as a folder that transformers opens, and the loss curve. Validation rows are
only scored, by the teacher's labels; test rows never come here.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from distil.assets import resolve
from distil.command import run
from distil.metrics import write_metrics
from distil.params import TaskParams, load_params
from distil.rows import TRAIN, read_rows
from distil.runtime import RuntimeParams
from distil.student import TrainParams, fine_tune, save_student
from distil.torch_model import TorchClassifier, choose_device, use_threads


def main(train: Path, validation: Path, assets: Path, student: Path, metrics: Path, training: Path) -> None:
    """Fine-tune the base on `train`; write the folder `student`, the file `metrics` and the curve `training`."""
    params = load_params("train", TrainParams)
    labels = load_params("task", TaskParams).labels
    runtime = load_params("runtime", RuntimeParams)
    rows, held_out = read_rows(train, TRAIN), read_rows(validation, TRAIN)
    use_threads(runtime.threads)
    device = choose_device(runtime.device)
    trained = fine_tune(resolve(params.base, assets), rows, labels, params, device)
    save_student(trained, student)
    training.parent.mkdir(parents=True, exist_ok=True)
    trained.curve.to_csv(training, index=False, float_format="%.6g", lineterminator="\n")
    agreement = measure_agreement(TorchClassifier(student, runtime.device), held_out)
    write_metrics(
        metrics,
        {
            "rows": len(rows),
            "validation_rows": len(held_out),
            "epochs": params.epochs,
            "steps": trained.steps,
            "seconds": trained.seconds,
            "final_loss": float(trained.curve["loss"].iloc[-1]),
            "validation_agreement": agreement,
            "precision": trained.precision,
            "base": params.base,
            "parameters": trained.model.num_parameters(),
            "device": str(device),
        },
    )
    agreed = "no validation rows" if agreement is None else f"validation agreement {agreement:.3f}"
    print(f"train: {len(rows):,} rows, {params.epochs} epochs, {trained.seconds:.0f} s, {agreed} -> {student}")


def measure_agreement(classifier: TorchClassifier, rows: pd.DataFrame) -> float | None:
    """Share of the rows on which the student gives the teacher's label; null without rows."""
    if rows.empty:
        return None
    predicted = np.array(classifier.labels)[classifier.predict_proba(rows["text"].to_list()).argmax(axis=1)]
    return float((predicted == rows["label"].to_numpy()).mean())


if __name__ == "__main__":
    run(main)
