"""A store that a stranger wrote, altered or cut: good answers are had, bad ones told, and nothing is a traceback."""

import json
import os
import resource
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from conftest import ROOT
from hostile_cases import CASES, try_cases
from hypothesis import strategies as st

from distil.core.errors import InputError
from distil.core.tables import ANNOTATIONS, row_writer
from distil.forms.answers import Answer
from distil.store.answer_store import Store, Stored
from distil.store.files import export_answers, import_annotations, import_jsonl
from distil.store.opening import SCHEMA, open_store

GOOD = Stored(Answer(reply="yes", input_tokens=3, top_logprobs=((" a", -0.5),)), "m", "r", 1.0, 2.0, 1)
BAD_ANSWERS = [
    "not JSON",
    "",
    "[1, 2]",
    "7",
    "null",
    '{"reply": 7}',
    '{"reply": "a", "praise": 1}',
    '{"input_tokens": -5}',
    '{"input_tokens": 1.5}',
    '{"input_tokens": true}',
    '{"input_tokens": 99999999999999999999}',
    '{"top_logprobs": [["a"]]}',
    '{"top_logprobs": [["a", "b"]]}',
    '{"top_logprobs": {"a": 1}}',
    '{"top_logprobs": [["a", NaN]]}',
    "[" * 100_000,
    '{"output_tokens": ' + "1" * 5000 + "}",
    b"\xff\xfe",
]
BAD_COLUMNS: list[dict[str, Any]] = [
    {"teacher": b"\xff"},
    {"run": b"\x00\xff"},
    {"sent_at": "soon"},
    {"received_at": 1e300},
    {"retries": "many"},
    {"retries": -1},
]


def put_raw(path: Path, key: Any, answer: Any, **columns: Any) -> None:
    row = {"teacher": "m", "run": "r", "sent_at": 1.0, "received_at": 2.0, "retries": 0} | columns
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)", (key, answer, *row.values()))
    connection.close()


def read_everything(store: Store) -> tuple[dict[str, Stored], dict[str, Stored]]:
    """What a look-up of each key finds, and what a walk over all rows does."""
    keys = [key for (key,) in store._read("SELECT key FROM answers")]
    store.summaries()
    store.teachers()
    return store.get(keys), dict(store)


def test_good_answers_are_had_whatever_the_others_are_and_these_are_counted_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s"
    with open_store(path) as store:
        store.put_all([("good", GOOD)])
    for number, answer in enumerate(BAD_ANSWERS):
        put_raw(path, f"bad {number}", answer)
    for number, columns in enumerate(BAD_COLUMNS):
        put_raw(path, f"worse {number}", GOOD.answer.to_json(), **columns)
    put_raw(path, b"\xff", GOOD.answer.to_json())
    bad = len(BAD_ANSWERS) + len(BAD_COLUMNS) + 1
    with open_store(path) as store:
        assert read_everything(store) == ({"good": GOOD}, {"good": GOOD})
        assert store.known(["good", "bad 0"]) == {"good"}
        assert [(one.teacher, one.answers, one.input_tokens) for one in store.summaries()] == [("m", 1, 3)]
        assert export_answers(store, tmp_path / "all.jsonl") == 1
        assert len(store.unusable) == bad
    told = capsys.readouterr().err
    assert f"{bad} rows of the answer store {path} are no answers (the first, of request bad 0: not JSON" in told
    assert told.count("\n") == 1


