"""What git tracks, by git alone: the text of a file at a commit, and what has changed in a folder since one.

`Revision` reads what DVC keeps too, and takes a second to open; where git tracks the file this is enough.
"""

import hashlib
from pathlib import Path

from distil.revisions.git import run_git

HERE = Path()
VERSIONS = 50  # of a file that are looked through for one with a given hash


def read_tracked(commit: str, path: str, project: Path = Path()) -> bytes | None:
    """The bytes of a file of the project's folder as they were at a commit; None if git tracked none there."""
    done = run_git(project, "show", f"{commit}:./{Path(path).as_posix()}")
    return done.stdout if done.returncode == 0 else None


def list_tracked(commit: str, project: Path = Path()) -> list[str]:
    """The files of the project's folder that git tracked at a commit, by their paths in it."""
    done = run_git(project, "ls-tree", "-r", "-z", "--name-only", commit)
    return [path for path in done.stdout.decode(errors="surrogateescape").split("\0") if path]


def find_version(commit: str, path: str, md5: str) -> bytes | None:
    """The newest version of a file, up to a commit, that has an md5; None if none of its last fifty has."""
    done = run_git(HERE, "log", f"--max-count={VERSIONS}", "--format=%H", commit, "--", path)
    for version in [commit, *done.stdout.decode().split()]:
        content = read_tracked(version, path)
        if content is not None and hashlib.md5(content, usedforsecurity=False).hexdigest() == md5:
            return content
    return None


def list_changed(commit: str, path: str) -> list[str]:
    """The files at or under a path that are not as at a commit, new ones that git does not ignore included."""
    changed = run_git(HERE, "diff", "--relative", "--name-only", "-z", commit, "--", path)
    new = run_git(HERE, "ls-files", "--others", "--exclude-standard", "-z", "--", path)
    return sorted({name for done in (changed, new) for name in done.stdout.decode().split("\0") if name})


def find_last_change(path: str) -> str | None:
    """The commit that last changed a file; None where there is none."""
    return run_git(HERE, "log", "--max-count=1", "--format=%H", "--", path).stdout.decode().strip() or None
