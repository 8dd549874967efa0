"""What became of a folder's request files: a batch each, kept in `batches.json` beside them.

The state is written after each step, so a run that was killed goes on where it stopped, and nothing is submitted twice.
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from distil.batch.files import REQUEST_FILE, STATE_FILE, request_files
from distil.core.errors import InputError
from distil.teacher.endpoint import Endpoint
from distil.teacher.received import describe

ENDED = ("completed", "failed", "expired", "cancelled")
ERRORS_SHOWN = 3
MOST_REQUESTS = 10**9


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

    def update(self, payload: dict[str, Any]) -> None:
        """Take over what the endpoint says of the self."""
        counts, errors = payload.get("request_counts"), payload.get("errors")
        self.batch_id = payload["id"]
        self.status = describe(payload["status"].lower())
        if isinstance(counts, dict):
            self.total, self.completed, self.failed = (
                _count(counts.get(key)) for key in ("total", "completed", "failed")
            )
        self.output_file_id = _read_id(payload.get("output_file_id"))
        self.error_file_id = _read_id(payload.get("error_file_id"))
        listed = errors.get("data") if isinstance(errors, dict) else errors
        if isinstance(listed, list):
            self.problem = "; ".join(map(describe, listed[:ERRORS_SHOWN])) or None


def _count(value: Any) -> int:
    """A number of requests; what is none counts as 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_REQUESTS else 0


def _read_id(value: Any) -> str | None:
    return value if isinstance(value, str) and value.isprintable() else None


class Ledger:
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
            is_ours = all(REQUEST_FILE.fullmatch(batch.file) for batch in batches)  # and no path to somewhere else
        except (ValueError, KeyError, TypeError, RecursionError, ValidationError):
            is_ours = False
        if not is_ours:
            raise InputError(
                f"{self.path} is not what submit wrote; mend it by hand, as it says which batches were paid for"
            )
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
