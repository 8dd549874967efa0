"""Submit request files to an endpoint's Batch API, follow the batches, and fetch what came back.

What was done stands in `batches.json` beside the files and is written after each step, so a run that was killed goes on
where it stopped and no file is submitted twice: a batch that may have been created is looked for, never just created
again. Requests that change nothing are patient with passing faults. The key goes to the endpoint alone: no redirect is
followed, and no message, file or state holds it. Source: the API reference of OpenAI (files, batches).
"""

import asyncio
import dataclasses
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import aiohttp
from pydantic import TypeAdapter, ValidationError

from distil.batch_files import STATE_FILE, error_message, request_files
from distil.endpoint import Endpoint
from distil.errors import EndpointError, InputError
from distil.rate_headers import read_retry_after_s
from distil.runtime import RuntimeParams

ENDED = ("completed", "failed", "expired", "cancelled")
PASSING = (408, 409, 425, 429)
REMEDIES = {
    401: "the key is missing or wrong: see runtime.api_key_env",
    402: "payment is required: top up the account",
    403: "the key may not use batches or this model",
    404: "has this endpoint a Batch API? check runtime.base_url; a file or batch may also be gone from it",
}
LONGEST_WAIT_S = 60.0
RETRIES_TO_CONNECT = 2  # an endpoint that is not there is not waited for
SLOWEST_BYTES_A_SECOND = 50_000  # an upload that is slower is given up
CHUNK_BYTES = 1 << 20
ERRORS_SHOWN = 3

Json = dict[str, Any]
Say = Callable[[str], None]
Answered = TypeVar("Answered")
Reader = Callable[[aiohttp.ClientResponse], Awaitable[Answered]]


@dataclass
class Batch:
    """A request file and the batch that it became."""

    file: str  # its name, without the folder
    file_id: str | None = None  # of the uploaded file
    creating: bool = False  # the batch was asked for, and what came of it is not known
    batch_id: str | None = None
    status: str = "not submitted"  # or the endpoint's word: validating, in_progress, ..., one of ENDED
    total: int = 0  # requests
    completed: int = 0
    failed: int = 0
    output_file_id: str | None = None
    error_file_id: str | None = None
    problem: str | None = None  # what the endpoint says of a batch that it did not run

    @property
    def ended(self) -> bool:
        """Whether no more results will come."""
        return self.status in ENDED

    @property
    def never_ran(self) -> bool:
        """Whether the endpoint refused the batch before any request was answered, so nothing was paid."""
        return self.status == "failed" and not self.completed and not self.output_file_id

    @property
    def next_step(self) -> str:
        """What to do about the batch now, for people."""
        if self.batch_id is None:
            return "submit it"
        if not self.ended:
            return "wait, then fetch"
        if self.never_ran:
            return (
                f"nothing was run or paid ({self.problem or 'the endpoint gives no reason'}); once the cause is mended "
                "submit again, or, if the requests are at fault, export anew into another folder"
            )
        if self.output_file_id or self.error_file_id:
            return "fetch and import; what is missing then can be exported anew into another folder"
        return "it ended without results; export what is missing into another folder and submit that"


@dataclass
class Fetched:
    """The result files that are in the folder now, and all its batches."""

    paths: list[Path]  # outputs and errors, those of earlier fetches included
    batches: list[Batch]

    @property
    def under_way(self) -> list[Batch]:
        """The batches of which results may still come."""
        return [batch for batch in self.batches if not batch.ended]


def submit(endpoint: Endpoint, folder: Path, runtime: RuntimeParams, say: Say = lambda _: None) -> list[Batch]:
    """Upload the folder's request files and create a batch of each; what is submitted already stays as it is.

    A batch that the endpoint refused before it ran is submitted anew. Raises `InputError` if the folder has no request
    files or was submitted elsewhere, `EndpointError` if the endpoint cannot be used or a batch's fate is not known.
    """
    files = request_files(folder)
    if not files:
        raise InputError(f"{folder} has no request files; export the requests into it first")
    ledger = _Ledger(folder, endpoint)

    async def submit_all() -> None:
        async with _Client(endpoint, runtime) as client:
            for file in files:
                await _submit_file(client, ledger, file, say)

    asyncio.run(submit_all())
    return ledger.batches


