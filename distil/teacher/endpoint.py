"""Where the teacher is, and whether its key may go there."""

import ipaddress
import os
import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from huggingface_hub import get_token

from distil.core.errors import InputError
from distil.core.runtime import RuntimeParams

VARIABLE = re.compile(r"[A-Za-z_]\w*")
HUGGING_FACE_HOSTS = ("huggingface.co", "hf.co", "huggingface.cloud", "hf.space")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Base URL of the teacher's API and the key to send there; the key is kept out of `repr`."""

    base_url: str
    key: str | None = field(default=None, repr=False)


def find_endpoint(runtime: RuntimeParams, model: str) -> Endpoint:
    """Where `runtime` says that the model is served, with the key from the environment or the Hugging Face token.

    Raises `InputError` if there is no URL, the key's variable is empty, or a key would go over plain http off loopback.
    """
    own = runtime.endpoints.get(model)
    place = f"runtime.endpoints[{model!r}].base_url" if own else "runtime.base_url"
    address, variable = runtime.address_of(model), own.api_key_env if own else runtime.api_key_env
    if not address and runtime.is_asleep(model):
        raise InputError(
            "runtime.hf_endpoint has no address before a run resumes it; for a batch give base_url instead"
        )
    if not address:
        raise InputError(
            "runtime.base_url in params.yaml is empty: name the teacher's API there (https://.../v1), "
            "or set annotate.server: local"
        )
    url = _split(address, place)
    if url.username or url.password:
        raise InputError(
            f"{place} holds a user or password: export the key as an environment variable instead and name "
            "the variable in api_key_env beside it"
        )
    host = url.hostname or ""
    key = _find_key(host, variable)
    if key and url.scheme == "http" and not is_loopback(host):
        raise InputError(f"the key would go to {host} over plain http; use https in {place}")
    return Endpoint(address.rstrip("/"), key)


def is_here(address: str | None) -> bool:
    """Whether an address is one of this machine; an address that is none is not."""
    try:
        return address is not None and is_loopback(urlsplit(address).hostname or "")
    except ValueError:
        return False


def _split(address: str, place: str) -> SplitResult:
    try:
        url = urlsplit(address)
        usable = url.scheme in ("http", "https") and url.hostname and url.port != 0
    except ValueError:  # a bracket that is not closed, or a port above 65535
        usable = False
    if not usable:
        raise InputError(f"{place} = {address!r} is not an http(s) URL")
    return url


def _find_key(host: str, variable: str | None) -> str | None:
    if variable:
        if not VARIABLE.fullmatch(variable):
            raise InputError("api_key_env in section runtime takes the NAME of an environment variable, not a key")
        key = os.environ.get(variable, "").strip()
        if not key:
            raise InputError(
                f"the environment variable {variable} (api_key_env in section runtime) is empty; export the key there"
            )
        if not (key.isascii() and key.isprintable()):
            raise InputError(f"the environment variable {variable} holds more than a key: a line end, or other signs")
        return key
    if any(host == known or host.endswith("." + known) for known in HUGGING_FACE_HOSTS):
        return get_token()
    return None


def is_loopback(host: str) -> bool:
    """Whether the host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
