"""A client of an endpoint's Batch API: files up and down, batches created and looked for.

Requests that change nothing are patient with passing faults; creating a batch, which may be paid for, is repeated only
if the first request did not arrive. The key goes to the endpoint alone: no redirect is followed, and neither a message
nor a file holds it. Source: the API reference of OpenAI (files, batches).
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import aiohttp

from distil.batch.files import STATE_FILE, clean_lines
from distil.core.errors import EndpointError
from distil.core.runtime import RuntimeParams
from distil.teacher import faults
from distil.teacher.endpoint import Endpoint
from distil.teacher.faults import (
    PASSING,
    describe_broken_connection,
    describe_kind,
    describe_redirect,
    describe_response,
    is_quota_used_up,
    make_lasting_fault,
)
from distil.teacher.rate_headers import read_retry_after_s
from distil.teacher.received import iter_unpacked, make_headers, read_body, read_json

REMEDIES = faults.REMEDIES | {
    403: "the key may not use batches or this model",
    404: "has this endpoint a Batch API? check runtime.base_url; a file or batch may also be gone from it",
}
LONGEST_WAIT_S = 60.0
LONGEST_ID = 500  # characters
RETRIES_TO_CONNECT = 2  # an endpoint that is not there is not waited for
SLOWEST_BYTES_A_SECOND = 50_000  # an upload that is slower is given up

Json = dict[str, Any]
Answered = TypeVar("Answered")
Reader = Callable[[aiohttp.ClientResponse], Awaitable[Answered]]


class BatchFaultError(Exception):
    """A fault that a retry may mend; `arrived`: the endpoint may have done what was asked."""

    def __init__(
        self, message: str, wait_s: float | None = None, *, arrived: bool = True, unreachable: bool = False
    ) -> None:
        super().__init__(message)
        self.wait_s = wait_s
        self.arrived = arrived
        self.unreachable = unreachable


class BatchClient:
    """A client of one endpoint's Batch API, to be used as an async context manager."""

    def __init__(self, endpoint: Endpoint, runtime: RuntimeParams) -> None:
        self.endpoint = endpoint
        self.runtime = runtime

    async def __aenter__(self) -> Self:
        silence_s = self.runtime.timeout_s
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=silence_s, sock_read=silence_s)
        self._session = aiohttp.ClientSession(
            headers=make_headers(self.endpoint), timeout=timeout, auto_decompress=False
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def upload(self, file: Path) -> str:
        """Send a request file from disk; returns its id. A file that arrives twice costs nothing."""
        timeout = aiohttp.ClientTimeout(total=self.runtime.timeout_s + file.stat().st_size / SLOWEST_BYTES_A_SECOND)

        async def send() -> str:
            with file.open("rb") as stream:
                form = aiohttp.FormData({"purpose": "batch"})
                form.add_field("file", stream, filename=file.name, content_type="application/jsonl")
                return await self._ask("POST", "/files", self._read_file_id, data=form, timeout=timeout)

        return await self._patiently(send)

    async def create_batch(self, body: Json) -> Json:
        """Create a batch; raises `BatchFaultError` if it may have been created, though no answer says so."""
        return await self._patiently(
            lambda: self._ask("POST", "/batches", self._read_batch, json=body), repeatable=False
        )

    async def get_batch(self, batch_id: str) -> Json:
        """The batch as it stands."""
        return await self._get(f"/batches/{quote(batch_id, safe='')}", self._read_batch)

    async def find_batch(self, file_id: str | None) -> Json | None:
        """The newest batch of an uploaded file, or None if there is none."""
        query: dict[str, str] = {"limit": "100"}
        while True:
            page = await self._get("/batches", self._read_page, query)
            for batch in page["data"]:
                if batch.get("input_file_id") == file_id:
                    return await self.get_batch(batch["id"])
            last = page["data"][-1]["id"] if page["data"] else None
            if not page.get("has_more") or last in (None, query.get("after")):
                return None
            query["after"] = last

    async def download(self, file_id: str, path: Path) -> None:
        """Stream a file to disk, without the keys and the rest of lines that are far too long; it appears whole."""
        half = path.with_suffix(".jsonl.part")

        async def write(response: aiohttp.ClientResponse) -> None:
            with half.open("wb") as file:
                async for line in clean_lines(iter_unpacked(response), self.endpoint.secrets, self.runtime.most_bytes):
                    file.write(line)

        await self._get(f"/files/{quote(file_id, safe='')}/content", write)
        half.replace(path)

    async def _get(self, path: str, read: Reader[Answered], query: dict[str, str] | None = None) -> Answered:
        return await self._patiently(lambda: self._ask("GET", path, read, params=query))

    async def _patiently(self, ask: Callable[[], Awaitable[Answered]], *, repeatable: bool = True) -> Answered:
        """Ask until there is an answer; a request that is not repeatable is repeated only if it did not arrive."""
        attempt = 0
        while True:
            try:
                return await ask()
            except BatchFaultError as fault:
                if fault.arrived and not repeatable:
                    raise
                wait_s = self._wait_s(fault, attempt)
                if wait_s is None:
                    raise EndpointError(
                        f"{self.endpoint.base_url} does not answer ({fault}) after {attempt + 1} tries; what was done "
                        f"is in {STATE_FILE}: run again to go on"
                    ) from None
                await asyncio.sleep(wait_s)
            attempt += 1

    def _wait_s(self, fault: BatchFaultError, attempt: int) -> float | None:
        """How long to wait before the next try; None if there should be none."""
        retries = self.runtime.max_retries
        if attempt >= (min(retries, RETRIES_TO_CONNECT) if fault.unreachable else retries):
            return None
        if fault.wait_s is not None:
            return fault.wait_s if fault.wait_s <= self.runtime.patience_s else None
        return min(self.runtime.retry_wait_s * 2.0**attempt, LONGEST_WAIT_S)

    async def _ask(self, method: str, path: str, read: Reader[Answered], **options: Any) -> Answered:
        url = self.endpoint.base_url + path
        try:
            async with self._session.request(method, url, allow_redirects=False, **options) as response:
                if response.status in (200, 201):
                    return await read(response)
                body = await read_body(response, self.runtime.most_bytes)
                raise self._fault(response, path, body.decode("utf-8", "replace"))
        except TimeoutError:
            raise BatchFaultError("no answer in time; runtime.timeout_s is how long to wait") from None
        except aiohttp.ClientError as error:
            unreachable = isinstance(error, aiohttp.ClientConnectorError)
            said = describe_broken_connection(error)
            raise BatchFaultError(said, arrived=not unreachable, unreachable=unreachable) from None

    def _fault(self, response: aiohttp.ClientResponse, path: str, text: str) -> Exception:
        """The error that a status other than 200 stands for."""
        if redirect := describe_redirect(self.endpoint, response):
            return BatchFaultError(redirect, arrived=False, unreachable=True)
        status = response.status
        if not is_quota_used_up(status, text) and (status in PASSING or status == 429 or status >= 500):
            wait_s = read_retry_after_s(response.headers)
            said = describe_response(self.endpoint, status, text)
            return BatchFaultError(said, wait_s, arrived=status != 429)
        remedy = REMEDIES.get(status, "mend what it names, then run again")
        return make_lasting_fault(self.endpoint, path, response, text, remedy)

    async def _read_json(self, response: aiohttp.ClientResponse) -> Json:
        try:
            payload = read_json(await read_body(response, self.runtime.most_bytes), self.endpoint.secrets)
        except (ValueError, RecursionError):
            kind = describe_kind(self.endpoint, response)
            raise BatchFaultError(f"{kind} that is not JSON; runtime.base_url should be an API's address") from None
        if not isinstance(payload, dict):
            raise BatchFaultError("JSON that is no object")
        return payload

    async def _read_file_id(self, response: aiohttp.ClientResponse) -> str:
        payload = await self._read_json(response)
        if not _is_id(payload.get("id")):
            raise BatchFaultError("JSON that is no file")
        return str(payload["id"])

    async def _read_batch(self, response: aiohttp.ClientResponse) -> Json:
        payload = await self._read_json(response)
        if not (_is_id(payload.get("id")) and isinstance(payload.get("status"), str)):
            raise BatchFaultError("JSON that is no batch")
        return payload

    async def _read_page(self, response: aiohttp.ClientResponse) -> Json:
        payload = await self._read_json(response)
        listed = payload.get("data")
        if not (
            isinstance(listed, list) and all(isinstance(batch, dict) and _is_id(batch.get("id")) for batch in listed)
        ):
            raise BatchFaultError("JSON that is no list of batches")
        return payload


def _is_id(value: Any) -> bool:
    """Whether a value can name a file or a batch in an address."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_ID and value.isprintable()
