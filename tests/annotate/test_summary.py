from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from distil.annotate.rows import RowMaker
from distil.annotate.summary import AnsweringTime, count_statuses, measure_run, summarise
from distil.forms.answers import Answer
from distil.kinds.classification.labelling import answers, form
from distil.prompting.params import AnnotateParams
from distil.prompting.prompt_files import Prompt
from distil.prompting.requests import Plan, Request
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


def test_answers_that_came_at_no_known_time_are_counted_and_not_timed() -> None:
    time = AnsweringTime(one_by_one=True)
    time.add(stored(), recorded=True)
    time.add(Stored(Answer(reply="x"), "m", "r", 1.0, None, retries=2))
    time.add(Stored(Answer(reply="x"), "m", "r", None, 1.0))
    assert (time.answers, time.timed, time.retries, time.seconds) == (3, 0, 3, 0)
    told = {"answers": 3, "seconds": None, "answers_per_s": None, "texts_per_s": None, "retries": 3}
    assert measure_run(time, 3) == told
    assert measure_run(time, 3, up_s=7.0) == told | {"up_s": 7.0}


def test_rates_are_of_the_timed_answers_and_texts_of_all() -> None:
    time = AnsweringTime()
    time.add(stored(sent_at=10, received_at=14))
    time.add(stored(sent_at=8, received_at=12))
    time.add(Stored(Answer(reply="of a batch"), "m"))
    told = measure_run(time, 2)
    assert (told["seconds"], told["answers_per_s"]) == (6, 2 / 6)
    assert told["texts_per_s"] == pytest.approx(2 / 6 * 2 / 3), "three answers for two texts"


def test_a_text_takes_the_time_of_the_slowest_of_its_answers() -> None:
    time = AnsweringTime()
    assert time.tell_texts() == {}
    for slowest in range(101):
        time.add(stored(sent_at=0, received_at=slowest))
        time.add(stored(sent_at=slowest, received_at=slowest + slowest / 2))
        time.end_text()
    time.add(stored(sent_at=0, received_at=1e6))
    time.add(Stored(Answer(reply="of a batch"), "m"))
    time.end_text()
    time.add(None)
    time.end_text()
    told = time.tell_texts()
    assert list(told)[:3] == ["p5", "p10", "p15"] and list(told)[-2:] == ["p95", "p99"]
    assert told == pytest.approx({name: float(name[1:]) for name in told})


def test_votes_that_wait_for_others_add_their_time() -> None:
    time = AnsweringTime()
    for wave, (sent, received) in [(0, (0, 1)), (0, (0, 1.5)), (1, (2, 3)), (2, (4, 5))]:
        time.add(stored(sent_at=sent, received_at=received), wave=("one", wave))
    time.add(stored(sent_at=0, received_at=2), wave=("other", 0))
    time.end_text()
    time.add(stored(sent_at=0, received_at=1), wave=("one", 0))
    time.add(None, wave=("one", 0))
    time.add(stored(sent_at=0, received_at=9), wave=("one", 0))
    time.end_text()
    assert set(time.tell_texts().values()) == {3.5}, "a text of which one answer is missing is not timed"


def make_params(folder: Path, **changes: Any) -> AnnotateParams:
    (folder / "p.md").write_text("Label {text}")
    fields = {"prompt": str(folder / "p.md"), "method": "generate", "protocol": "chat", "model": "m", "max_tokens": 50}
    return AnnotateParams.model_validate(fields | changes)


def make_maker(params: AnnotateParams) -> RowMaker:
    return RowMaker(Plan(params, ["no", "yes"], answers, Prompt("{text}"), params.name), form)


def count(maker: RowMaker, *given: Answer | None) -> RowMaker:
    for number, answer in enumerate(given):
        maker.row(str(number), [Request("0" * 64, "a text", (), 1, 0)], [answer])
    return maker


TOLD = Answer("no", input_tokens=10, output_tokens=2)
RECORDED = {"files": ["a.csv"], "text": "text", "votes": [{"label": "label"}]}


def test_the_record_of_one_teacher(tmp_path: Path) -> None:
    params = make_params(tmp_path)
    makers = {"m": count(make_maker(params), TOLD, TOLD, Answer("yes"), Answer("maybe"), None)}
    assert count_statuses(makers) == "3 ok, 1 out_of_set, 1 http_error"
    assert summarise(params, makers, 5) == {
        "teacher": "m",
        "server": "endpoint",
        "method": "generate",
        "protocol": "chat",
        "prompt": str(tmp_path / "p.md"),
        "prompt_sha256": sha256(b"Label {text}").hexdigest(),
        "texts": 5,
        "votes": 1,
        "requests": 5,
        "status": {"http_error": 1, "ok": 3, "out_of_set": 1},
        "labels": {"no": 2, "yes": 1},
        "answers": 4,
        "input_tokens": 20,
        "cached_tokens": None,
        "output_tokens": 4,
        "reasoning_tokens": None,
        "told": {"input_tokens": 2, "cached_tokens": 0, "output_tokens": 2, "reasoning_tokens": 0},
    }
    assert list(summarise(params, makers, 5)["status"]) == ["http_error", "ok", "out_of_set"]


def test_the_record_of_several_teachers(tmp_path: Path) -> None:
    votes = {"min": 2, "max": 3}
    params = make_params(tmp_path, model=None, teachers=["one", "two"], votes=votes, temperature=1)
    alone = [make_params(tmp_path, model=name) for name in ("one", "two")]
    makers = {one.name: count(make_maker(one), TOLD) for one in alone}
    found = summarise(params, makers, 1)
    assert (found["votes"], found["requests"], found["answers"], found["input_tokens"]) == (votes, 2, 2, 20)
    assert (found["status"], found["labels"]) == ({"ok": 2}, {"no": 2, "yes": 0})
    assert found["told"]["input_tokens"] == 2
    assert list(found["by_teacher"]) == ["one", "two"]
    assert found["by_teacher"]["two"]["input_tokens"] == 10


@pytest.mark.parametrize(
    ("changes", "server"),
    [
        ({}, "endpoint"),
        ({"server": "local"}, "local"),
        ({"protocol": "recorded", "recording": RECORDED}, "recorded"),
        ({"model": None, "teachers": ["one", "two"]}, "endpoint"),
        ({"model": None, "teachers": ["one", {"model": "two", "recording": RECORDED}]}, "mixed"),
    ],
)
def test_where_the_answers_come_from(tmp_path: Path, changes: dict[str, Any], server: str) -> None:
    params = make_params(tmp_path, **changes)
    makers = {params.name: make_maker(make_params(tmp_path, model=params.name))}
    assert summarise(params, makers, 0)["server"] == server


def test_a_recording_says_what_counted_its_tokens(tmp_path: Path) -> None:
    params = make_params(tmp_path, protocol="recorded", recording=RECORDED)
    found = summarise(params, {"m": make_maker(params)}, 0)
    assert found["counted"]["stand_in"] is True
