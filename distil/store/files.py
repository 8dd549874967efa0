"""Carry answers between stores: all of them as JSONL, or those of a study from its table of annotations.

A line of JSONL is an object with `key` (the request's hash), `answer`, `teacher`, `run`, `sent_at`, `received_at` and
`retries`, as the store holds them, and `up_s` where an endpoint was resumed for the run.
"""

import json
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import Field

from distil.core.errors import InputError
from distil.core.params import Params
from distil.core.tables import iter_rows
from distil.core.whole_files import written_whole
from distil.forms.answers import Answer
from distil.store.answer_store import Store, Stored
from distil.store.rows import AnswerFields, Count, Moment, Span, explain, make_answer

ROWS_AT_ONCE = 1000


class Line(Params):
    """A line of JSONL: the fields of a `Stored`, and the key."""

    key: str = Field(pattern=r"^[0-9a-f]{64}$")
    answer: AnswerFields
    teacher: str
    run: str | None = None
    sent_at: Moment | None = None
    received_at: Moment | None = None
    retries: Count = 0
    up_s: Span | None = None

    def to_stored(self) -> Stored:
        """The answer and how it came, without the key."""
        fields = {name: getattr(self, name) for name in Stored.__slots__ if name != "answer"}
        return Stored(make_answer(self.answer), **fields)


def export_answers(store: Store, path: Path, keys: Collection[str] | None = None) -> int:
    """Write the answers to requests with these keys (None: all) to a JSONL file; returns how many.

    The file appears whole, and for this user alone, as the store is. Raises `InputError` if it exists, so that no
    earlier export is lost, or cannot be written.
    """
    if path.exists():
        raise InputError(f"{path} exists; name a new file")
    with written_whole(path) as half:
        return _write_jsonl(store, half, keys)


def import_jsonl(store: Store, path: Path) -> tuple[int, int]:
    """Put a JSONL file's answers into the store; returns how many were new, and how many there were.

    Raises `InputError` with the line's number where a line is no answer, before anything of the file is stored.
    """
    up_s = {line.run: line.up_s for line in _read_jsonl(path) if line.run is not None and line.up_s is not None}
    store.learn_up_s(up_s)
    return store.put_many((line.key, line.to_stored()) for line in _read_jsonl(path))


def import_annotations(
    store: Store, path: Path, schema: pa.Schema, planned: Collection[str], labels: Sequence[str]
) -> tuple[int, int]:
    """Put into the store those answers of a table of annotations whose requests are planned; `labels` are the task's.

    So the answers to another prompt, or of another model, are never taken. Rows without an answer (http_error) are left
    out. `schema` is that of annotations, perhaps with more columns. Returns how many were new, and how many there were.
    """
    rows = (row for batch in iter_rows(path, schema, ROWS_AT_ONCE) for row in batch)
    wanted = (row for row in rows if row["request"] in planned and row["status"] != "http_error")
    return store.put_many((row["request"], _from_row(row, labels)) for row in wanted)


def _write_jsonl(store: Store, path: Path, keys: Collection[str] | None) -> int:
    count, up_s = 0, store.get_up_s()
    with open(path, "w", encoding="utf-8", opener=partial(os.open, mode=0o600)) as file:
        for key, stored in store:
            if keys is None or key in keys:
                fields = asdict(stored) | {"answer": json.loads(stored.answer.to_json())}
                if stored.run in up_s:
                    fields["up_s"] = up_s[stored.run]
                file.write(json.dumps({"key": key} | fields) + "\n")  # ASCII: a reply may hold what UTF-8 cannot
                count += 1
    return count


def _read_jsonl(path: Path) -> Iterator[Line]:
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _read_line(line, f"{path}, line {number}")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None


def _read_line(line: str, place: str) -> Line:
    try:
        return Line.model_validate(json.loads(line))
    except (ValueError, RecursionError) as error:
        fault = explain(error)
    raise InputError(f"{place} is no answer ({fault}); 'distil store export' writes such lines")


def _from_row(row: dict[str, Any], labels: Sequence[str]) -> Stored:
    """The answer that a row of annotations was made of, as far as the row tells it.

    The row has one log-probability a label: the label itself stands for its first token.
    """
    logprobs = row["label_logprobs"]
    likeliest = None
    if logprobs is not None and len(logprobs) == len(labels):
        likeliest = tuple(sorted(zip(labels, logprobs, strict=True), key=lambda pair: -pair[1]))
    answer = Answer(
        reply=row["reply"],
        finish_reason=row["finish_reason"],
        refused=row["status"] == "refused",
        top_logprobs=likeliest,
        input_tokens=row["input_tokens"],
        cached_tokens=row["cached_tokens"],
        output_tokens=row["output_tokens"],
        reasoning_tokens=row["reasoning_tokens"],
    )
    return Stored(answer, row["teacher"])