def test_a_bad_row_is_asked_anew_and_kept_aside(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with open_store(path) as store:
        store.put_all([("good", GOOD)])
    put_raw(path, "bad", "not JSON")
    with open_store(path) as store:
        assert store.known(["bad", "good"]) == {"good"}
        assert store.put_all([("bad", GOOD), ("good", GOOD)]) == 1
        assert store.put_all([("bad", GOOD)]) == 0
    with open_store(path) as store:
        assert dict(store) == {"good": GOOD, "bad": GOOD}
        assert list(store._connection.execute("SELECT key, answer FROM set_aside")) == [("bad", "not JSON")]


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_store_is_for_its_user_alone_also_an_older_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    own = tmp_path / "distil"
    for _ in range(2):
        with open_store(own / "answers.sqlite") as store:
            store.put_all([("good", GOOD)])
            assert {mode_of(file) for file in own.iterdir()} == {0o600}
            assert len(list(own.iterdir())) == 3
            assert mode_of(own) == 0o700
            export_answers(store, tmp_path / f"{len(list(tmp_path.iterdir()))}.jsonl")
        own.chmod(0o755)
        (own / "answers.sqlite").chmod(0o644)
    assert {mode_of(file) for file in tmp_path.glob("*.jsonl")} == {0o600}


def test_a_folder_that_was_there_keeps_its_rights(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with open_store(tmp_path / "s"), open_store(tmp_path / "new" / "s"):
        assert [mode_of(folder) for folder in (tmp_path, tmp_path / "new")] == [0o755, 0o700]


def make_database(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


STORE = [SCHEMA, "PRAGMA user_version=2"]
OTHER_FILES = {
    "that deletes what comes": [*STORE, "CREATE TRIGGER t AFTER INSERT ON answers BEGIN DELETE FROM answers; END"],
    "that takes one answer": [*STORE, "CREATE UNIQUE INDEX i ON answers (teacher)"],
    "with a condition": [SCHEMA.replace("answer TEXT", "answer TEXT CHECK (0)"), "PRAGMA user_version=2"],
    "that is a view": ["CREATE TABLE t (key)", "CREATE VIEW answers AS SELECT * FROM t", "PRAGMA user_version=2"],
    "another program's": ["CREATE TABLE bookmarks (url TEXT)"],
    "with other columns": ["CREATE TABLE answers (key TEXT, praise TEXT)", "PRAGMA user_version=2"],
    "without tables": ["PRAGMA user_version=2"],
    "newer": ["PRAGMA user_version=99"],
    "of a negative schema": ["PRAGMA user_version=-1"],
}


@pytest.mark.parametrize("statements", OTHER_FILES.values(), ids=OTHER_FILES)
def test_a_database_that_is_no_store_is_one_line_and_left_as_it_was(tmp_path: Path, statements: list[str]) -> None:
    make_database(tmp_path / "s", *statements)
    (tmp_path / "s").chmod(0o644)
    before = (tmp_path / "s").read_bytes()
    with pytest.raises(InputError) as caught, open_store(tmp_path / "s"):
        pass
    assert "\n" not in str(caught.value)
    assert ((tmp_path / "s").read_bytes(), mode_of(tmp_path / "s")) == (before, 0o644)


@pytest.mark.parametrize("place", ["file/s", "folder"])
def test_a_place_where_no_store_can_be_is_one_line(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="DISTIL_STORE"), open_store(tmp_path / place):
        pass


def read_or_refuse(path: Path) -> None:
    """Open and read a store in every way; what cannot be read has to be an `InputError`."""
    try:
        with open_store(path) as store:
            read_everything(store)
            store.put_all([("good", GOOD)])
            export_answers(store, path.with_name("out.jsonl"))
    except InputError as error:
        assert "\n" not in str(error)
    finally:
        path.with_name("out.jsonl").unlink(missing_ok=True)


@CASES
def test_no_store_that_is_cut_or_altered_ends_in_a_traceback(tmp_path: Path, cases: int) -> None:
    whole = tmp_path / "whole"
    with open_store(whole) as store:
        store.put_all([(f"{number:064x}", GOOD) for number in range(60)])
    content = whole.read_bytes()
    path = tmp_path / "s"

    def check(change: tuple[int, list[tuple[int, int]]]) -> None:
        cut, altered = change
        some = bytearray(content[: len(content) - cut])
        for place, value in altered:
            if some:
                some[place % len(some)] = value
        for end in ("", "-wal", "-shm"):
            path.with_name(f"s{end}").unlink(missing_ok=True)
        path.write_bytes(bytes(some))
        read_or_refuse(path)

    place = st.one_of(st.integers(0, 99), st.integers(0, 8192), st.integers(0, len(content)))
    altered = st.lists(st.tuples(place, st.integers(0, 255)), max_size=20)
    try_cases(check, st.tuples(st.one_of(st.just(0), st.integers(0, len(content))), altered), cases)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
FIELDS = st.fixed_dictionaries({}, optional=dict.fromkeys((*Answer.__slots__, "praise"), JSON))
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
LINES = st.one_of(FIELDS.map(json.dumps), JSON.map(json.dumps), TEXT, st.binary(max_size=8))
CELLS = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(), TEXT, st.binary(max_size=4))


@CASES
def test_no_row_of_a_store_and_no_line_of_an_import_ends_in_a_traceback(tmp_path: Path, cases: int) -> None:
    path = tmp_path / "s"
    with open_store(path):
        pass

    def check(case: tuple[Any, list[Any]]) -> None:
        line, cells = case
        with sqlite3.connect(path) as connection:
            connection.execute("DELETE FROM answers")
            connection.execute("INSERT OR IGNORE INTO answers VALUES ('k', ?, ?, ?, ?, ?, ?)", (line, *cells))
        connection.close()
        read_or_refuse(path)
        text = line if isinstance(line, bytes) else line.encode()
        (tmp_path / "in.jsonl").write_bytes(b'{"key": "' + b"0" * 64 + b'", "teacher": "m", "answer": ' + text + b"}\n")
        try:
            with open_store(path) as store:
                import_jsonl(store, tmp_path / "in.jsonl")
        except InputError:
            pass

    try_cases(check, st.tuples(LINES, st.lists(CELLS, min_size=5, max_size=5)), cases)


def test_a_table_with_other_counts_of_labels_is_taken_without_them(tmp_path: Path) -> None:
    row = dict.fromkeys(ANNOTATIONS.names) | {
        "id": "0", "teacher": "m", "vote": 1, "request": "k", "status": "ok", "label_logprobs": [0.0, -1.0, -2.0],
    }  # fmt: skip
    with row_writer(tmp_path / "a.parquet", ANNOTATIONS) as writer:
        writer.write_table(pa.Table.from_pylist([row], ANNOTATIONS))
    with open_store(tmp_path / "s") as store:
        assert import_annotations(store, tmp_path / "a.parquet", ANNOTATIONS, {"k"}, ["a", "b"]) == (1, 1)
        assert store.get(["k"])["k"].answer.top_logprobs is None


def test_a_full_disk_under_the_store_is_one_line_and_keeps_what_was_there(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from distil.core.command import call\n"
        "from distil.forms.answers import Answer\n"
        "from distil.store.answer_store import Stored; from distil.store.opening import open_store\n"
        "def fill():\n"
        "    with open_store(Path(sys.argv[1])) as store:\n"
        "        for number in range(99):\n"
        "            store.put_all([(str(number), Stored(Answer(reply='x' * 100_000), 'm'))])\n"
        "call(fill)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "s")],
        cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000)),
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: the answer store {tmp_path / 's'} cannot be written (")
    assert done.stderr.count("\n") == 1
    with open_store(tmp_path / "s") as store:
        assert len(dict(store)) == len(store) > 5


def test_a_disk_without_room_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    """Else each run on a full disk would pay for as many answers as are under way at once, and lose them."""
    with open_store(tmp_path / "s") as store:
        store.check_room()
        with pytest.raises(InputError, match=r"has room for [\d,]+ bytes, and needs 1,000,000,000,000,000,000 before"):
            store.check_room(10**18)
