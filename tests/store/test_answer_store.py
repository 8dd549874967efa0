import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from distil.core.errors import InputError
from distil.forms.answers import Answer
from distil.store.answer_store import GroupCommit, Store, Stored, TeacherSummary
from distil.store.opening import open_store, store_path


def stored(reply: str = "yes", run: str = "r", sent_at: float = 1.0, received_at: float = 2.0) -> Stored:
    return Stored(Answer(reply=reply, top_logprobs=((" a", -0.5),)), "m", run, sent_at, received_at, retries=1)


def test_an_answer_is_there_after_closing_and_stays_as_it_was_first(tmp_path: Path) -> None:
    path = tmp_path / "new" / "answers.sqlite"
    with open_store(path) as store:
        assert store.put_all([("k", stored("first"))]) == 1
        assert store.put_all([("k", stored("second")), ("k2", stored())]) == 1
    with open_store(path) as store:
        assert store.get(["k", "other"]) == {"k": stored("first")}
        assert store.known(["k", "other"]) == {"k"}


def test_more_keys_than_a_query_holds(tmp_path: Path) -> None:
    with open_store(tmp_path / "s") as store:
        store.put_all([("1400", stored())])
        assert store.known([str(number) for number in range(1500)]) == {"1400"}


def test_an_answer_survives_the_death_of_its_process(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from distil.forms.answers import Answer\n"
        "from distil.store.answer_store import Stored; from distil.store.opening import open_store\n"
        "with open_store(Path(sys.argv[1])) as store:\n"
        "    store.put_all([('k', Stored(Answer(reply='paid'), 'm'))]); os.kill(os.getpid(), 9)\n"
    )
    died = subprocess.run([sys.executable, "-c", code, str(tmp_path / "s")], cwd=ROOT)
    assert died.returncode == -9
    with open_store(tmp_path / "s") as store:
        assert store.get(["k"])["k"].answer.reply == "paid"


def test_a_file_that_is_no_store_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("not a database, but somebody's file\n" * 100)
    with pytest.raises(InputError, match="DISTIL_STORE"), open_store(path):
        pass
    assert path.read_text().startswith("not a database")


def test_a_store_of_a_newer_distil_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "s") as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(InputError, match="schema 99"), open_store(tmp_path / "s"):
        pass


def test_the_environment_moves_the_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DISTIL_STORE", raising=False)
    monkeypatch.setenv("DISTIL_CACHE", str(tmp_path))
    assert store_path() == tmp_path / "answers.sqlite"
    monkeypatch.setenv("DISTIL_STORE", str(tmp_path / "elsewhere.sqlite"))
    assert store_path() == tmp_path / "elsewhere.sqlite"


@pytest.mark.parametrize("name", ["DISTIL_STORE", "DISTIL_CACHE"])
def test_a_place_that_depends_on_the_working_folder_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv("DISTIL_STORE", raising=False)
    monkeypatch.setenv(name, "kept")
    with pytest.raises(InputError, match=f"{name} = 'kept' is no full path") as caught:
        store_path()
    assert str(Path("kept").absolute()) in str(caught.value)


def make_store_of_version_1(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL, run TEXT NOT NULL,"
            " sent_at REAL NOT NULL, received_at REAL NOT NULL) WITHOUT ROWID"
        )
        rows = [("late", '{"reply": "b"}', "r", 1.0, 9.0), ("soon", '{"reply": "a", "input_tokens": 3}', "r", 1.0, 2.0)]
        connection.executemany("INSERT INTO answers VALUES (?, ?, ?, ?, ?)", rows)
        connection.execute("PRAGMA user_version=1")


def test_a_store_of_the_first_schema_is_brought_up_to_date_with_all_its_answers(tmp_path: Path) -> None:
    make_store_of_version_1(tmp_path / "s")
    for _ in range(2):
        with open_store(tmp_path / "s") as store:
            assert list(store) == [
                ("soon", Stored(Answer(reply="a", input_tokens=3), "", "r", 1.0, 2.0)),
                ("late", Stored(Answer(reply="b"), "", "r", 1.0, 9.0)),
            ]


def test_answers_of_one_turn_of_the_loop_share_a_commit_and_are_there_when_put_returns(tmp_path: Path) -> None:
    async def work() -> None:
        with open_store(tmp_path / "s") as store, open_store(tmp_path / "s") as other:
            commits = GroupCommit(store)
            await asyncio.gather(*(commits.put(str(number), stored()) for number in range(100)))
            assert len(other) == 100
            await commits.put("later", stored())
            assert other.known(["later"])

    asyncio.run(work())


def test_a_full_disk_is_told_to_everyone_who_waits(tmp_path: Path) -> None:
    async def work(store: Store) -> list[object]:
        commits = GroupCommit(store)
        big = Stored(Answer(reply="x" * 1_000_000), "m")
        return await asyncio.gather(*(commits.put(str(number), big) for number in range(3)), return_exceptions=True)

    with open_store(tmp_path / "s") as store:
        store._connection.execute("PRAGMA max_page_count=50")
        told = asyncio.run(work(store))
    assert [type(error) for error in told] == [InputError] * 3
    assert "make room there" in str(told[0])


def test_a_summary_tells_each_teacher_s_answers_and_tokens(tmp_path: Path) -> None:
    with open_store(tmp_path / "s") as store:
        store.put_all([("1", stored()), ("2", Stored(Answer("x", input_tokens=5, output_tokens=2), "n"))])
        store.put_all([("3", stored(received_at=7.0))])
        assert store.summaries() == [TeacherSummary("m", 2, 0, 0, 2.0, 7.0), TeacherSummary("n", 1, 5, 2, None, None)]
        assert store.delete(["1", "gone"]) == 1
        assert [key for key, _ in store] == ["2", "3"]
