"""The YAML that DVC reads, checked before DVC does: it unfolds every alias, and some hundred bytes take all memory."""

from pathlib import Path

from distil.core.errors import InputError
from distil.core.params import PARAMS_FILE
from distil.core.yaml_files import UnsafeYamlError, load_yaml
from distil.revisions.tracked import list_tracked, read_tracked

PIPELINE = ("dvc.yaml", "dvc.lock")  # which DVC reads wherever they lie, when it opens a project


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

    Params are read beside a pipeline alone. Raises `InputError`.
    """
    tracked = list_tracked(commit, project)
    beside = {Path(path).with_name(PARAMS_FILE.name).as_posix() for path in tracked if Path(path).name in PIPELINE}
    for path in tracked:
        if Path(path).name in PIPELINE or path.endswith(".dvc") or path in beside:
            _check(read_tracked(commit, path, project) or b"", path)


def _check(content: bytes, place: str) -> None:
    try:
        load_yaml(content.decode())
    except UnsafeYamlError as error:
        raise InputError(f"{place}{error.where} is not YAML: {error.problem}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{place} cannot be read ({error})") from None
