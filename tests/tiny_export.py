"""A tiny classifier exported once for each kind of model in a test run, since exporting takes seconds."""

import os
from pathlib import Path

import pytest
from filelock import FileLock
from tiny_model import Kind, make_tiny_student

from distil.export.onnx_files import FP32, INT8, copy_student, export_fp32, quantize_int8

LABELS = ("negative", "positive")
OPSET = 20


def export_tiny_student(factory: pytest.TempPathFactory, kind: Kind = "bert") -> tuple[Path, Path]:
    """Return the folder of the student and that of its export; all tests share them, so leave them as they are."""
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # each worker has a folder of its own below the run's
        root = root.parent
    student, folder = (root / f"tiny_{kind}_{part}" for part in ("student", "onnx"))
    with FileLock(root / f"tiny_{kind}.lock"):
        if not (folder / INT8).exists():
            make_tiny_student(student, LABELS, kind=kind)
            copy_student(student, folder)
            export_fp32(student, folder / FP32, OPSET)
            quantize_int8(folder / FP32, folder / INT8, "portable", [])
    return student, folder
