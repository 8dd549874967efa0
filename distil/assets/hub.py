"""Bring a model, or one file of it, from the Hugging Face Hub at a fixed commit.

The library's own cache, endpoint (HF_ENDPOINT) and token (HF_TOKEN or `hf auth login`) hold. No more is brought than a
machine can use: the Hub is asked for the sizes first.
"""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from huggingface_hub import constants, get_session, get_token, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    DryRunError,
    EntryNotFoundError,
    GatedRepoError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import httpx  # type: ignore[attr-defined]  # the library's own HTTP client, exported lazily
from tqdm.auto import tqdm

from distil.assets.bounds import check_coming
from distil.assets.offline import WITHOUT_NETWORK
from distil.assets.packages import file_sha256
from distil.assets.redirects import check_redirect, is_plain
from distil.core.errors import AssetError
from distil.core.secrets import Secrets

HUB_ERRORS = (OSError, ValueError, httpx.HTTPError)  # what the library's own errors derive from
KEPT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")  # names of files in the library's cache
MODEL_FILES = ["*.json", "*.safetensors", "*.txt", "*.model"]  # configuration, weights, vocabularies


def bring_model(repository: str, commit: str, inside: str | None = None) -> Path:
    """Return the local folder of a model repository, or the file `inside` it, at a commit.

    Of a whole repository only what transformers needs is brought, weights as safetensors. Raises `AssetError`, and
    `TooMuchError` where more would come than any model has.
    """
    follow_no_plain_http()
    name = f"hf:{repository}@{commit}"
    try:
        check_coming(name, _list_coming(repository, commit, inside))
        if inside:
            path = Path(hf_hub_download(repository, inside, revision=commit))
        else:
            path = Path(snapshot_download(repository, revision=commit, allow_patterns=MODEL_FILES))
    except HUB_ERRORS as error:
        raise AssetError(f"{name}: {explain_absence(error)}") from None
    check_kept(path)
    return path


def _list_coming(repository: str, commit: str, inside: str | None) -> Sequence[int | None]:
    """The sizes of what is not in the library's cache yet, in bytes; of a repository that cannot be asked, none."""
    if inside:
        files = [hf_hub_download(repository, inside, revision=commit, dry_run=True)]
    else:
        try:
            files = snapshot_download(
                repository, revision=commit, allow_patterns=MODEL_FILES, dry_run=True, tqdm_class=_NoBar
            )
        except DryRunError:
            return []
    return [file.file_size for file in files if file.will_download]


class _NoBar(tqdm):  # type: ignore[type-arg]
    """A bar that is not shown: looking takes no time that is worth one."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings | {"disable": True})


def follow_no_plain_http() -> None:
    """Let the library not follow where it is sent on to plain http, unless HF_ENDPOINT itself is such an address."""
    hooks = get_session().event_hooks["request"]
    if _check_request not in hooks:
        hooks.append(_check_request)


def _check_request(request: Any) -> None:
    if urlsplit(constants.ENDPOINT).scheme == "https" and is_plain(str(request.url)):
        check_redirect(constants.ENDPOINT, str(request.url))


def check_kept(path: Path) -> None:
    """Raise `AssetError` if a file is not what the library once brought, by the hash under which its cache keeps it.

    That is the sha256 of a large file, and git's hash of a small one; where files are kept otherwise nothing is known.
    """
    for file in [path] if path.is_file() else sorted(path.rglob("*")):
        kept = file.resolve()
        if not file.is_file() or not KEPT.fullmatch(kept.name) or kept.parent.name != "blobs":
            continue
        if kept.name != (file_sha256(kept) if len(kept.name) == hashlib.sha256().digest_size * 2 else _hash_git(kept)):
            raise AssetError(f"{kept}, which is {file.name}, is not what the Hub sent; delete it and run again")


def _hash_git(path: Path) -> str:
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def explain_absence(error: Exception, ways: str = WITHOUT_NETWORK) -> str:
    """Tell in one line why something cannot be had from the Hub, and the ways without a network if that is why."""
    unreachable = isinstance(error, LocalEntryNotFoundError | OfflineModeIsEnabled | httpx.TransportError)
    return explain_hub_error(error) + (f"; {ways}" if unreachable else "")


def explain_hub_error(error: Exception) -> str:
    """Tell in one line what an error of huggingface_hub means, and what to do."""
    match error:
        case GatedRepoError():
            return "gated; accept its terms on its page on the Hub, then log in with 'hf auth login' or set HF_TOKEN"
        case RepositoryNotFoundError():
            return "not on the Hub, or private; check the name, or log in with 'hf auth login' or set HF_TOKEN"
        case RevisionNotFoundError():
            return "the Hub has no such revision of it; take one from the page's list of commits"
        case LocalEntryNotFoundError():
            return (
                f"neither in the cache nor to be had from the Hub ({_in_one_line(error.__cause__)}); check the network"
            )
        case EntryNotFoundError():
            return "no such file at that revision; look under 'Files' on its page on the Hub"
        case OfflineModeIsEnabled():
            return "the Hub is not asked, since HF_HUB_OFFLINE is set"
        case httpx.TransportError():
            return f"the Hub cannot be reached ({_in_one_line(error)}); check the network"
        case _:
            return _in_one_line(error)


def _in_one_line(error: BaseException | None) -> str:
    """What the library says, often in the server's words, which may quote the token."""
    return " ".join(Secrets([get_token()]).hide(str(error)).split()) or type(error).__name__
