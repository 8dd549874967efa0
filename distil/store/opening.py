"""Open the store of paid answers: where it is, who may read it, and whether its tables are those of a store.

It is one file in the user's cache folder, shared by all studies on the machine, and this user's alone. A commit
outlives the death of the process (the write-ahead log is not synced at each commit, so a power cut can lose the last
ones, but nothing before them).
"""

import os
import sqlite3
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from platformdirs import user_cache_path

from distil.core.errors import InputError
from distil.core.runtime import cache_folder
from distil.store.answer_store import FAULTS, Store

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
FROM_VERSION_1 = """
INSERT INTO answers SELECT key, answer, '', run, sent_at, received_at, 0 FROM answers_1 ORDER BY received_at
"""
OTHERS = stat.S_IRWXG | stat.S_IRWXO
WAIT_FOR_OTHERS_S = 60.0  # while another process commits


def store_path() -> Path:
    """Where the store is: in the user's cache folder, or where the environment variable DISTIL_STORE says.

    Raises `InputError` if that is no full path: each experiment that DVC runs aside would have a store of its own.
    """
    for name, file in (("DISTIL_STORE", ""), ("DISTIL_CACHE", "answers.sqlite")):
        if moved := os.environ.get(name):
            place = Path(moved).expanduser()
            if not place.is_absolute():
                raise InputError(
                    f"the environment variable {name} = {moved!r} is no full path: 'dvc exp run --temp' works in "
                    f"another folder, where answers would be paid for again; name {str(place.absolute())!r}"
                )
            return place / file
    return cache_folder() / "answers.sqlite"


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
