from distil.annotate.summary import AnsweringTime
from distil.prompting.answers import Answer
from distil.store.answer_store import Stored


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