def status(endpoint: Endpoint, folder: Path, runtime: RuntimeParams) -> list[Batch]:
    """Ask the endpoint how the batches stand; files that are not submitted are listed too.

    Raises `InputError` if the folder was never submitted, or to another endpoint, `EndpointError` as `submit` does.
    """
    ledger = _submitted(folder, endpoint)

    async def ask() -> None:
        async with _Client(endpoint, runtime) as client:
            await _refresh(client, ledger)

    asyncio.run(ask())
    return ledger.with_files_left()


def fetch(endpoint: Endpoint, folder: Path, runtime: RuntimeParams, say: Say = lambda _: None) -> Fetched:
    """Download the results of every batch that has ended into `results-FILE` and `errors-FILE`, unless they are there.

    What an expired or cancelled batch did answer was paid for and is fetched too. Errors are those of `status`.
    """
    ledger = _submitted(folder, endpoint)

    async def download() -> list[Path]:
        async with _Client(endpoint, runtime) as client:
            await _refresh(client, ledger)
            return [path for batch in ledger.batches for path in await _fetch_batch(client, folder, batch, say)]

    return Fetched(asyncio.run(download()), ledger.with_files_left())


class _Ledger:
    """The state of a folder's batches, as `batches.json` keeps it."""

    def __init__(self, folder: Path, endpoint: Endpoint) -> None:
        self.folder = folder
        self.path = folder / STATE_FILE
        self.base_url = endpoint.base_url
        self._batches: dict[str, Batch] = {}
        if self.path.exists():
            self._read()

    def _read(self) -> None:
        try:
            state = json.loads(self.path.read_bytes())
            base_url = state["base_url"]
            batches = TypeAdapter(list[Batch]).validate_python(state["batches"])
        except (ValueError, KeyError, TypeError, ValidationError):
            raise InputError(
                f"{self.path} is not what submit wrote; mend it by hand, as it says which batches were paid for"
            ) from None
        if base_url != self.base_url:
            raise InputError(
                f"{self.folder} was submitted to {base_url}, but the teacher is now at {self.base_url}; set "
                "runtime.base_url back, or export into another folder"
            )
        self._batches = {batch.file: batch for batch in batches}

    def save(self) -> None:
        """Write the state, whole."""
        state = {"base_url": self.base_url, "batches": [dataclasses.asdict(batch) for batch in self.batches]}
        half = self.path.with_suffix(".json.part")
        half.write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")
        half.replace(self.path)

    @property
    def batches(self) -> list[Batch]:
        """The batches of all files that a submission began with."""
        return list(self._batches.values())

    def batch_to_submit(self, file: str) -> Batch | None:
        """The entry of a file that has still to be submitted, or None."""
        batch = self._batches.get(file)
        if batch is None or batch.never_ran:
            batch = self._batches[file] = Batch(file)
        return batch if batch.batch_id is None else None

    def with_files_left(self) -> list[Batch]:
        """All batches, then the request files that are not among them."""
        left = [Batch(path.name) for path in request_files(self.folder) if path.name not in self._batches]
        return self.batches + left


def _submitted(folder: Path, endpoint: Endpoint) -> _Ledger:
    ledger = _Ledger(folder, endpoint)
    if not ledger.path.exists():
        raise InputError(f"{folder} has no {STATE_FILE}: nothing was submitted from it; submit first")
    return ledger


async def _submit_file(client: "_Client", ledger: _Ledger, file: Path, say: Say) -> None:
    batch = ledger.batch_to_submit(file.name)
    if batch is None:
        return
    url = _url_of(file)
    created = await _find_created(client, ledger, batch) if batch.creating else None
    if batch.file_id is None:
        say(f"{file.name}: uploading {file.stat().st_size / 1e6:,.1f} MB")
        batch.file_id = await client.upload(file)
        ledger.save()
    if created is None:
        created = await _create(client, ledger, batch, url)
    batch.creating = False
    _update(batch, created)
    ledger.save()
    say(f"{file.name}: submitted as {batch.batch_id}")


