"""Write requests as files of OpenAI's Batch format, and read the results back into the store of paid answers.

Both ways stream: a million requests are never in memory at once. A result belongs to the request whose key it carries,
wherever it stands, so results may come in any order, in several files, and twice. Sources: the Batch API reference of
OpenAI (request and output objects, the limits of a file) and vLLM's `run-batch`, which reads and writes the same lines.
"""

import json
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from distil.core.errors import InputError
from distil.core.secrets import Secrets
from distil.core.whole_files import scratch_beside
from distil.forms.answers import Answer
from distil.prompting.requests import Request
from distil.store.answer_store import Store, Stored
from distil.teacher.protocols import Protocol, UnreadableAnswerError
from distil.teacher.received import NO_SECRETS, describe, read_answer, read_json

URLS = {"/chat/completions": "/v1/chat/completions", "/completions": "/v1/completions"}  # a protocol's path -> url
STATE_FILE = "batches.json"  # what was submitted from a folder
REQUEST_FILE = re.compile(r"(?!results-|errors-)[^/\\]+-\d{4,}\.jsonl")
KEY = re.compile(r"[0-9a-f]{64}")


@dataclass
class ImportCounts:
    """Lines of result files by what became of them."""

    new: int = 0  # stored
    known: int = 0  # answers that the store had already
    failed: int = 0  # requests that the endpoint did not answer
    unreadable: int = 0  # no result line, or an answer that is not of the protocol
    foreign: int = 0  # with an id that is no request's key
    first_failure: str | None = None  # what the endpoint said
    first_unreadable: str | None = None  # file, line and fault


def export_requests(
    requests: Iterable[Request],
    protocol: Protocol,
    folder: Path,
    name: str = "requests",
    most_requests: int = 50_000,
    most_bytes: int = 200_000_000,
) -> list[Path]:
    """Write `name-0001.jsonl`, `name-0002.jsonl`, ...: a request a line, within the limits of one batch each.

    All files appear at the end, whole, or none does; without requests there are none. Raises `InputError` if the
    protocol has no Batch format, the folder holds files of an earlier export, or one request is above `most_bytes`.
    """
    if protocol.path not in URLS:
        raise InputError(
            f"annotate.protocol: {protocol.path} has no Batch format; only chat and completion can be sent as a batch"
        )
    _refuse_used_folder(folder, name)
    with scratch_beside(folder / name) as scratch:
        lines = (_request_line(request, protocol, most_bytes) for request in requests)
        written = list(_write_files(lines, scratch, name, most_requests, most_bytes))
        return [path.replace(folder / path.name) for path in written]


def request_files(folder: Path) -> list[Path]:
    """The files in a folder that `export_requests` wrote, in their order."""
    return sorted(path for path in folder.glob("*.jsonl") if REQUEST_FILE.fullmatch(path.name))


def import_results(
    paths: Sequence[Path],
    protocol: Protocol,
    store: Store,
    teacher: str,
    secrets: Secrets = NO_SECRETS,
    most_bytes: int = 2_000_000,
) -> ImportCounts:
    """Put the answers of result files into the store, under the keys of their requests; `teacher` is the model's name.

    A bad line, or one of more than `most_bytes`, is counted and passed over; no key gets into the store. Raises
    `InputError` if a file is missing or is not UTF-8; what stands before the fault may be stored by then, and importing
    again does no harm.
    """
    for path in paths:
        if not path.is_file():
            raise InputError(f"the results {path} are missing; name the output file of a batch")
    counts = ImportCounts()
    for path in paths:
        answers = _read_answers(path, protocol, counts, secrets, most_bytes)
        new, count = store.put_many((key, Stored(answer, teacher)) for key, answer in answers)
        counts.new += new
        counts.known += count - new
    return counts


def _refuse_used_folder(folder: Path, name: str) -> None:
    there = [path.name for path in request_files(folder) if path.name.rpartition("-")[0] == name]
    if (folder / STATE_FILE).exists():
        there.append(STATE_FILE)
    if there:
        shown = ", ".join(there[:3]) + (", ..." if len(there) > 3 else "")
        raise InputError(
            f"{folder} holds an earlier export ({shown}), which may be paid for; export into another folder, or delete "
            "these files if they were never submitted"
        )


