"""The systems that evaluate sets beside the teacher: the student in each of its forms, and the baselines."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from distil.classifiers.onnx_runner import CPU
from distil.classifiers.opening import open_onnx
from distil.core.runtime import RuntimeParams
from distil.core.served import FILES
from distil.encoders.opening import open_torch
from distil.linear.baselines import Baseline, MajorityClass

FP16 = "onnx/model_fp16.onnx"


def load_students(student: Path, onnx: Path, served: str, runtime: RuntimeParams) -> dict[str, Any]:
    """The student in torch, in fp32 and in the file that is served; half precision only where a GPU runs it."""
    models: dict[str, Any] = {"student": open_torch(student, runtime.device)}
    for name in dict.fromkeys(("student_onnx", served)):
        models[name] = open_onnx(onnx, FILES[name], device=runtime.device, **runtime.threading)
    if models["student_onnx"].provider != CPU and (onnx / FP16).exists():
        models["student_fp16"] = open_onnx(onnx, FP16, device=runtime.device, **runtime.threading)
    return models


def train_baselines(
    timed: Mapping[str, Baseline], lessons: pd.DataFrame, few: pd.DataFrame, labels: Sequence[str]
) -> dict[str, Any]:
    """Train the baselines on the student's training rows, and two more, by name.

    `majority` says the commonest label. `few_shot` learns from the few rows that people labelled; it is left out where
    a label has none.
    """
    baselines: dict[str, Any] = {"majority": MajorityClass(labels), **timed}
    for baseline in baselines.values():
        baseline.fit(lessons["text"].to_list(), lessons["label"].to_list())
    if few["gold"].nunique() == len(labels):
        learner = Baseline(timed["embeddings"].features, labels)
        baselines["few_shot"] = learner.fit(few["text"].to_list(), few["gold"].to_list())
    return baselines
