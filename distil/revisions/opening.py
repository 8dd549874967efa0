"""The project as it was at a revision of git: files that git tracks, and outputs that DVC keeps.

DVC's own file system reads both in one way, whatever remote or cache an output lies in
(https://doc.dvc.org/api-reference/dvcfilesystem).
"""

from pathlib import Path

from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException

from distil.core.errors import InputError
from distil.revisions.dvc_files import check_yaml_at
from distil.revisions.git import run_git


class NotInCacheError(InputError):
    """What a revision's stages wrote is in no cache or remote that this machine reaches."""


class Revision:
    """What was committed as `name`: a branch, a tag, `HEAD~1`, the beginning of a commit's hash.

    Raises `InputError` if the working folder is not under git, git knows no commit of that name, or DVC cannot read the
    project as it was then.
    """

    def __init__(self, name: str, project: Path = Path()) -> None:
        self.name = name
        self.commit = find_commit(name, project)
        self._folder = _place_in_repository(project.resolve())
        try:
            check_yaml_at(self.commit, project)
            self._files = DVCFileSystem(str(project.resolve()), rev=self.commit, subrepos=True)
            self._files.ls(self._folder.as_posix())  # reads dvc.yaml and dvc.lock
        except (DvcException, InputError) as error:
            raise InputError(f"revision {name!r} cannot be opened: {' '.join(str(error).split())}") from None

    def has(self, path: str | Path) -> bool:
        """Whether git or DVC tracked a file of this path then."""
        return bool(self._files.isfile(self._locate(path)))

    def read(self, path: str | Path) -> bytes:
        """The bytes of a file.

        Raises `InputError` if nothing of that path was tracked then, and `NotInCacheError` if its bytes are in no cache
        or remote that this machine reaches.
        """
        place = Path(path).as_posix()
        if not self.has(path):
            raise InputError(f"revision {self.name!r} has no file {place}")
        try:
            with self._files.open(self._locate(path), "rb") as file:
                return bytes(file.read())
        except (OSError, DvcException):
            raise NotInCacheError(
                f"{place} of revision {self.name!r} is not in DVC's cache here; bring it with 'dvc fetch' on that "
                f"revision (dvc fetch --all-commits), or run 'dvc repro' there"
            ) from None

    def _locate(self, path: str | Path) -> str:
        return (self._folder / Path(path)).as_posix()


def _place_in_repository(project: Path) -> Path:
    """Where in the repository of git the project's folder is; a commit has files from the top on."""
    top = next((folder for folder in (project, *project.parents) if (folder / ".git").exists()), project)
    return project.relative_to(top)


def find_commit(name: str, project: Path = Path()) -> str:
    """The full hash of the commit that `name` stands for; raises `InputError` where git knows none."""
    done = run_git(project, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if done.returncode == 0:
        return done.stdout.decode().strip()
    if run_git(project, "rev-parse", "--git-dir").returncode:
        raise InputError("this folder is not under git, so it has no revisions; 'git init' and a commit mend that")
    raise InputError(
        f"git knows no revision {name!r} here; 'git branch --all' and 'git log --oneline' list what it knows"
    )
