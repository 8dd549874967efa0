"""Carry answers between stores: all of them as JSONL, or those of a study from its table of annotations.

A line of JSONL is an object with `key` (the request's hash), `answer`, `teacher`, `run`, `sent_at`, `received_at` and
`retries`, as the store holds them.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from distil.answers import Answer
from distil.errors import InputError
from distil.rows import ANNOTATIONS, iter_rows
from distil.store import Store, Stored

ANSWERS_A_TRANSACTION = 1000


def export_answers(store: Store, path: Path, keys: Collection[str] | None = None) -> int:
    """Write the answers to requests with these keys (None: all) to a JSONL file; returns how many.

    The file appears whole. Raises `InputError` if it exists, so that no earlier export is lost.
    """
    if path.exists():
        raise InputError(f"{path} exists; name a new file")
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(path.name + ".part")
    count = 0
    try:
        with half.open("w", encoding="utf-8") as file:
            for key, stored in store:
                if keys is None or key in keys:
                    file.write(json.dumps({"key": key} | _to_fields(stored), ensure_ascii=False) + "\n")
                    count += 1
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)
    return count


def import_jsonl(store: Store, path: Path) -> tuple[int, int]:
    """Put a JSONL file's answers into the store; returns how many were new, and how many there were.

    Raises `InputError` with the line's number where a line is no answer; the lines before it are kept.
    """
    return _put_in_parts(store, _read_jsonl(path))


def import_annotations(store: Store, path: Path, planned: Collection[str], labels: Sequence[str]) -> tuple[int, int]:
    """Put into the store those answers of a table of annotations whose requests are planned; `labels` are the task's.

    So the answers to another prompt, or of another model, are never taken. Rows without an answer (http_error) are left
    out. Returns how many were new, and how many there were.
    """
    rows = (row for batch in iter_rows(path, ANNOTATIONS, ANSWERS_A_TRANSACTION) for row in batch)
    wanted = (row for row in rows if row["request"] in planned and row["status"] != "http_error")
    return _put_in_parts(store, ((row["request"], _from_row(row, labels)) for row in wanted))


def _put_in_parts(store: Store, items: Iterable[tuple[str, Stored]]) -> tuple[int, int]:
    new = count = 0
    items = iter(items)
    while some := list(islice(items, ANSWERS_A_TRANSACTION)):
        new += store.put_all(some)
        count += len(some)
    return new, count


def _to_fields(stored: Stored) -> dict[str, Any]:
    return asdict(stored) | {"answer": json.loads(stored.answer.to_json())}


def _read_jsonl(path: Path) -> Iterator[tuple[str, Stored]]:
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _read_line(line, f"{path}, line {number}")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None


def _read_line(line: str, place: str) -> tuple[str, Stored]:
    try:
        fields = json.loads(line)
        key = fields.pop("key")
        answer = Answer.from_json(json.dumps(fields.pop("answer")))
        stored = Stored(answer=answer, **fields)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{place} is no answer ({type(error).__name__}: {error}); 'distil store export' writes such lines"
        ) from None
    if not (isinstance(key, str) and isinstance(stored.teacher, str)):
        raise InputError(f"{place} is no answer: key and teacher have to be text")
    return key, stored


def _from_row(row: dict[str, Any], labels: Sequence[str]) -> Stored:
    """The answer that a row of annotations was made of, as far as the row tells it.

    The row has one log-probability a label: the label itself stands for its first token.
    """
    logprobs = row["label_logprobs"]
    likeliest = None
    if logprobs is not None:
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
