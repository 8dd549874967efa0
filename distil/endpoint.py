"""Where the teacher is, and whether its key may go there."""

import ipaddress
import os
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from huggingface_hub import get_token

from distil.errors import InputError
from distil.runtime import RuntimeParams

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
    address, variable = (own.base_url, own.api_key_env) if own else (runtime.base_url, runtime.api_key_env)
    if not address:
        raise InputError(
            "runtime.base_url in params.yaml is empty: name the teacher's API there (https://.../v1), "
            "or set annotate.server: local"
        )
    url = urlsplit(address)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise InputError(f"{place} = {address!r} is not an http(s) URL")
    if url.username or url.password:
        raise InputError(
            f"{place} holds a user or password: export the key as an environment variable instead and name "
            "the variable in api_key_env beside it"
        )
    key = _find_key(url.hostname, variable)
    if key and url.scheme == "http" and not is_loopback(url.hostname):
        raise InputError(f"the key would go to {url.hostname} over plain http; use https in {place}")
    return Endpoint(address.rstrip("/"), key)


def _find_key(host: str, variable: str | None) -> str | None:
    if variable:
        key = os.environ.get(variable, "").strip()
        if not key:
            raise InputError(
                f"the environment variable {variable} (api_key_env in section runtime) is empty; export the key there"
            )
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
