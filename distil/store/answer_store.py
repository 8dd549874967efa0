"""The store of paid answers: one SQLite file, which `distil.store.opening` opens.

Each answer is committed as it arrives, under the hash of its request, and never asked for again. With it stand the
teacher's name, the run that brought it and when it was sent and received, from which the teacher's speed is reckoned
even if a run was killed. A row that is no answer, whoever wrote it, counts as not asked: it is told of, and set aside
in a table of its own when its request is answered anew; all others are to be had.
"""

import asyncio
import shutil
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from distil.core.errors import InputError
from distil.forms.answers import Answer
from distil.store.rows import MOST_S, check_how, explain, read_answer

UP_TIME = "INSERT INTO up_times VALUES (?, ?) ON CONFLICT(run) DO UPDATE SET seconds = "
ADD_UP_TIME = UP_TIME + "seconds + excluded.seconds"
LEARN_UP_TIME = UP_TIME + "max(seconds, excluded.seconds)"
INSERT = "INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT(key) DO NOTHING"
COLUMNS = "key, answer, teacher, run, sent_at, received_at, retries"
SET_ASIDE = (
    f"CREATE TABLE IF NOT EXISTS set_aside AS SELECT {COLUMNS} FROM answers WHERE 0",  # noqa: S608 (no value is pasted in)
    f"INSERT INTO set_aside SELECT {COLUMNS} FROM answers WHERE key = ?",  # noqa: S608
    "DELETE FROM answers WHERE key = ?",
)
FAULTS = (sqlite3.Error, UnicodeDecodeError)  # the second: of a message that names what a damaged file holds
KEYS_A_QUERY = 500
ANSWERS_A_TRANSACTION = 1000
LEAST_ROOM = 16 << 20  # bytes: what some ten thousand answers take


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer and how it came.

    `teacher` is the model's name, for people. `run` is the id of the run that asked, `sent_at` is when it took the
    request up and `received_at` when it had the answer, in unix seconds; all three are None for an answer that no run
    asked for, such as one of a batch.
    """

    answer: Answer
    teacher: str
    run: str | None = None
    sent_at: float | None = None
    received_at: float | None = None
    retries: int = 0


@dataclass(frozen=True, slots=True)
class TeacherSummary:
    """What the store holds of one teacher; times are unix seconds, None where none is known."""

    teacher: str
    answers: int
    input_tokens: int
    output_tokens: int
    first_at: float | None
    last_at: float | None


class Store:
    """Answers by the hash of their request."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self.path = path
        self.unusable: dict[str, str] = {}  # keys of the rows that were read and are no answers, and why
        self._aside: set[str] = set()  # those of them that do not stand in an answer's way any more

    def check_room(self, least: int = LEAST_ROOM) -> None:
        """Raise `InputError` where the disk has less room than so many bytes: answers would be paid for and lost."""
        free = shutil.disk_usage(self.path.parent).free
        if free < least:
            raise InputError(
                f"the disk of the answer store {self.path} has room for {free:,} bytes, and needs {least:,} before "
                "anything is asked; make room there, or move the store with DISTIL_STORE"
            )

    def put_all(self, items: Iterable[tuple[str, Stored]]) -> int:
        """Commit answers in one transaction; one that is there already stays. Returns how many were new.

        Raises `InputError` if the disk is full or the file cannot be written.
        """
        rows = [
            (key, one.answer.to_json(), one.teacher, one.run, one.sent_at, one.received_at, one.retries)
            for key, one in items
        ]
        with self._writing(), self._connection:
            again = (self.unusable.keys() - self._aside) & {row[0] for row in rows}
            for key in again:
                self._set_aside(key)
            before = self._connection.total_changes
            self._connection.executemany(INSERT, rows)
        self._aside |= again
        return self._connection.total_changes - before

    def _set_aside(self, key: str) -> None:
        make, copy, delete = SET_ASIDE
        self._connection.execute(make)
        self._connection.execute(copy, (key,))
        self._connection.execute(delete, (key,))

    def put_many(self, items: Iterable[tuple[str, Stored]]) -> tuple[int, int]:
        """Commit answers in parts, however many come; returns how many were new, and how many there were."""
        new = count = 0
        left = iter(items)
        while some := list(islice(left, ANSWERS_A_TRANSACTION)):
            new += self.put_all(some)
            count += len(some)
        return new, count

    def note_up_s(self, run: str, seconds: float) -> None:
        """Add to the time for which an endpoint was up for a run; errors as `put_all`."""
        with self._writing(), self._connection:
            self._connection.execute(ADD_UP_TIME, (run, seconds))

    def learn_up_s(self, told: Mapping[str, float]) -> None:
        """Take from another store for how long an endpoint was up for each run; twice is no longer; errors as above."""
        with self._writing(), self._connection:
            self._connection.executemany(LEARN_UP_TIME, told.items())

    def get_up_s(self, runs: Collection[str] | None = None) -> dict[str, float]:
        """For how long an endpoint was up, of those of the runs (None: all) that resumed one, in seconds."""
        rows = self._read("SELECT run, seconds FROM up_times")
        sound = ((run, seconds) for run, seconds in rows if isinstance(seconds, float) and 0 <= seconds < MOST_S)
        return {run: seconds for run, seconds in sound if runs is None or run in runs}

    def known(self, keys: Sequence[str]) -> set[str]:
        """Those of the keys that have an answer."""
        return set(self.get(keys))

    def iter_keys(self) -> Iterator[str]:
        """The keys of all rows, in no order; whether a row is an answer is not looked at."""
        return (key for (key,) in self._read("SELECT key FROM answers") if isinstance(key, str))

    def get(self, keys: Sequence[str]) -> dict[str, Stored]:
        """The answers of those of the keys that have one."""
        return dict(self._take(self._select(keys)))

    def __len__(self) -> int:
        """The number of rows."""
        ((count,),) = self._read("SELECT count(*) FROM answers")
        return int(count)

    def __iter__(self) -> Iterator[tuple[str, Stored]]:
        """All answers, in the order in which they came."""
        return self._take(self._read(f"SELECT {COLUMNS} FROM answers ORDER BY rowid"))  # noqa: S608

    def teachers(self) -> set[str]:
        """The names of the teachers that gave answers."""
        return {name for (name,) in self._read("SELECT DISTINCT teacher FROM answers") if isinstance(name, str)}

    def summaries(self) -> list[TeacherSummary]:
        """What is there of each teacher, the one with most answers first."""
        found: dict[str, TeacherSummary] = {}
        for _, stored in self:
            name = stored.teacher
            found[name] = _add(found.get(name, TeacherSummary(name, 0, 0, 0, None, None)), stored)
        return sorted(found.values(), key=lambda one: (-one.answers, one.teacher))

    def delete(self, keys: Iterable[str]) -> int:
        """Delete answers for good and give their space back; returns how many were there."""
        before = self._connection.total_changes
        try:
            with self._connection:
                self._connection.executemany("DELETE FROM answers WHERE key = ?", ((key,) for key in keys))
            deleted = self._connection.total_changes - before
            if deleted:
                self._connection.execute("VACUUM")
        except FAULTS as error:
            raise InputError(f"the answer store {self.path} cannot be pruned now ({error}); try again later") from None
        return deleted

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except FAULTS as error:
            raise InputError(
                f"the answer store {self.path} cannot be written ({error}); make room there, or move the store with "
                "DISTIL_STORE; what was in it is kept"
            ) from None

    def _select(self, keys: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(keys), KEYS_A_QUERY):
            some = keys[start : start + KEYS_A_QUERY]
            marks = ",".join("?" * len(some))
            yield from self._read(f"SELECT {COLUMNS} FROM answers WHERE key IN ({marks})", some)  # noqa: S608

    def _take(self, rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[str, Stored]]:
        """Those of the rows that are answers; the others are noted in `unusable`."""
        for key, line, *how in rows:
            try:
                check_how(key, how)
                answer = read_answer(line)
            except (ValueError, TypeError, RecursionError) as error:
                self.unusable[key] = explain(error)
            else:
                yield key, Stored(answer, *how)

    def _read(self, query: str, values: Sequence[str] = ()) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._connection.execute(query, values)
        except FAULTS as error:
            raise InputError(
                f"the answer store {self.path} cannot be read ({error}): it is damaged; 'sqlite3 "
                f"{self.path} .recover' prints what is sound of it"
            ) from None


