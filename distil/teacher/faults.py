"""Faults of an HTTP API that mean the same whatever is asked of it, in words for the user and never with the key."""

import json
from typing import Any

import aiohttp

from distil.core.errors import EndpointError
from distil.teacher.endpoint import Endpoint

MOST_BYTES = 4_000_000  # of an answer that are read: dozens of times what a long thought takes
PASSING = {408, 409, 425}  # and all from 500 on; 429 is a limit, and no fault
QUOTA = "insufficient_quota"
REMEDIES = {
    401: "the key is missing or wrong: see runtime.api_key_env",
    402: "payment is required: top up the account",
}


def make_headers(endpoint: Endpoint) -> dict[str, str]:
    """The headers that show the endpoint its key."""
    return {"Authorization": f"Bearer {endpoint.key}"} if endpoint.key else {}


def hide_key(endpoint: Endpoint, text: str) -> str:
    """The text without the key, which an endpoint may quote."""
    return text.replace(endpoint.key, "***") if endpoint.key else text


async def read_body(response: aiohttp.ClientResponse) -> bytes:
    """What came, of which no more is waited for than a little over MOST_BYTES, where it is longer than that."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MOST_BYTES:
            break
    return bytes(body)


def describe_redirect(response: aiohttp.ClientResponse) -> str | None:
    """Where an answer leads that is a redirect, which is never followed: the key would go there too."""
    if not 300 <= response.status < 400:
        return None
    target = " ".join(response.headers.get("Location", "elsewhere").split())
    return f"it redirects to {target}, which is not followed: if it lasts, put the final address into runtime.base_url"


def describe_response(endpoint: Endpoint, status: int, text: str) -> str:
    """The status and one short line of what the endpoint said, without the key."""
    words = describe_error(read_error(hide_key(endpoint, text)))
    return words if words.startswith(f"{status}:") else f"{status}: {words}"


def describe_broken_connection(error: aiohttp.ClientError) -> str:
    """Why nothing came, in a few words."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot connect: {error.strerror or error}"
    return f"broken connection: {type(error).__name__}"


def is_quota_used_up(status: int, text: str) -> bool:
    """Whether an error says so; a 500 that only quotes the word does not."""
    return QUOTA in find_error_codes(read_error(text)) or (status == 429 and QUOTA in text)


def make_lasting_fault(
    endpoint: Endpoint, path: str, response: aiohttp.ClientResponse, text: str, remedy: str
) -> EndpointError:
    """The error for an answer that no retry can mend; `remedy` is for a status that stands for nothing else."""
    said = describe_response(endpoint, response.status, text)
    if is_quota_used_up(response.status, text):
        return EndpointError(f"{endpoint.base_url} says that the quota is used up ({said}); top up, then run again")
    return EndpointError(f"{endpoint.base_url}{path} answers {said}; {remedy}")


SHOWN_CHARACTERS = 200


def read_error(text: str) -> Any:
    """The body of an answer that is an error: JSON, or the text itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def describe_error(said: Any) -> str:
    """One short line of what is said: a text, an object with a message, or one around either under `error`."""
    while isinstance(said, dict) and (said.get("error") or said.get("message")):
        said = said.get("error") or said["message"]
    words = said if isinstance(said, str) else json.dumps(said)
    line = " ".join(words.encode("utf-8", "replace").decode().split())  # half a surrogate pair cannot be printed
    return line if len(line) <= SHOWN_CHARACTERS else line[:SHOWN_CHARACTERS] + "..."


def find_error_codes(said: Any) -> list[Any]:
    """The words that stand for the error in OpenAI's protocol: its code and its type."""
    error = said.get("error") if isinstance(said, dict) else None
    return [error.get("code"), error.get("type")] if isinstance(error, dict) else []
