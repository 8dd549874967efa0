"""The student in each of its forms, which evaluate sets beside the teacher."""

from pathlib import Path
from typing import Any

from distil.classifiers.onnx_classifier import CPU, OnnxClassifier
from distil.core.runtime import RuntimeParams
from distil.core.served import FILES
from distil.encoders.torch_model import TorchClassifier

FP16 = "onnx/model_fp16.onnx"


def load_students(student: Path, onnx: Path, served: str, runtime: RuntimeParams) -> dict[str, Any]:
    """The student in torch, in fp32 and in the file that is served; half precision only where a GPU runs it."""
    models: dict[str, Any] = {"student": TorchClassifier(student, runtime.device)}
    for name in dict.fromkeys(("student_onnx", served)):
        models[name] = OnnxClassifier(onnx, FILES[name], device=runtime.device, **runtime.threading)
    if models["student_onnx"].provider != CPU and (onnx / FP16).exists():
        models["student_fp16"] = OnnxClassifier(onnx, FP16, device=runtime.device, **runtime.threading)
    return models
