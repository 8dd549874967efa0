"""Where the teacher is, and whether its key may go there."""

import os
import re
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import urlsplit

from huggingface_hub import get_token

from distil.core.addresses import is_loopback, split_address
from distil.core.errors import InputError
from distil.core.runtime import RuntimeParams
from distil.core.secrets import Secrets

VARIABLE = re.compile(r"[A-Za-z_]\w*")
PLAIN_NAME = re.compile(r"[A-Z]{1,16}(?:_[A-Z]{1,16})*(?:_?\d{1,2})?")  # of a variable; a key does not look so
KEY_INSTEAD = "export it as an environment variable, and name the variable in api_key_env beside it"
TOKEN_VARIABLE = "HF_TOKEN"  # noqa: S105 (its name)
HUGGING_FACE_HOSTS = ("router.huggingface.co", "huggingface.co")  # a Space, or an endpoint, may be anybody's


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Base URL of the teacher's API and the key to send there; the key is kept out of `repr`."""

    base_url: str
    key: str | None = field(default=None, repr=False)

    @property
    def secrets(self) -> Secrets:
        """The key, to be taken out of all that comes from there."""
        return _secrets_of(self.key)


@lru_cache
def _secrets_of(*keys: str | None) -> Secrets:
    return Secrets(keys)


def find_endpoint(runtime: RuntimeParams, model: str) -> Endpoint:
    """Where `runtime` says that the model is served, with the key from the environment or the Hugging Face token.

    The token goes, unasked, to the Hub, its router, and an endpoint of the user's own that the Hub's API has named.
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
    url = split_address(address, place, KEY_INSTEAD)
    host = url.hostname or ""
    trusted = host in HUGGING_FACE_HOSTS or (runtime.hf_endpoint is not None and not own)
    key = _read_key(variable) if variable else _read_token() if trusted else None
    if key and url.scheme == "http" and not is_loopback(host):
        raise InputError(f"the key would go to {host} over plain http; use https in {place}")
    return Endpoint(address.rstrip("/"), key)


def find_secrets(runtime: RuntimeParams) -> Secrets:
    """All keys that `runtime` names and the Hugging Face token, as far as they are there."""
    variables = [runtime.api_key_env, *(own.api_key_env for own in runtime.endpoints.values())]
    return _secrets_of(get_token(), *(os.environ.get(name, "").strip() for name in variables if name))


def is_here(address: str | None) -> bool:
    """Whether an address is one of this machine; an address that is none is not."""
    try:
        return address is not None and is_loopback(urlsplit(address).hostname or "")
    except ValueError:
        return False


def advise_on_key(endpoint: Endpoint) -> str:
    """What to do where an endpoint wants a key, or another one."""
    if endpoint.key:
        return "the key is wrong: see runtime.api_key_env"
    host = urlsplit(endpoint.base_url).hostname or ""
    if host.endswith((".hf.space", ".huggingface.cloud")):
        return (
            "no key was sent: your Hugging Face token goes to a Space or an endpoint only if you write "
            f"api_key_env: {TOKEN_VARIABLE} beside its base_url (or name your own endpoint in runtime.hf_endpoint)"
        )
    return "no key was sent: export it as an environment variable, and name the variable in runtime.api_key_env"


def _read_key(variable: str) -> str:
    """The key in a variable; no message has the name of one that may be the key itself."""
    if not VARIABLE.fullmatch(variable):
        raise InputError("api_key_env in section runtime takes the NAME of an environment variable, not a key")
    shown = variable if PLAIN_NAME.fullmatch(variable) else "of that name (not shown: it may be a key)"
    key = os.environ.get(variable, "").strip() or (_read_token() if variable == TOKEN_VARIABLE else None)
    if not key:
        raise InputError(
            f"the environment variable {shown}, api_key_env in section runtime, is empty; export the key there, and "
            "write the variable's NAME into params.yaml"
        )
    return _check_key(key, f"the environment variable {shown}")


def _read_token() -> str | None:
    token = get_token()
    return token and _check_key(token, "the Hugging Face token")


def _check_key(key: str, place: str) -> str:
    if not (key.isascii() and key.isprintable()):
        raise InputError(f"{place} holds more than a key: a line end, or other signs")
    return key
