"""Tiny classifiers, each exported once in a test run, since exporting takes seconds."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from tiny_model import Kind, make_hard_to_round, make_tiny_student, make_tiny_tagger

from distil.core.metrics import write_metrics
from distil.export.onnx_files import FP32, INT8, copy_student, export_fp32, quantize_int8

LABELS = ("negative", "positive")
SPAN_LABELS = ("PER", "LOC")
OPSET = 20


def export_tiny_student(factory: pytest.TempPathFactory, kind: Kind = "bert") -> tuple[Path, Path]:
    """Return the folder of the student and that of its export; all tests share them, so leave them as they are."""
    return _export_once(factory, f"tiny_{kind}", lambda folder: make_tiny_student(folder, LABELS, kind=kind))


def export_tiny_tagger(factory: pytest.TempPathFactory, kind: Kind = "bert") -> tuple[Path, Path]:
    """The same of a tagger of `SPAN_LABELS`."""
    return _export_once(factory, f"tagger_{kind}", lambda folder: make_tiny_tagger(folder, SPAN_LABELS, kind=kind))


def export_tiny_several(factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same of a student of several labels a text, with thresholds."""
    settings: dict[str, Any] = {
        "problem_type": "multi_label_classification",
        "thresholds": dict(zip("abc", (0.4, 0.5, 0.6), strict=True)),
    }
    return _export_once(factory, "several", lambda folder: make_tiny_student(folder, "abc", **settings))


def export_hard_student(factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same of a bert student whose head int8 cannot hold; its int8 file is made without regard to that."""
    return _export_once(
        factory, "hard_bert", lambda folder: make_hard_to_round(make_tiny_student(folder, LABELS), "pooler")
    )


def record_default(path: Path, file: str = INT8) -> Path:
    """Write an export.json of which later stages read nothing but the file to use; returns its path."""
    write_metrics(path, {}, {"default_file": file})
    return path


def _export_once(
    factory: pytest.TempPathFactory, name: str, make_student: Callable[[Path], object]
) -> tuple[Path, Path]:
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # each worker has a folder of its own below the run's
        root = root.parent
    student, folder = (root / f"{name}_{part}" for part in ("student", "onnx"))
    with FileLock(root / f"{name}.lock"):
        if not (folder / INT8).exists():
            make_student(student)
            copy_student(student, folder)
            export_fp32(student, folder / FP32, OPSET)
            quantize_int8(folder / FP32, folder / INT8, "portable", [])
    return student, folder
