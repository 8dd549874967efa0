"""The YAML that DVC reads, checked before DVC does: it unfolds every alias, and some hundred bytes take all memory."""

from pathlib import Path

from distil.core.errors import InputError
from distil.core.params import PARAMS_FILE
from distil.core.yaml_files import UnsafeYamlError, load_yaml
from distil.revisions.tracked import list_tracked, read_tracked

READ_BY_DVC = ("dvc.yaml", "dvc.lock", PARAMS_FILE.name)  # wherever they lie, when it opens a project


def check_yaml(path: Path) -> None:
    """Refuse a file of the working folder that is no YAML, or too much; one that is missing is told where it is read.

    Raises `InputError`.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error})") from None
    _check(content, str(path))


def check_yaml_at(commit: str, project: Path = Path()) -> None:
    """Refuse the project as it was at a commit if of what DVC reads something is no YAML, or too much.

    Raises `InputError`.
    """
    for path in list_tracked(commit, project):
        if Path(path).name in READ_BY_DVC or path.endswith(".dvc"):
            _check(read_tracked(commit, path, project) or b"", path)


def _check(content: bytes, place: str) -> None:
    try:
        load_yaml(content.decode())
    except UnsafeYamlError as error:
        raise InputError(f"{place}{error.where} is not YAML: {error.problem}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{place} cannot be read ({error})") from None