def _add(summary: TeacherSummary, stored: Stored) -> TeacherSummary:
    times = [at for at in (summary.first_at, summary.last_at, stored.received_at) if at is not None]
    return TeacherSummary(
        summary.teacher,
        summary.answers + 1,
        summary.input_tokens + (stored.answer.input_tokens or 0),
        summary.output_tokens + (stored.answer.output_tokens or 0),
        min(times, default=None),
        max(times, default=None),
    )


class GroupCommit:
    """Commits together what arrives together: all answers of one turn of the event loop share a transaction.

    So a lone answer is committed at once, and thousands a second do not cost a commit each.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[tuple[str, Stored, asyncio.Future[None]]] = []

    async def put(self, key: str, stored: Stored) -> None:
        """Return when the answer is committed; errors as `Store.put_all`."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._commit)
        committed = loop.create_future()
        self._waiting.append((key, stored, committed))
        await committed

    def _commit(self) -> None:
        waiting, self._waiting = self._waiting, []
        failed: InputError | None = None
        try:
            self._store.put_all((key, stored) for key, stored, _ in waiting)
        except InputError as error:
            failed = error
        for _, _, committed in waiting:
            if committed.cancelled():
                continue
            if failed:
                committed.set_exception(failed)
            else:
                committed.set_result(None)
