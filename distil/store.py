"""The store of paid answers: one SQLite file in the user's cache folder, shared by all studies on the machine.

Each answer is committed as it arrives, under the hash of its request, and never asked for again. With it stand the run
that brought it and when it was sent and received, from which the teacher's speed is reckoned even if a run was killed.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distil.answers import Answer
from distil.cache import cache_folder
from distil.errors import InputError

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY,
    answer TEXT NOT NULL,
    run TEXT NOT NULL,
    sent_at REAL NOT NULL,
    received_at REAL NOT NULL
) WITHOUT ROWID
"""
KEYS_A_QUERY = 500


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer and how it came: the run's id, and unix seconds of sending and receiving."""

    answer: Answer
    run: str
    sent_at: float
    received_at: float


class Store:
    """Answers by the hash of their request."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def put(self, key: str, stored: Stored) -> None:
        """Commit an answer; one that is there already stays."""
        row = (key, stored.answer.to_json(), stored.run, stored.sent_at, stored.received_at)
        with self._connection:
            self._connection.execute("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?)", row)

    def known(self, keys: Sequence[str]) -> set[str]:
        """Those of the keys that have an answer."""
        return {key for (key,) in self._select("key", keys)}

    def get(self, keys: Sequence[str]) -> dict[str, Stored]:
        """The answers of those of the keys that have one."""
        rows = self._select("key, answer, run, sent_at, received_at", keys)
        return {key: Stored(Answer.from_json(answer), run, sent, received) for key, answer, run, sent, received in rows}

    def _select(self, columns: str, keys: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(keys), KEYS_A_QUERY):
            some = keys[start : start + KEYS_A_QUERY]
            marks = ",".join("?" * len(some))
            yield from self._connection.execute(f"SELECT {columns} FROM answers WHERE key IN ({marks})", some)  # noqa: S608 (no value is pasted in)


def store_path() -> Path:
    """Where the store is: in the user's cache folder, or where the environment variable DISTIL_STORE says."""
    moved = os.environ.get("DISTIL_STORE")
    return Path(moved).expanduser() if moved else cache_folder() / "answers.sqlite"


@contextmanager
def open_store(path: Path) -> Iterator[Store]:
    """Open the store, making it where there is none.

    Raises `InputError` if the file cannot be opened, is no SQLite file, or was written by a newer distil.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=60)
    except (OSError, sqlite3.Error) as error:
        raise InputError(f"the answer store {path} cannot be opened ({error}); DISTIL_STORE may name another") from None
    try:
        _prepare(connection, path)
        yield Store(connection)
    finally:
        connection.close()


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version not in (0, SCHEMA_VERSION):
            raise InputError(
                f"the answer store {path} has schema {version}, this distil knows {SCHEMA_VERSION}: update distil"
            )
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        with connection:
            connection.execute(SCHEMA)
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    except sqlite3.Error as error:
        raise InputError(
            f"the answer store {path} cannot be used ({error}); move it away, or name another in DISTIL_STORE"
        ) from None


class AnsweringTime:
    """Wall time in which answers came: of each run, from the first one sent to the last one received."""

    def __init__(self) -> None:
        self.answers = 0
        self._spans: dict[str, tuple[float, float]] = {}

    def add(self, stored: Stored) -> None:
        """Count an answer in."""
        first, last = self._spans.get(stored.run, (stored.sent_at, stored.received_at))
        self._spans[stored.run] = (min(first, stored.sent_at), max(last, stored.received_at))
        self.answers += 1

    @property
    def seconds(self) -> float:
        """The runs' spans, summed."""
        return sum(last - first for first, last in self._spans.values())
