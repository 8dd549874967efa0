"""Bring a model, or one file of it, from the Hugging Face Hub at a fixed commit.

The library's own cache, endpoint (HF_ENDPOINT) and token (HF_TOKEN or `hf auth login`) hold.
"""

from pathlib import Path

from huggingface_hub import get_token, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import httpx  # type: ignore[attr-defined]  # the library's own HTTP client, exported lazily

from distil.assets.offline import WITHOUT_NETWORK
from distil.core.errors import AssetError
from distil.core.secrets import Secrets

HUB_ERRORS = (OSError, ValueError, httpx.HTTPError)  # what the library's own errors derive from
MODEL_FILES = ["*.json", "*.safetensors", "*.txt", "*.model"]  # configuration, weights, vocabularies


def bring_model(repository: str, commit: str, inside: str | None = None) -> Path:
    """Return the local folder of a model repository, or the file `inside` it, at a commit.

    Of a whole repository only what transformers needs is brought, weights as safetensors. Raises `AssetError`.
    """
    try:
        if inside:
            return Path(hf_hub_download(repository, inside, revision=commit))
        return Path(snapshot_download(repository, revision=commit, allow_patterns=MODEL_FILES))
    except HUB_ERRORS as error:
        raise AssetError(f"hf:{repository}@{commit}: {explain_absence(error)}") from None


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
