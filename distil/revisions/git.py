"""Run the program git."""

import subprocess

from distil.core.errors import InputError


def run_git(command: list[str]) -> subprocess.CompletedProcess[bytes]:
    """What a git command says, and its exit code; raises `InputError` where git is not installed."""
    try:
        return subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - no shell
    except FileNotFoundError:
        raise InputError("the program git is not installed, and revisions are read with it") from None