async def _create(client: "_Client", ledger: _Ledger, batch: Batch, url: str) -> Json:
    batch.creating = True
    ledger.save()
    try:
        return await client.create_batch({"input_file_id": batch.file_id, "endpoint": url, "completion_window": "24h"})
    except EndpointError:  # refused, so there is none
        batch.creating = False
        ledger.save()
        raise
    except _PassingFaultError as fault:
        raise EndpointError(
            f"whether the batch of {batch.file} was created is not known ({fault}); it was not asked for again, as it "
            "could be paid twice: submit once more, which first looks for it among the endpoint's batches"
        ) from None


async def _find_created(client: "_Client", ledger: _Ledger, batch: Batch) -> Json | None:
    try:
        return await client.find_batch(batch.file_id)
    except EndpointError as error:
        raise EndpointError(
            f"whether the batch of {batch.file} was created is not known, and the endpoint does not list its batches "
            f"({error}); look on the provider's page: if it is there, write its id into {ledger.path} as batch_id, "
            "if it is not, set creating to false; then submit again"
        ) from None


async def _refresh(client: "_Client", ledger: _Ledger) -> None:
    """Bring those batches up to date of which something may still come."""
    for batch in ledger.batches:
        if batch.batch_id and not (batch.ended and (batch.output_file_id or batch.never_ran)):
            _update(batch, await client.get_batch(batch.batch_id))
            ledger.save()


async def _fetch_batch(client: "_Client", folder: Path, batch: Batch, say: Say) -> list[Path]:
    paths = []
    for kind, file_id in (("results", batch.output_file_id), ("errors", batch.error_file_id)):
        if not (batch.ended and file_id):
            continue
        path = folder / f"{kind}-{batch.file}"
        if not path.exists():
            await client.download(file_id, path)
            say(f"{path.name}: fetched {path.stat().st_size / 1e6:,.1f} MB")
        paths.append(path)
    return paths


def _update(batch: Batch, payload: Json) -> None:
    """Take over what the endpoint says of a batch."""
    counts, errors = payload.get("request_counts"), payload.get("errors")
    batch.batch_id = payload["id"]
    batch.status = payload["status"].lower()
    if isinstance(counts, dict):
        batch.total, batch.completed, batch.failed = (counts.get(key) or 0 for key in ("total", "completed", "failed"))
    batch.output_file_id = payload.get("output_file_id")
    batch.error_file_id = payload.get("error_file_id")
    listed = errors.get("data") if isinstance(errors, dict) else errors
    if isinstance(listed, list):
        batch.problem = "; ".join(map(error_message, listed[:ERRORS_SHOWN])) or None


def _url_of(file: Path) -> str:
    """The API path that a file's requests are for."""
    try:
        with file.open(encoding="utf-8") as stream:
            url = json.loads(stream.readline())["url"]
    except (ValueError, KeyError, TypeError):
        url = None
    if not isinstance(url, str):
        raise InputError(f"{file}, line 1 is no request of the Batch format; export the requests anew")
    return url


class _PassingFaultError(Exception):
    """A fault that a retry may mend; `arrived`: the endpoint may have done what was asked."""

    def __init__(
        self, message: str, wait_s: float | None = None, *, arrived: bool = True, unreachable: bool = False
    ) -> None:
        super().__init__(message)
        self.wait_s = wait_s
        self.arrived = arrived
        self.unreachable = unreachable


