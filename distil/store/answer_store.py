"""The store of paid answers: one SQLite file in the user's cache folder, shared by all studies on the machine.

Each answer is committed as it arrives, under the hash of its request, and never asked for again. With it stand the
teacher's name, the run that brought it and when it was sent and received, from which the teacher's speed is reckoned
even if a run was killed. A commit outlives the death of the process (the write-ahead log is not synced at each commit,
so a power cut can lose the last ones, but nothing before them).

The file is this user's alone. A row in it that is no answer, whoever wrote it, counts as not asked: it is told of, and
set aside in a table of its own when its request is answered anew; all others are to be had.
"""

import asyncio
import os
import sqlite3
import stat
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from distil.core.errors import InputError
from distil.core.runtime import cache_folder
from distil.prompting.answers import Answer
from distil.store.rows import check_how, explain, read_answer

SCHEMA_VERSION = 2
SCHEMA = """
CREATE TABLE answers (
    key TEXT PRIMARY KEY,
    answer TEXT NOT NULL,
    teacher TEXT NOT NULL,
    run TEXT,
    sent_at REAL,
    received_at REAL,
    retries INTEGER NOT NULL
)
"""
SCHEMA_1 = """
CREATE TABLE answers (
    key TEXT PRIMARY KEY,
    answer TEXT NOT NULL,
    run TEXT NOT NULL,
    sent_at REAL NOT NULL,
    received_at REAL NOT NULL
) WITHOUT ROWID
"""
UP_TIMES = "CREATE TABLE IF NOT EXISTS up_times (run TEXT PRIMARY KEY, seconds REAL NOT NULL)"
ADD_UP_TIME = "INSERT INTO up_times VALUES (?, ?) ON CONFLICT(run) DO UPDATE SET seconds = seconds + excluded.seconds"
FROM_VERSION_1 = """
INSERT INTO answers SELECT key, answer, '', run, sent_at, received_at, 0 FROM answers_1 ORDER BY received_at
"""
INSERT = "INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT(key) DO NOTHING"
COLUMNS = "key, answer, teacher, run, sent_at, received_at, retries"
SET_ASIDE = (
    f"CREATE TABLE IF NOT EXISTS set_aside AS SELECT {COLUMNS} FROM answers WHERE 0",  # noqa: S608 (no value is pasted in)
    f"INSERT INTO set_aside SELECT {COLUMNS} FROM answers WHERE key = ?",  # noqa: S608
    "DELETE FROM answers WHERE key = ?",
)
FAULTS = (sqlite3.Error, UnicodeDecodeError)  # the second: of a message that names what a damaged file holds
OTHERS = stat.S_IRWXG | stat.S_IRWXO
KEYS_A_QUERY = 500
ANSWERS_A_TRANSACTION = 1000
WAIT_FOR_OTHERS_S = 60.0  # while another process commits


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

    def get_up_s(self, runs: Sequence[str]) -> dict[str, float]:
        """For how long an endpoint was up, of those of the runs that resumed one, in seconds."""
        rows = self._read("SELECT run, seconds FROM up_times")
        return {run: seconds for run, seconds in rows if run in set(runs) and isinstance(seconds, float)}

    def known(self, keys: Sequence[str]) -> set[str]:
        """Those of the keys that have an answer."""
        return set(self.get(keys))

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


def store_path() -> Path:
    """Where the store is: in the user's cache folder, or where the environment variable DISTIL_STORE says."""
    moved = os.environ.get("DISTIL_STORE")
    return Path(moved).expanduser() if moved else cache_folder() / "answers.sqlite"


