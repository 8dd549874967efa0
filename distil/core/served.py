"""Which of the student's exported files one would put into service: export records it, and all later stages go by that.

It is int8 where that gives fp32's labels, and fp32 where it does not.
"""

from pathlib import Path

from distil.core.errors import InputError
from distil.core.metrics import read_details

FILES = {"student_onnx": "onnx/model.onnx", "student_int8": "onnx/model_quantized.onnx"}  # by the system that runs it
PRECISIONS = {"student_onnx": "fp32", "student_int8": "int8"}


def read_default_file(export: Path) -> str:
    """The file to use, as metrics/export.json names it; raises `InputError` if that is missing or names none."""
    file = read_details(export).get("default_file")
    if file not in FILES.values():
        raise InputError(f"{export} has default_file = {file!r}, not one of {list(FILES.values())}; run 'dvc repro'")
    return str(file)


def read_served(export: Path) -> str:
    """The system that runs the file to use; raises `InputError` as `read_default_file` does."""
    default = read_default_file(export)
    return next(system for system, file in FILES.items() if file == default)