class _Client:
    """A client of one endpoint's Batch API, to be used as an async context manager."""

    def __init__(self, endpoint: Endpoint, runtime: RuntimeParams) -> None:
        self.endpoint = endpoint
        self.runtime = runtime

    async def __aenter__(self) -> Self:
        headers = {"Authorization": f"Bearer {self.endpoint.key}"} if self.endpoint.key else {}
        silence_s = self.runtime.timeout_s
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=silence_s, sock_read=silence_s)
        self._session = aiohttp.ClientSession(headers=headers, timeout=timeout)
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
                return await self._ask("POST", "/files", _read_file_id, data=form, timeout=timeout)

        return await self._patiently(send)

    async def create_batch(self, body: Json) -> Json:
        """Create a batch; raises `_PassingFaultError` if it may have been created, though no answer says so."""
        return await self._patiently(lambda: self._ask("POST", "/batches", _read_batch, json=body), repeatable=False)

    async def get_batch(self, batch_id: str) -> Json:
        """The batch as it stands."""
        return await self._get(f"/batches/{quote(batch_id, safe='')}", _read_batch)

    async def find_batch(self, file_id: str | None) -> Json | None:
        """The newest batch of an uploaded file, or None if there is none."""
        query: dict[str, str] = {"limit": "100"}
        while True:
            page = await self._get("/batches", _read_page, query)
            for batch in page["data"]:
                if batch.get("input_file_id") == file_id:
                    return await self.get_batch(str(batch["id"]))
            last = str(page["data"][-1]["id"]) if page["data"] else None
            if not page.get("has_more") or last in (None, query.get("after")):
                return None
            query["after"] = last

    async def download(self, file_id: str, path: Path) -> None:
        """Stream a file to disk; it appears whole."""
        half = path.with_suffix(".jsonl.part")

        async def write(response: aiohttp.ClientResponse) -> None:
            with half.open("wb") as file:
                async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                    file.write(chunk)

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
            except _PassingFaultError as fault:
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

    def _wait_s(self, fault: _PassingFaultError, attempt: int) -> float | None:
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
                raise self._fault(response, path, (await response.read()).decode("utf-8", "replace"))
        except TimeoutError:
            raise _PassingFaultError("no answer in time; runtime.timeout_s is how long to wait") from None
        except aiohttp.ClientConnectorError as error:
            message = f"cannot connect: {error.strerror or error}"
            raise _PassingFaultError(message, arrived=False, unreachable=True) from None
        except aiohttp.ClientError as error:
            raise _PassingFaultError(f"broken connection: {type(error).__name__}") from None

    def _fault(self, response: aiohttp.ClientResponse, path: str, text: str) -> Exception:
        """The error that a status other than 200 stands for."""
        base_url = self.endpoint.base_url
        said = f"{response.status}: {self._shorten(text)}"
        if "insufficient_quota" in text:
            return EndpointError(f"{base_url} says that the quota is used up ({said}); top up, then run again")
        if response.status in PASSING or response.status >= 500:
            wait_s = read_retry_after_s(response.headers)
            return _PassingFaultError(said, wait_s, arrived=response.status != 429)
        if 300 <= response.status < 400:
            target = response.headers.get("Location", "elsewhere")
            return EndpointError(
                f"{base_url} redirects to {target}, which is not followed; put the final address into runtime.base_url"
            )
        remedy = REMEDIES.get(response.status, "mend what it names, then run again")
        return EndpointError(f"{base_url}{path} answers {said}; {remedy}")

    def _shorten(self, text: str) -> str:
        """One short line of what the endpoint said, without the key."""
        if self.endpoint.key:
            text = text.replace(self.endpoint.key, "***")
        try:
            return error_message(json.loads(text))
        except (ValueError, RecursionError):
            return error_message(text)


async def _read_json(response: aiohttp.ClientResponse) -> Json:
    try:
        payload = json.loads(await response.read())
    except (ValueError, RecursionError):
        kind = response.content_type
        raise _PassingFaultError(f"{kind} that is not JSON; runtime.base_url should be an API's address") from None
    if not isinstance(payload, dict):
        raise _PassingFaultError("JSON that is no object")
    return payload


async def _read_file_id(response: aiohttp.ClientResponse) -> str:
    payload = await _read_json(response)
    if not isinstance(payload.get("id"), str):
        raise _PassingFaultError("JSON that is no file")
    return str(payload["id"])


async def _read_batch(response: aiohttp.ClientResponse) -> Json:
    payload = await _read_json(response)
    if not (isinstance(payload.get("id"), str) and isinstance(payload.get("status"), str)):
        raise _PassingFaultError("JSON that is no batch")
    return payload


async def _read_page(response: aiohttp.ClientResponse) -> Json:
    payload = await _read_json(response)
    listed = payload.get("data")
    if not (isinstance(listed, list) and all(isinstance(batch, dict) and "id" in batch for batch in listed)):
        raise _PassingFaultError("JSON that is no list of batches")
    return payload
