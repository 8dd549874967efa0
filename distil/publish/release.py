"""Put the exported student, or the labels as a dataset, on the Hugging Face Hub as one commit: files and a card.

The library's own endpoint (HF_ENDPOINT), token (HF_TOKEN or `hf auth login`) and way of uploading hold. A repository
that is not there is made; one that is there keeps its visibility, which has to be the one that was asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, RevisionNotFoundError
from huggingface_hub.hf_api import DatasetInfo, ModelInfo
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # documented, exported lazily

from distil.assets.hub import HUB_ERRORS, explain_hub_error, follow_no_plain_http
from distil.core.errors import DistilError, InputError
from distil.core.links import leads_out
from distil.core.params import Kind
from distil.report.usage import address_card

CARD = "README.md"
NEEDED = (
    "config.json",
    "model.safetensors",
    "onnx/model.onnx",
    "tokenizer.json",
    "tokenizer_config.json",
)
VARIANTS = "onnx/*.onnx"  # there may be more precisions than fp32
OWN_FILES = {"model": VARIANTS, "dataset": "data/*.parquet"}  # of these the Hub keeps none but those that come
FORBIDDEN = 403


class PublishError(DistilError):
    """The Hub cannot be reached, or does not let the student in as it was asked to."""


@dataclass(frozen=True)
class Release:
    """What goes where."""

    repository: str  # owner/name
    files: Mapping[str, Path]  # by their path in the repository
    card: str
    message: str  # of the commit
    is_public: bool = False
    revision: str | None = None  # a branch, made if it is not there; null: main
    kind: Literal["model", "dataset"] = "model"


@dataclass(frozen=True)
class Published:
    """Where it is now."""

    url: str
    commit: str  # the one made, or the latest one if that has all of it already
    is_private: bool  # as the Hub says
    removed: tuple[str, ...]  # ONNX files of an earlier release, which are of other weights


def check_name(repository: str) -> None:
    """Raise `InputError` unless the name is an owner/name that the Hub can have."""
    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise InputError(f"{repository!r} is no name of a repository: {error}") from None
    if "/" not in repository:
        raise InputError(f"{repository!r} names no owner; write owner/{repository}")


def collect_files(folder: Path, default: str) -> dict[str, Path]:
    """The files of an exported student by their path in it, of which `default` is the ONNX file to use.

    Raises `InputError` if one that is needed is missing, or if one is a link that leads out of the folder.
    """
    variants = [path for path in folder.glob(VARIANTS) if not path.name.startswith(".") and not path.is_dir()]
    found = {*NEEDED, default, *(path.relative_to(folder).as_posix() for path in variants)}
    files = {name: folder / name for name in sorted(found)}
    for path in files.values():
        if leads_out(path, folder):
            raise InputError(f"{path} is a link that leads out of {folder}; put the file itself there, or take it out")
        if not path.is_file():
            raise InputError(f"{path} is missing; 'dvc repro' writes it, 'dvc pull' brings it")
    return files


def read_card(path: Path, kind: Kind, default: str, repository: str) -> str:
    """The model card, telling of the repository; raises `InputError` if it is missing or another version's."""
    try:
        return address_card(path.read_text(encoding="utf-8"), kind, default, repository)
    except FileNotFoundError:
        raise InputError(f"{path} is missing; 'dvc repro' writes it, 'dvc pull' brings it") from None


def publish(release: Release, api: HfApi) -> Published:
    """Make the repository if need be, and commit the files; raises `PublishError`.

    Nothing is sent before the token is known to be good and the repository to be as private as was asked.
    """
    follow_no_plain_http()
    try:
        api.whoami()
        api.create_repo(release.repository, repo_type=release.kind, private=not release.is_public, exist_ok=True)
        return _commit(api, release)
    except RuntimeError as error:  # around what went wrong in the upload of one file
        raise _explain(error.__cause__ if isinstance(error.__cause__, Exception) else error, release) from None
    except HUB_ERRORS as error:
        raise _explain(error, release) from None


def _commit(api: HfApi, release: Release) -> Published:
    """Commit the files to a repository that is there, if it is as private as was asked."""
    info = _look(api, release)
    if bool(info.private) == release.is_public:
        raise PublishError(_explain_visibility(release))
    if release.revision:
        info = _open_branch(api, release, release.revision) or info
    removed = _list_outdated([sibling.rfilename for sibling in info.siblings or []], release)
    commit = api.create_commit(
        release.repository,
        [
            CommitOperationAdd(CARD, release.card.encode()),
            *(CommitOperationAdd(name, path) for name, path in release.files.items()),
            *(CommitOperationDelete(name) for name in removed),
        ],
        repo_type=release.kind,
        commit_message=release.message,
        revision=release.revision,
    )
    place = f"{api.endpoint}/{'datasets/' if release.kind == 'dataset' else ''}{release.repository}"
    place += f"/tree/{release.revision}" if release.revision else ""
    return Published(place, commit.oid, bool(info.private), removed)


def _look(api: HfApi, release: Release, branch: str | None = None) -> ModelInfo | DatasetInfo:
    look = api.model_info if release.kind == "model" else api.dataset_info
    return look(release.repository, revision=branch)


def _open_branch(api: HfApi, release: Release, branch: str) -> ModelInfo | DatasetInfo | None:
    """What is on the branch; null if it had to be made, from main."""
    try:
        return _look(api, release, branch)
    except RevisionNotFoundError:
        api.create_branch(release.repository, repo_type=release.kind, branch=branch)
        return None


def _list_outdated(there: Sequence[str], release: Release) -> tuple[str, ...]:
    """Files that tools would open, with the weights or the rows of before: there, and not among those that come."""
    pattern = f"/{OWN_FILES[release.kind]}"
    return tuple(name for name in there if PurePosixPath("/", name).match(pattern) and name not in release.files)


def _explain_visibility(release: Release) -> str:
    if release.is_public:
        return (
            f"{release.repository} is private on the Hub; leave out --public, or make it public in its settings there"
        )
    return (
        f"{release.repository} is public on the Hub, so what is published there is not private; give --public, or make "
        "it private in its settings there"
    )


def _explain(error: Exception, release: Release) -> PublishError:
    match error:
        case LocalTokenNotFoundError():
            reason = "no token for the Hub; log in with 'hf auth login', or set HF_TOKEN"
        case HfHubHTTPError() if error.response.status_code == FORBIDDEN:
            reason = (
                f"the Hub forbids it ({error.server_message or 'no reason given'}); take a token that may write there"
            )
        case _:
            reason = explain_hub_error(error)
    return PublishError(f"{release.repository}: {reason}")
