"""Submit request files to an endpoint's Batch API, follow the batches, and fetch what came back.

No file is submitted twice: a batch that may have been created, though no answer says so, is looked for and never just
created again.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distil.batch.client import BatchClient, BatchFaultError
from distil.batch.files import STATE_FILE, request_files
from distil.batch.state import Batch, Ledger
from distil.core.errors import EndpointError, InputError
from distil.core.runtime import RuntimeParams
from distil.teacher.endpoint import Endpoint

Json = dict[str, Any]
Say = Callable[[str], None]


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
    ledger = Ledger(folder, endpoint)

    async def submit_all() -> None:
        async with BatchClient(endpoint, runtime) as client:
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
        async with BatchClient(endpoint, runtime) as client:
            await _refresh(client, ledger)

    asyncio.run(ask())
    return ledger.with_files_left()


def fetch(endpoint: Endpoint, folder: Path, runtime: RuntimeParams, say: Say = lambda _: None) -> Fetched:
    """Download the results of every batch that has ended into `results-FILE` and `errors-FILE`, unless they are there.

    What an expired or cancelled batch did answer was paid for and is fetched too. Errors are those of `status`.
    """
    ledger = _submitted(folder, endpoint)

    async def download() -> list[Path]:
        async with BatchClient(endpoint, runtime) as client:
            await _refresh(client, ledger)
            return [path for batch in ledger.batches for path in await _fetch_batch(client, folder, batch, say)]

    return Fetched(asyncio.run(download()), ledger.with_files_left())


def _submitted(folder: Path, endpoint: Endpoint) -> Ledger:
    ledger = Ledger(folder, endpoint)
    if not ledger.path.exists():
        raise InputError(f"{folder} has no {STATE_FILE}: nothing was submitted from it; submit first")
    return ledger


async def _submit_file(client: BatchClient, ledger: Ledger, file: Path, say: Say) -> None:
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
    batch.update(created)
    ledger.save()
    say(f"{file.name}: submitted as {batch.batch_id}")


async def _create(client: BatchClient, ledger: Ledger, batch: Batch, url: str) -> Json:
    batch.creating = True
    ledger.save()
    try:
        return await client.create_batch({"input_file_id": batch.file_id, "endpoint": url, "completion_window": "24h"})
    except EndpointError:  # refused, so there is none
        batch.creating = False
        ledger.save()
        raise
    except BatchFaultError as fault:
        raise EndpointError(
            f"whether the batch of {batch.file} was created is not known ({fault}); it was not asked for again, as it "
            "could be paid twice: submit once more, which first looks for it among the endpoint's batches"
        ) from None


async def _find_created(client: BatchClient, ledger: Ledger, batch: Batch) -> Json | None:
    try:
        return await client.find_batch(batch.file_id)
    except EndpointError as error:
        raise EndpointError(
            f"whether the batch of {batch.file} was created is not known, and the endpoint does not list its batches "
            f"({error}); look on the provider's page: if it is there, write its id into {ledger.path} as batch_id, "
            "if it is not, set creating to false; then submit again"
        ) from None


async def _refresh(client: BatchClient, ledger: Ledger) -> None:
    """Bring those batches up to date of which something may still come."""
    for batch in ledger.batches:
        if batch.batch_id and not (batch.ended and (batch.output_file_id or batch.never_ran)):
            batch.update(await client.get_batch(batch.batch_id))
            ledger.save()


async def _fetch_batch(client: BatchClient, folder: Path, batch: Batch, say: Say) -> list[Path]:
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


def _url_of(file: Path) -> str:
    """The API path that a file's requests are for."""
    try:
        with file.open(encoding="utf-8") as stream:
            url = json.loads(stream.readline())["url"]
    except (ValueError, KeyError, TypeError, RecursionError):
        url = None
    if not isinstance(url, str):
        raise InputError(f"{file}, line 1 is no request of the Batch format; export the requests anew")
    return url
