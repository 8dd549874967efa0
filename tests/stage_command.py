"""The command line of a stage, as dvc.yaml has it."""

import importlib
import inspect
import sys
from pathlib import Path


def name_paths(stage: str, *paths: str | Path) -> list[str]:
    """The options that hand a stage its paths, given in the order of its `main`."""
    names = inspect.signature(importlib.import_module(f"stages.{stage}").main).parameters
    pairs = zip(names, paths, strict=True)
    return [word for name, path in pairs for word in (f"--{name.replace('_', '-')}", str(path))]


def stage_command(stage: str, *paths: str | Path) -> list[str]:
    """The words of a command that runs a stage on paths, given in the order of its `main`."""
    return [sys.executable, "-m", f"stages.{stage}", *name_paths(stage, *paths)]