@contextmanager
def open_store(path: Path) -> Iterator[Store]:
    """Open the store, making it where there is none, for this user alone; tell in the end of rows that are no answers.

    Raises `InputError` if the file cannot be opened, is no SQLite file or another program's, or was written by a newer
    distil.
    """
    try:
        _make_private(path)
        connection = sqlite3.connect(path, timeout=WAIT_FOR_OTHERS_S)
    except (OSError, *FAULTS) as error:
        raise InputError(f"the answer store {path} cannot be opened ({error}); DISTIL_STORE may name another") from None
    try:
        connection.text_factory = _decode
        _prepare(connection, path)
        _keep_private(path)
        store = Store(connection, path)
        try:
            yield store
        finally:
            _tell_unusable(store)
    finally:
        connection.close()


def _make_private(path: Path) -> None:
    """Make the folder and the file where they are missing: SQLite would make the file for everybody to read."""
    if not path.parent.exists():
        path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _keep_private(path: Path) -> None:
    """Take an older store from other users' eyes, with the files beside it, and the folder if it is distil's own."""
    files = [path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))]
    if path.parent == user_cache_path("distil", appauthor=False):
        files.append(path.parent)
    for file in files:
        with suppress(FileNotFoundError, PermissionError):  # the second: it is somebody else's, who decides
            mode = stat.S_IMODE(file.stat().st_mode)
            if mode & OTHERS:
                file.chmod(mode & ~OTHERS)


def _decode(text: bytes) -> str | bytes:
    """The text of a cell; what is no UTF-8 stays bytes, which no column of an answer may be."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text


def _tell_unusable(store: Store) -> None:
    if store.unusable:
        key, fault = next(iter(store.unusable.items()))
        print(
            f"warning: {len(store.unusable):,} rows of the answer store {store.path} are no answers (the first, of "
            f"request {str(key)[:16]}: {fault}); they count as not asked, and all others are used",
            file=sys.stderr,
        )


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    try:
        version = _check_tables(connection, path)
        _use_write_ahead_log(connection)
        connection.execute("PRAGMA synchronous=NORMAL")
        if version < SCHEMA_VERSION:
            _migrate(connection)
        connection.execute(UP_TIMES)
        connection.execute("BEGIN IMMEDIATE")  # so that a store that cannot be written is found out now
        connection.rollback()
    except FAULTS as error:
        if "locked" in str(error):
            raise InputError(f"the answer store {path} is in use by another process; try again later") from None
        raise InputError(
            f"the answer store {path} cannot be used ({error}); move it away, or name another in DISTIL_STORE"
        ) from None


def _check_tables(connection: sqlite3.Connection, path: Path) -> int:
    """Refuse a database that is no store before anything is written to it; returns its schema.

    Nor is one a store that a trigger, an index or a condition could make lose answers without a word.
    """
    with connection:
        connection.execute("BEGIN")  # version and tables of one moment: another process may be making them
        version = _version(connection)
        made = dict(connection.execute("SELECT name, type || ' ' || sql FROM sqlite_master WHERE sql IS NOT NULL"))
    if version > SCHEMA_VERSION:
        raise InputError(
            f"the answer store {path} has schema {version}, this distil knows {SCHEMA_VERSION}: update distil"
        )
    found = str(made.pop("answers", ""))
    wanted = {0: "", 1: f"table {SCHEMA_1}", 2: f"table {SCHEMA}"}.get(version)
    others = [sql for sql in made.values() if version == 0 or not str(sql).startswith("table ")]
    if wanted is None or "".join(found.split()) != "".join(wanted.split()) or others:
        raise InputError(
            f"{path} is a database of another program, or was changed: it has not the tables of an answer store; name "
            "another file in DISTIL_STORE"
        )
    return version


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch the journal, which fails at once while another process does the same."""
    deadline = time.monotonic() + WAIT_FOR_OTHERS_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring an empty store or one of schema 1 to the current schema, in one transaction."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        version = _version(connection)  # another process may have been faster
        if version == 1:
            connection.execute("ALTER TABLE answers RENAME TO answers_1")
        if version < SCHEMA_VERSION:
            connection.execute(SCHEMA)
        if version == 1:
            connection.execute(FROM_VERSION_1)
            connection.execute("DROP TABLE answers_1")
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
