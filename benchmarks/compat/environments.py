"""The commands that start the other tools, each in an environment with the versions pinned here.

An environment is made at its first use, in the user's cache folder (DISTIL_CACHE moves it), and anew when pins change.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Sequence
from pathlib import Path

from filelock import FileLock

from distil.core.errors import DistilError
from distil.core.runtime import cache_folder

HERE = Path(__file__).resolve().parent
PYTHON_PINS = [HERE / "requirements.txt"]
NODE_PINS = [HERE / "package.json", HERE / "package-lock.json"]
QUIETLY = {
    "HF_HUB_OFFLINE": "1",  # all that is needed is in the folder
    "ONNXRUNTIME_NODE_INSTALL": "skip",  # its CUDA libraries, from elsewhere; the CPU's are in the package
}


class MissingError(DistilError):
    """A program that the user has to install first is not there."""


class ToolError(DistilError):
    """A tool, or its installation, ended with an error."""


def start_transformers() -> list[str]:
    """The command of transformers 5, in the project's own environment."""
    return [sys.executable, str(HERE / "transformers_pipeline.py")]


def start_transformers_4() -> list[str]:
    """The command of transformers 4."""
    return [_bring_python(), str(HERE / "transformers_pipeline.py")]


def start_optimum() -> list[str]:
    """The command of optimum-onnx on transformers 4."""
    return [_bring_python(), str(HERE / "optimum_onnx.py")]


def start_transformers_js() -> list[str]:
    """The command of transformers.js on Node; raises `MissingError` where there is no Node or npm."""
    node, npm = _find("node"), _find("npm")

    def install(home: Path) -> None:
        for pins in NODE_PINS:
            shutil.copy(pins, home)
        run_tool([npm, "ci"], folder=home)

    home = _bring("node", NODE_PINS, install)
    program = shutil.copy(HERE / "transformers_js.mjs", home)  # Node looks for packages beside the program
    return [node, program]


def run_tool(command: Sequence[str], stdin: str = "", folder: Path | None = None) -> str:
    """Run a command to its end and return what it printed; raises `ToolError` with the last error it tells."""
    done = subprocess.run(
        command, input=stdin, capture_output=True, encoding="utf-8", cwd=folder, env=os.environ | QUIETLY, check=False
    )
    if done.returncode:
        errors = [line.strip() for line in done.stderr.splitlines() if "error" in line.lower()]
        reason = errors[-1] if errors else "it does not say why"
        raise ToolError(f"{Path(command[0]).name} exits with {done.returncode}: {reason}")
    return done.stdout


def _bring_python() -> str:
    def install(home: Path) -> None:
        venv.create(home, with_pip=True)
        run_tool([str(home / python), "-m", "pip", "install", "--requirement", str(PYTHON_PINS[0])])

    python = Path("Scripts/python.exe" if os.name == "nt" else "bin/python")
    return str(_bring(f"python-{platform.python_version()}", PYTHON_PINS, install) / python)


def _bring(name: str, pins: Sequence[Path], install: Callable[[Path], None]) -> Path:
    """Return the folder of an environment, which `install` fills unless an earlier run did to the end."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in pins)).hexdigest()
    home = cache_folder() / "compat" / f"{name}-{digest[:16]}"
    home.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{home}.lock"):
        ready = home / "ready"
        if not ready.exists():
            print(f"installing the packages of {pins[-1].name}", file=sys.stderr)
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            install(home)
            ready.touch()
    return home


def _find(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise MissingError(f"{program} is not installed")
    return path
