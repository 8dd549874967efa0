"""What of this project a study of somebody's own begins with: its pipeline, without what belongs to the default study.

The project is the folder that the running code lies in, as git tracks it there and as it stands in the working tree.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path

from distil.core.errors import InputError
from distil.revisions.git import run_git

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ("dvc.lock", "metrics/")
OF_THE_DEFAULT_STUDY = ("README.md", "params.yaml", "presets/", "prompts/", "review/", "corpus/")
OF_PEOPLE = ("review/corrections.csv", "review/audit.csv")  # of which a study begins with the headers
OF_THE_PROJECT = (
    ".ci/",
    ".dvc/",
    ".github/workflows/checks.yml",
    "benchmarks/",
    "tests/",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/mutants.md",
)
LEFT_OUT = (*RESULTS, *OF_THE_DEFAULT_STUDY, *OF_THE_PROJECT)
KEPT = ("presets/teachers/", "corpus/README.md")


def list_template(project: Path = ROOT) -> list[str]:
    """The files to copy, by their paths in the project; raises `InputError` if it is no checkout."""
    listed = run_git(project, "ls-files", "-z")
    names = listed.stdout.decode().split("\0") if listed.returncode == 0 else []
    chosen = [name for name in names if name and _is_wanted(name) and (project / name).is_file()]
    if "dvc.yaml" not in chosen:
        raise InputError(
            f"distil runs from {project}, which is no checkout of its project, so there is nothing to copy; install it "
            "from a clone (make setup) and run that one"
        )
    return chosen


def copy_template(names: Iterable[str], folder: Path, project: Path = ROOT) -> None:
    """Copy files of the project into a folder."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(project / name, folder / name)
    (folder / "review").mkdir()
    for name in OF_PEOPLE:
        header = (project / name).read_text(encoding="utf-8").splitlines()[0]
        (folder / name).write_text(f"{header}\n", encoding="utf-8")


def _is_wanted(name: str) -> bool:
    return name.startswith(KEPT) or not name.startswith(LEFT_OUT)
