"""The study in the working folder: where a stage's files are, as dvc.yaml says, and all that it asks."""

import json
import shlex
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from distil.annotate.questions import Job, make_job
from distil.compare.params import CompareParams
from distil.core.errors import InputError
from distil.core.params import TaskParams, load_params
from distil.core.runtime import RuntimeParams
from distil.core.yaml_files import load_yaml
from distil.labels.params import SplitParams
from distil.prompting.params import AnnotateParams

DVC_FILE = Path("dvc.yaml")
ABSENT_FROM_CACHE = "not in cache"  # says nothing about the files themselves


def open_job() -> tuple[Job, RuntimeParams]:
    """The job of the study, and what this machine allows.

    Raises `InputError` if the texts are not fetched yet, or the params or files of the study are wrong.
    """
    texts, assets = stage_path("annotate", "--texts"), stage_path("annotate", "--assets")
    runtime = load_params("runtime", RuntimeParams)
    task, params = load_params("task", TaskParams), load_params("annotate", AnnotateParams)
    if not texts.is_file():
        raise InputError(f"{texts} is missing; run 'dvc repro fetch'")
    return make_job(task, params, texts, assets, runtime.device), runtime


def open_comparison() -> Job | None:
    """The job of the study's candidates, as the stage has it; None where section compare names none."""
    params = load_params("compare", CompareParams)
    if not params.candidates:
        return None
    texts, prompts, assets = (stage_path("compare", option) for option in ("--texts", "--prompts", "--assets"))
    from distil.compare.job import make_comparison  # half a second to import, and most studies have no candidates

    task, annotate = load_params("task", TaskParams), load_params("annotate", AnnotateParams)
    split, device = load_params("split", SplitParams), load_params("runtime", RuntimeParams).device
    return make_comparison(params, annotate, task, split, texts, prompts, assets, device).job


def open_jobs() -> list[Job]:
    """All that the study asks: its teacher's job, and that of its candidates if it has any."""
    jobs = [open_job()[0], open_comparison()]
    return [job for job in jobs if job]


def planned_keys(jobs: Sequence[Job]) -> set[str]:
    """The keys of every request that the jobs may ask."""
    return {request.key for job in jobs for plan in job.plans for request in job.planned(plan)}


def list_stages() -> list[str]:
    """The names of the stages in dvc.yaml; raises `InputError` if the working folder has none."""
    with _reading("stages"):
        return list(_read_dvc_file()["stages"])


def stage_path(stage: str, option: str) -> Path:
    """The path that dvc.yaml hands to a stage as an option.

    Raises `InputError` if the working folder has no such stage, or its command no such option.
    """
    with _reading(f"{option} in the cmd of stage {stage}"):
        words = shlex.split(_read_dvc_file()["stages"][stage]["cmd"])
        return Path(words[words.index(option) + 1])


def artifact_path(name: str) -> Path:
    """The path of an artifact of dvc.yaml; raises `InputError` if the working folder has no such artifact."""
    with _reading(f"artifact {name}"):
        return Path(_read_dvc_file()["artifacts"][name]["path"])


def check_fresh(stages: Sequence[str]) -> None:
    """Raise `InputError` if `dvc status` finds that the files are not what the study as it stands makes."""
    for stale in list_stale(stages):
        raise InputError(stale)


def list_stale(stages: Sequence[str], absent: Collection[str] = ()) -> list[str]:
    """What of the files is not what the study as it stands makes, in a line each, by `dvc status`.

    The paths in `absent` may be missing. Raises `InputError` if DVC cannot tell.
    """
    command = [sys.executable, "-m", "dvc", "status", "--json", *stages]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)  # noqa: S603 - no shell, no user's word
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise InputError(f"'dvc status' fails, so nobody knows whether the files are up to date: {last}")
    return [
        f"stage {stage} is out of date ({what}); run 'dvc repro', or in a clone 'dvc pull'"
        for stage, changes in json.loads(done.stdout).items()
        for what in list_changes(changes)
        if what not in {f"{path}: deleted" for path in absent}
    ]


def cached_outputs() -> list[str]:
    """The paths that DVC keeps in its cache and git does not have; a clone may do without them."""
    with _reading("outs"):
        return [str(path) for stage in _read_dvc_file()["stages"].values() for path in stage.get("outs", [])]


def list_changes(changes: list[Any]) -> list[str]:
    """What `dvc status` says of one stage, in a line each: a path and how it changed, or another change by its name."""
    found = []
    for change in changes:
        if isinstance(change, str):  # as "changed command"
            found.append(change)
            continue
        for paths in change.values():
            found += [f"{path}: {describe_change(how)}" for path, how in paths.items() if how != ABSENT_FROM_CACHE]
    return found


def describe_change(how: Any) -> str:
    """How a path changed: a word, or for a params file each of its keys with a word."""
    return how if isinstance(how, str) else ", ".join(f"{key} {word}" for key, word in how.items())


def _read_dvc_file() -> Any:
    return _parse(DVC_FILE.read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def _parse(text: str) -> Any:
    return load_yaml(text)


@contextmanager
def _reading(part: str) -> Iterator[None]:
    """Turn what goes wrong while a part of dvc.yaml is read into an `InputError`."""
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{DVC_FILE} is missing here; run distil in the project's folder") from None
    except (LookupError, TypeError, AttributeError, ValueError, OSError) as error:
        fault = " ".join(str(error).split())
        raise InputError(
            f"{DVC_FILE} has no usable {part} ({type(error).__name__}: {fault}); 'git checkout -- {DVC_FILE}' mends it"
        ) from None
