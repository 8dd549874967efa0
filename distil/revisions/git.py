"""Run the program git in a folder, whichever repository the caller's environment speaks of, as that of a hook does."""

import os
import subprocess
from pathlib import Path

from distil.core.errors import InputError

OF_ANOTHER = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")  # variables that would lead elsewhere


def run_git(folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    """What a git command says there, and its exit code; raises `InputError` where git is not installed."""
    environment = {name: value for name, value in os.environ.items() if name not in OF_ANOTHER}
    command = ["git", "-C", str(folder), *words]
    try:
        return subprocess.run(command, capture_output=True, env=environment, check=False)  # noqa: S603 - no shell
    except FileNotFoundError:
        raise InputError("the program git is not installed, and a study is a repository of it") from None


def last_line(complaint: bytes) -> str:
    """The last thing that a program complained of."""
    return (complaint.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
