import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from distil.answers import Answer
from distil.errors import InputError
from distil.store import AnsweringTime, Stored, open_store, store_path


def stored(reply: str = "yes", run: str = "r", sent_at: float = 1.0, received_at: float = 2.0) -> Stored:
    return Stored(Answer(reply=reply, top_logprobs=((" a", -0.5),)), run, sent_at, received_at)


def test_an_answer_is_there_after_closing_and_stays_as_it_was_first(tmp_path: Path) -> None:
    path = tmp_path / "new" / "answers.sqlite"
    with open_store(path) as store:
        store.put("k", stored("first"))
        store.put("k", stored("second"))
    with open_store(path) as store:
        assert store.get(["k", "other"]) == {"k": stored("first")}
        assert store.known(["k", "other"]) == {"k"}


def test_more_keys_than_a_query_holds(tmp_path: Path) -> None:
    with open_store(tmp_path / "s") as store:
        store.put("1400", stored())
        assert store.known([str(number) for number in range(1500)]) == {"1400"}


def test_an_answer_survives_the_death_of_its_process(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from distil.answers import Answer\n"
        "from distil.store import Stored, open_store\n"
        "with open_store(Path(sys.argv[1])) as store:\n"
        "    store.put('k', Stored(Answer(reply='paid'), 'r', 1.0, 2.0)); os.kill(os.getpid(), 9)\n"
    )
    died = subprocess.run([sys.executable, "-c", code, str(tmp_path / "s")], cwd=Path(__file__).parent.parent)
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
    monkeypatch.setenv("DISTIL_STORE", "elsewhere.sqlite")
    assert store_path() == Path("elsewhere.sqlite")


def test_time_is_counted_within_runs_and_not_between_them() -> None:
    time = AnsweringTime()
    for one in (stored(sent_at=0, received_at=2), stored(sent_at=1, received_at=4)):
        time.add(one)
    time.add(stored(run="next day", sent_at=1000, received_at=1003))
    assert (time.answers, time.seconds) == (3, 7)
