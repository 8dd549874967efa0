"""Why a stage would run, as far as git can tell: the lines of a prompt, the files of a folder of code."""

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from distil.core.errors import InputError
from distil.planning.pipeline import Change, Step
from distil.planning.shown import hide_secrets
from distil.revisions.opening import find_commit
from distil.revisions.tracked import find_last_change, find_version, list_changed, read_tracked

LARGEST = 200_000  # bytes of a file whose lines are compared
MOST_LINES = 12  # of a difference that is shown
MOST_FILES = 8
SHORT = 7  # digits of a commit
CODE = ".py"  # its lines are counted, not shown


@dataclass(frozen=True)
class Detail:
    """What git tells of a change: a few words, and the lines of a difference."""

    words: str = ""
    lines: list[str] = field(default_factory=list)


class History:
    """The commits to look into: the revision that the plan is against, or HEAD and the last that changed dvc.lock."""

    def __init__(self, commits: Iterable[str]) -> None:
        self.commits = list(dict.fromkeys(commits))

    def describe(self, change: Change) -> Detail:
        """What git tells of a change of a file or a folder; nothing where there is no git, or git has not its past."""
        if change.kind != "file" or change.stage or change.how not in ("modified", "new") or not self.commits:
            return Detail()
        return self._describe(change.what, str(change.old or ""))

    @cache  # noqa: B019 - a history lives as long as the command
    def _describe(self, path: str, old: str) -> Detail:
        if Path(path).is_file():
            return self._compare_lines(Path(path), old)
        for commit in reversed(self.commits):  # the run is at that of dvc.lock; what was committed since counts too
            names = list_changed(commit, path)
            if names:
                shown = ", ".join(names[:MOST_FILES]) + f", and {len(names) - MOST_FILES} more" * (
                    len(names) > MOST_FILES
                )
                return Detail(f"{shown} (since {commit[:SHORT]})")
        return Detail()

    def _compare_lines(self, path: Path, old: str) -> Detail:
        new = _as_lines(path.read_bytes())
        if new is None:
            return Detail()
        for commit in self.commits:
            content = find_version(commit, path.as_posix(), old) if old else None
            if content is not None:
                return _compare(_as_lines(content), new, path, "")
        for commit in self.commits:
            content = read_tracked(commit, path.as_posix())
            if content is not None and _as_lines(content) != new:
                unknown = "; what it ran with last is in no commit" if old else ""
                return _compare(_as_lines(content), new, path, f" since {commit[:SHORT]}{unknown}")
        return Detail()


def open_history(commit: str | None) -> History:
    """The history before a commit that the plan is against, or of the working tree; without git it is empty."""
    if commit is not None:
        return History([commit])
    try:
        head = find_commit("HEAD")
    except InputError:
        return History([])
    return History(filter(None, [head, find_last_change("dvc.lock")]))


def explain(steps: Iterable[Step], history: History) -> Iterator[tuple[Step, list[tuple[Change, Detail]]]]:
    """Each step with what git tells of each of its changes."""
    for step in steps:
        yield step, [(change, history.describe(change)) for change in step.changes]


def _as_lines(content: bytes) -> list[str] | None:
    """The lines of a text that is short enough; None for any other file."""
    if len(content) > LARGEST or b"\0" in content:
        return None
    try:
        return content.decode().splitlines()
    except UnicodeDecodeError:
        return None


def _compare(old: list[str] | None, new: list[str], path: Path, since: str) -> Detail:
    if old is None:
        return Detail()
    lines = [line[0] + hide_secrets(line[1:]) for line in list(difflib.unified_diff(old, new, lineterm="", n=0))[2:]]
    more = sum(line.startswith("+") for line in lines)
    fewer = sum(line.startswith("-") for line in lines)
    words = f"+{more} -{fewer} lines{since}"
    if path.suffix == CODE:
        return Detail(words)
    shown = lines[:MOST_LINES] + [f"... {len(lines) - MOST_LINES} more"] * (len(lines) > MOST_LINES)
    return Detail(words, shown)
