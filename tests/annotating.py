"""Set up a toy study in the working folder and run the stage annotate on it, against a loopback teacher."""

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
from conftest import ROOT, Project
from loopback_teacher import LoopbackTeacher
from stage_command import stage_command

from distil.core.tables import ANNOTATIONS, TEXTS, read_rows, write_rows
from stages.annotate import main

ANNOTATE: dict[str, Any] = {
    "prompt": "prompt.md",
    "method": "generate",
    "protocol": "chat",
    "server": "endpoint",
    "model": "toy-teacher",
    "votes": 1,
    "max_tokens": 50,
    "temperature": 0.7,
}
TEXT_ROWS = [
    "it is good",
    "it is bad",
    "it is {labels}",
    'quotes " and \n lines',
    "Label: positive",
    "\U0001f600",
    "w " * 10_000,
]
NAMES = "texts.parquet assets.txt annotations.parquet annotate.json"
PATHS = tuple(map(Path, NAMES.split()))


def set_up(project: Project, server: LoopbackTeacher, texts: list[str] | None = None, **annotate: Any) -> None:
    folder = project(
        annotate=ANNOTATE | annotate, runtime={"base_url": server.url, "retry_wait_s": 0.001, "timeout_s": 5}
    )
    (folder / "prompt.md").write_text("Label with {labels}: {text}\n", encoding="utf-8")
    rows = [{"id": hashlib.sha256(text.encode()).hexdigest()[:16], "text": text} for text in texts or TEXT_ROWS]
    write_rows(folder / "texts.parquet", TEXTS, rows)


def annotate() -> pd.DataFrame:
    main(*PATHS)
    return read_rows(PATHS[2], ANNOTATIONS)


def by_number(_body: dict[str, Any], number: int) -> str:
    return '{"reason": "so", "label": "positive"}' if number % 2 else "negative"


def run_stage() -> subprocess.CompletedProcess[str]:
    command = stage_command("annotate", *PATHS)
    return subprocess.run(
        command, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60
    )
