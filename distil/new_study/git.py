"""Run git in a folder, whichever repository the caller's environment speaks of."""

import os
import subprocess
from pathlib import Path

from distil.core.errors import InputError


def run_git(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run git there and return what came of it; raises `InputError` if there is no git."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_DIR")}
    for name in ("GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"):
        environment.pop(name, None)
    command = ["git", "-C", str(folder), *words]
    try:
        return subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, check=False)  # noqa: S603 - no shell
    except FileNotFoundError:
        raise InputError("the program git is not installed, and a study is a repository of it") from None


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """The last thing that was complained of."""
    return (done.stderr.strip().splitlines() or ["no reason given"])[-1]
