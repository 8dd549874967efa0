"""Where a stage's files are, as dvc.yaml says: the one place of paths."""

import shlex
from pathlib import Path

import yaml

from distil.errors import InputError

DVC_FILE = Path("dvc.yaml")


def stage_paths(name: str) -> list[Path]:
    """The paths that dvc.yaml hands to a stage, in the order of the stage's `main`.

    Raises `InputError` if the working folder has no such stage.
    """
    try:
        command = yaml.safe_load(DVC_FILE.read_text(encoding="utf-8"))["stages"][name]["cmd"]
        words = shlex.split(command)
    except FileNotFoundError:
        raise InputError(f"{DVC_FILE} is missing here; run distil in the project's folder") from None
    except (KeyError, TypeError, AttributeError, ValueError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{DVC_FILE} has no usable stage {name} ({type(error).__name__}: {error})") from None
    return [Path(word) for word in words[words.index(f"stages.{name}") + 1 :]]