def _request_line(request: Request, protocol: Protocol, most_bytes: int) -> bytes:
    fields = {
        "custom_id": request.key,
        "method": "POST",
        "url": URLS[protocol.path],
        "body": protocol.body(request),
    }
    line = json.dumps(fields).encode() + b"\n"  # ASCII, so that no reader sees a line's end inside a text
    if len(line) > most_bytes:
        raise InputError(
            f"the request for the text {request.text[:60]!r} has {len(line):,} bytes, a batch file may have "
            f"{most_bytes:,}; shorten the text or the prompt"
        )
    return line


def _write_files(
    lines: Iterator[bytes], folder: Path, name: str, most_requests: int, most_bytes: int
) -> Iterator[Path]:
    """Fill one file after the other; yields each when it is whole."""
    line = next(lines, None)
    number = 0
    while line is not None:
        number += 1
        path = folder / f"{name}-{number:04}.jsonl"
        with path.open("wb") as file:
            requests = 0
            while line is not None and requests < most_requests and file.tell() + len(line) <= most_bytes:
                file.write(line)
                requests += 1
                line = next(lines, None)
        yield path


def _read_answers(
    path: Path, protocol: Protocol, counts: ImportCounts, secrets: Secrets, most_bytes: int
) -> Iterator[tuple[str, Answer]]:
    """Yield the answers with their keys; all other lines are counted."""
    with path.open("rb") as file:
        for number, line in enumerate(_iter_lines(file, most_bytes), start=1):
            try:
                text = line.decode("utf-8-sig").strip()
            except UnicodeDecodeError:
                raise InputError(f"{path}, line {number} is not UTF-8; take the file as the endpoint gave it") from None
            if not text:
                continue
            try:
                found = _read_line(text, protocol, counts, secrets)
            except (UnreadableAnswerError, ValueError, RecursionError) as error:
                counts.unreadable += 1
                counts.first_unreadable = counts.first_unreadable or f"{path}, line {number}: {describe(str(error))}"
                continue
            if found:
                yield found


def _read_line(text: str, protocol: Protocol, counts: ImportCounts, secrets: Secrets) -> tuple[str, Answer] | None:
    """The key and the answer on a line, or None if it is counted as foreign or failed; raises if it is unreadable."""
    line = read_json(text, secrets)
    key = line.get("custom_id") if isinstance(line, dict) else None
    if not isinstance(key, str):
        raise ValueError("no object with a custom_id")  # noqa: TRY004 (a fault of the file, not of the call)
    if not KEY.fullmatch(key):
        counts.foreign += 1
        return None
    response, error = line.get("response"), line.get("error")
    response = response if isinstance(response, dict) else {}
    if response.get("status_code") == 200 and not error:
        return key, read_answer(response.get("body"), protocol, secrets)
    if not response and not error:
        raise ValueError("neither a response nor an error")
    counts.failed += 1
    if counts.first_failure is None:
        status = f"status {describe(response['status_code'])}" if "status_code" in response else "no response"
        counts.first_failure = f"{status}: {describe(error or response.get('body'), secrets)}"
    return None


def _iter_lines(file: BinaryIO, most_bytes: int) -> Iterator[bytes]:
    """The lines of a file, of one that is too long its beginning, which is no JSON."""
    while line := file.readline(most_bytes + 1):
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = file.readline(most_bytes)
        yield line


async def clean_lines(pieces: AsyncIterator[bytes], secrets: Secrets, most_bytes: int) -> AsyncIterator[bytes]:
    """The lines in what comes from an endpoint, without the keys, and of one that is too long its beginning alone."""
    line = bytearray()
    async for piece in pieces:
        *ended, rest = piece.split(b"\n")
        for end in ended:
            line += end[: most_bytes + 1 - len(line)]
            yield _clean_line(bytes(line), secrets) + b"\n"
            line.clear()
        line += rest[: most_bytes + 1 - len(line)]
    if line:
        yield _clean_line(bytes(line), secrets)


def _clean_line(line: bytes, secrets: Secrets) -> bytes:
    """A line as it came if no key is in it, else with each part of one hidden; of JSON it stays JSON."""
    try:
        said = json.loads(line)
        hidden = secrets.hide_all(said)
    except (ValueError, RecursionError):
        text = line.decode("utf-8", "replace")
        return line if secrets.hide(text) == text else secrets.hide(text).replace("\n", " ").encode()
    return line if hidden == said else json.dumps(hidden).encode()
