"""The one way in for what an endpoint sends: of no more bytes than fit, without the keys in use, harmless to look at.

Whatever is kept of it comes out of `read_answer` or `read_json`, and whatever is shown out of `describe`. A reply is
unpacked as it comes, a piece at a time, so that a small one which unpacks to gigabytes takes no memory.
"""

import dataclasses
import json
import zlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from distil.core.harmless import printable
from distil.core.secrets import Secrets
from distil.forms.answers import Answer
from distil.teacher.endpoint import Endpoint
from distil.teacher.protocols import Protocol, UnreadableAnswerError, find_words

PIECE_BYTES = 1 << 16
SHOWN_CHARACTERS = 200
NO_SECRETS = Secrets([])


def make_headers(endpoint: Endpoint) -> dict[str, str]:
    """The headers that show the endpoint its key, and how it may pack what it sends."""
    return {"Accept-Encoding": "gzip"} | ({"Authorization": f"Bearer {endpoint.key}"} if endpoint.key else {})


async def iter_unpacked(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The body as it comes, in pieces; the session must have `auto_decompress=False`.

    Raises `aiohttp.ClientPayloadError` if it is packed in another way than gzip, or is not what it says.
    """
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        async for piece in response.content.iter_any():
            yield piece
        return
    if encoding not in ("gzip", "x-gzip"):
        raise aiohttp.ClientPayloadError("packed in a way that was not asked for")
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    async for packed in response.content.iter_any():
        left, is_full = packed, True
        while left or is_full:
            try:
                piece = unpacker.decompress(left, PIECE_BYTES)
            except zlib.error:
                raise aiohttp.ClientPayloadError("not gzip") from None
            left, is_full = unpacker.unconsumed_tail, len(piece) == PIECE_BYTES
            yield piece
    if not unpacker.eof:
        raise aiohttp.ClientPayloadError("broken off")


async def read_body(response: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    """What came; of what is longer than `most_bytes`, little more than these."""
    body = bytearray()
    async for piece in iter_unpacked(response):
        body += piece
        if len(body) > most_bytes:
            break
    return bytes(body)


def read_json(text: bytes | str, secrets: Secrets) -> Any:
    """What JSON says, without the keys; raises `ValueError` or `RecursionError` if it is none, or nests deeply."""
    return secrets.hide_all(json.loads(text))


def read_answer(payload: Any, protocol: Protocol, secrets: Secrets) -> Answer:
    """The answer in what `read_json` gave.

    Raises `UnreadableAnswerError` if it is not of the protocol; of an error, it has the endpoint's words.
    """
    try:
        answer = protocol.answer(payload)
    except UnreadableAnswerError as error:
        said = find_words(payload)
        raise UnreadableAnswerError(f"the endpoint says: {describe(said, secrets)}" if said else str(error)) from None
    return dataclasses.replace(answer, reply=answer.reply and secrets.hide(answer.reply))  # it may have come in parts


def describe(said: Any, secrets: Secrets = NO_SECRETS) -> str:
    """One short line of what is said: a text, an object with a message, or one around either under `error`."""
    for _ in range(SHOWN_CHARACTERS):
        if not (isinstance(said, dict) and (said.get("error") or said.get("message"))):
            break
        said = said.get("error") or said["message"]
    words = said if isinstance(said, str) else _write(said)
    line = printable(" ".join(secrets.hide(words).split()))
    return line if len(line) <= SHOWN_CHARACTERS else line[:SHOWN_CHARACTERS] + "..."


def read_error(text: str, secrets: Secrets = NO_SECRETS) -> Any:
    """The body of an answer that is an error: JSON, or the text itself."""
    try:
        return read_json(text, secrets)
    except (ValueError, RecursionError):
        return text


def _write(said: Any) -> str:
    try:
        return json.dumps(said)
    except RecursionError:
        return "JSON that nests too deeply"
