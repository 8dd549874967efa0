"""What an endpoint says went wrong, in one short line."""

import json
from typing import Any

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
