"""The student in each of its forms, which evaluate sets beside the teacher."""

from pathlib import Path
from typing import Any

from distil.classifiers.onnx_runner import CPU
from distil.classifiers.opening import open_onnx
from distil.core.runtime import RuntimeParams
from distil.core.served import FILES
from distil.encoders.opening import open_torch

FP16 = "onnx/model_fp16.onnx"


def load_students(student: Path, onnx: Path, served: str, runtime: RuntimeParams) -> dict[str, Any]:
    """The student in torch, in fp32 and in the file that is served; half precision only where a GPU runs it."""
    models: dict[str, Any] = {"student": open_torch(student, runtime.device)}
    for name in dict.fromkeys(("student_onnx", served)):
        models[name] = open_onnx(onnx, FILES[name], device=runtime.device, **runtime.threading)
    if models["student_onnx"].provider != CPU and (onnx / FP16).exists():
        models["student_fp16"] = open_onnx(onnx, FP16, device=runtime.device, **runtime.threading)
    return models
