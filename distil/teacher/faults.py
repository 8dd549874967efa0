"""Faults of an HTTP API that mean the same whatever is asked of it, in words for the user and never with the key."""

from typing import Any

import aiohttp

from distil.core.errors import EndpointError
from distil.core.harmless import printable
from distil.teacher.endpoint import Endpoint, advise_on_key
from distil.teacher.received import describe, read_error

PASSING = {408, 409, 425}  # and all from 500 on; 429 is a limit, and no fault
QUOTA = "insufficient_quota"
NO_MODEL = {"model_not_found", "model_not_supported"}
NO_FIELD = {"unsupported_parameter", "unsupported_value"}
REMEDIES = {402: "payment is required: top up the account"}


def describe_redirect(endpoint: Endpoint, response: aiohttp.ClientResponse) -> str | None:
    """Where an answer leads that is a redirect, which is never followed: the key would go there too."""
    if not 300 <= response.status < 400:
        return None
    target = describe(response.headers.get("Location", "elsewhere"), endpoint.secrets)
    return f"it redirects to {target}, which is not followed: if it lasts, put the final address into runtime.base_url"


def describe_kind(endpoint: Endpoint, response: aiohttp.ClientResponse) -> str:
    """What an answer says that it is: its content type."""
    return describe(response.content_type, endpoint.secrets)


def describe_response(endpoint: Endpoint, status: int, text: str) -> str:
    """The status and one short line of what the endpoint said, without the key."""
    words = describe(read_error(text, endpoint.secrets), endpoint.secrets)
    return words if words.startswith(f"{status}:") else f"{status}: {words}"


def describe_broken_connection(error: aiohttp.ClientError) -> str:
    """Why nothing came, in a few words."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot connect: {printable(error.strerror or str(error))}"
    return f"broken connection: {type(error).__name__}"


def is_quota_used_up(status: int, text: str) -> bool:
    """Whether an error says so; a 500 that only quotes the word does not."""
    return QUOTA in find_error_codes(read_error(text)) or (status == 429 and QUOTA in text)


def advise_on_alike(text: str) -> str | None:
    """What to do about a refusal that every request would get, since all name the same model and fields; else None."""
    codes = find_error_codes(read_error(text))
    if NO_MODEL.intersection(map(str, codes)):
        return "no such model: check annotate.model"
    if NO_FIELD.intersection(map(str, codes)):
        return "each request has this field: annotate.extra takes one out or puts another in, such as {FIELD: null}"
    return None


def make_lasting_fault(
    endpoint: Endpoint, path: str, response: aiohttp.ClientResponse, text: str, remedy: str
) -> EndpointError:
    """The error for an answer that no retry can mend; `remedy` is for a status that stands for nothing else."""
    said = describe_response(endpoint, response.status, text)
    if is_quota_used_up(response.status, text):
        return EndpointError(f"{endpoint.base_url} says that the quota is used up ({said}); top up, then run again")
    advice = advise_on_key(endpoint) if response.status == 401 else remedy
    return EndpointError(f"{endpoint.base_url}{path} answers {said}; {advice}")


def find_error_codes(said: Any) -> list[Any]:
    """The words that stand for the error in OpenAI's protocol: its code and its type."""
    error = said.get("error") if isinstance(said, dict) else None
    return [error.get("code"), error.get("type")] if isinstance(error, dict) else []
