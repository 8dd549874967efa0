from pathlib import Path

from distil.annotate.summary import AnsweringTime, measure_run
from distil.forms.answers import Answer
from distil.store.answer_store import Stored
from distil.store.opening import open_store


def stored(run: str = "r", sent_at: float = 1.0, received_at: float = 2.0) -> Stored:
    return Stored(Answer(reply="yes"), "m", run, sent_at, received_at, retries=1)


def test_time_is_counted_within_runs_and_not_between_them() -> None:
    time = AnsweringTime()
    for one in (stored(sent_at=0, received_at=2), stored(sent_at=1, received_at=4)):
        time.add(one)
    time.add(stored(run="next day", sent_at=1000, received_at=1003))
    time.add(Stored(Answer(reply="of a batch"), "m"))
    time.add(None)
    assert (time.answers, time.timed, time.seconds, time.retries) == (4, 3, 7, 3)


def test_the_rate_of_one_that_answers_one_by_one_does_not_depend_on_what_else_its_run_asked() -> None:
    """Compare looks at a tenth of the answers that annotate brought."""
    whole, tenth = AnsweringTime(one_by_one=True), AnsweringTime(one_by_one=True)
    for number in range(100):
        one = stored(sent_at=number / 2, received_at=(number + 1) / 2)
        whole.add(one)
        if number % 10 == 3:
            tenth.add(one)
    assert measure_run(whole, 100)["texts_per_s"] == measure_run(tenth, 10)["texts_per_s"] == 2


def test_the_hours_of_an_endpoint_are_those_of_the_runs_that_brought_the_answers(tmp_path: Path) -> None:
    time = AnsweringTime()
    time.add(stored(run="resumed", sent_at=0, received_at=10))
    with open_store(tmp_path / "answers.sqlite") as store:
        store.note_up_s("of another study", 1000)
        assert time.count_up_s(store) is None
        for seconds in (100, 200):  # paused between two groups of teachers
            store.note_up_s("resumed", seconds)
        time.add(stored(run="killed before it could note", sent_at=50, received_at=57))
        assert time.count_up_s(store) == 307
