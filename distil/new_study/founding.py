"""Found a study: a folder with the pipeline, the user's texts and what was made for them, under git and DVC.

It is made in a folder beside and gets its name when it is whole, so that whatever goes wrong leaves nothing half done.
Nothing that is there already is touched.
"""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from distil.core.errors import InputError
from distil.core.whole_files import scratch_beside
from distil.new_study.project import copy_template
from distil.new_study.writing import NewStudy, write_files
from distil.revisions.git import last_line, run_git

OF_DVC = (".dvc/.gitignore", ".dvc/config", ".dvcignore")
DVC_CONFIG = "[core]\n    analytics = false\n    check_update = false\n"


def check_place(folder: Path) -> None:
    """Raise `InputError` where a study cannot be made: something is there."""
    if folder.is_dir():
        if any(folder.iterdir()):
            raise InputError(f"{folder} is not empty, and nothing in it is overwritten; name another folder")
    elif folder.exists() or folder.is_symlink():
        raise InputError(f"{folder} is there already and is no folder; name another")


def found_study(folder: Path, study: NewStudy, texts: Path, template: Sequence[str]) -> list[str]:
    """Make a study with a file of texts; returns what is to be told of it, a sentence each.

    Raises `InputError` if something is there, or cannot be written.
    """
    check_place(folder)
    try:
        with scratch_beside(folder.absolute()) as scratch:
            made = scratch / "study"
            made.mkdir()
            copy_template(template, made)
            (made / "corpus").mkdir(exist_ok=True)
            shutil.copyfile(texts, made / "corpus" / study.file)
            write_files(study, made)
            notes = [*_put_under_git(made, study), *_tell_outer_repository(folder)]
            _move(made, folder)
    except OSError as error:
        raise InputError(
            f"{folder} cannot be made ({error.strerror or error}); name a place you may write to"
        ) from None
    return notes


def _move(made: Path, folder: Path) -> None:
    """Give what was made its place; a folder that is there, perhaps one that somebody works in, stays the same one."""
    if not folder.exists():
        made.rename(folder)
        return
    for path in made.iterdir():
        path.rename(folder / path.name)


def _put_under_git(folder: Path, study: NewStudy) -> list[str]:
    """Make the folder a repository with a first commit; tell it if git does not take one.

    All that is there was written for it, so it is added whatever the user's own excludes say.
    """
    for words in (["init", "--quiet"], ["add", "--all", "--force"]):
        _check(run_git(folder, *words), f"git {words[0]}")
    _init_dvc(folder)
    _check(run_git(folder, "add", "--force", *OF_DVC), "git add")
    done = run_git(folder, "commit", "--quiet", "--message", f"A study of {study.file}, made by distil new")
    if done.returncode == 0:
        return []
    return [
        f"nothing is committed yet, since git says: {last_line(done.stderr)}; tell it who you are "
        "(git config --global user.name NAME, user.email ADDRESS), then: git commit -m 'A new study'"
    ]


def _init_dvc(folder: Path) -> None:
    command = [sys.executable, "-m", "dvc", "init", "--quiet"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)  # noqa: S603 - no shell
    _check(done, "dvc init")
    (folder / ".dvc" / "config").write_text(DVC_CONFIG, encoding="utf-8")
    shutil.rmtree(folder / ".dvc" / "tmp", ignore_errors=True)


def _check(done: subprocess.CompletedProcess[bytes], what: str) -> None:
    if done.returncode:
        raise InputError(f"'{what}' fails in the new study, so none was made: {last_line(done.stderr)}")


def _tell_outer_repository(folder: Path) -> list[str]:
    """Say if the folder lies in another repository, which would take it for a part of its own."""
    done = run_git(folder.absolute().parent, "rev-parse", "--show-toplevel")
    outer = done.stdout.decode(errors="replace").strip()
    if done.returncode or not outer:
        return []
    return [f"{folder} lies in the repository {outer} and is one of its own: name it in the .gitignore of that one"]
