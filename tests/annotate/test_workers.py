"""How a run of workers ends when signals come at the worst moment, inside a worker with the loop on the stack."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from distil.annotate.budget import Budget, Till
from distil.annotate.workers import Annotator, Errand, Outcome
from distil.core.errors import EndpointError
from distil.forms.answers import Answer
from distil.prompting.requests import Request
from distil.store.answer_store import Store
from distil.store.opening import open_store
from distil.teacher.answerer import Asked

WORKERS, SLOW_FROM = 4, 10


class SignallingTeacher:
    """Answers ten requests, sends this process the signals from inside the next, and then is slow, until it is stopped.

    Where `fault` is given, the request that signals ends with it.
    """

    pause_s = 0.0

    def __init__(self, kinds: list[signal.Signals], fault: EndpointError | None) -> None:
        self._kinds = kinds
        self._fault = fault
        self._asked = 0
        self._stopped = asyncio.Event()

    async def ask(self, request: Request) -> Asked:
        """Answer."""
        self._asked += 1
        if self._asked == SLOW_FROM:
            for kind in self._kinds:
                os.kill(os.getpid(), kind)
            if self._fault:
                raise self._fault
        if self._asked >= SLOW_FROM:
            await asyncio.wait_for(self._stopped.wait(), timeout=60)
        return Asked(Answer("positive"))

    def stop(self) -> None:
        """Let the slow ones go, soon."""
        asyncio.get_running_loop().call_later(0.1, self._stopped.set)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "answers.sqlite") as opened:
        yield opened


def run(store: Store, kinds: list[signal.Signals], fault: EndpointError | None = None) -> Outcome:
    """Ask for a hundred answers; what the run ends with is raised."""
    requests = (Request(f"{number:064x}", "a text", (("user", "a text"),), 1, 0) for number in range(100))
    till = Till(None, 50, paid=False)
    outcome = Outcome()

    async def ask() -> None:
        annotator = Annotator(store, Budget(None, [till]), outcome, "annotate")
        teacher = SignallingTeacher(kinds, fault)
        errand = Errand("toy", "toy", requests, teacher, till, WORKERS, lambda _answer: None)
        await annotator.answer_all([errand], 100)

    try:
        asyncio.run(ask())
    finally:
        assert outcome.answered <= len(store)  # a worker may be ended while it waits for its answer's commit
    return outcome


def test_ctrl_c_lets_arrive_and_be_stored_what_is_in_flight(store: Store) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(store, [signal.SIGINT])
    assert SLOW_FROM <= len(store) < SLOW_FROM + WORKERS


@pytest.mark.parametrize(
    ("kinds", "ended"),
    [
        ([signal.SIGTERM], "143"),
        ([signal.SIGHUP], "129"),
        ([signal.SIGTERM, signal.SIGTERM], "143"),
        ([signal.SIGINT, signal.SIGINT], ""),
        ([signal.SIGINT, signal.SIGTERM], ""),
    ],
)
def test_a_second_ctrl_c_and_what_ends_a_process_wait_for_nothing_and_leave_no_trace_of_the_loop(
    store: Store, caplog: pytest.LogCaptureFixture, kinds: list[signal.Signals], ended: str
) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        with pytest.raises((KeyboardInterrupt, SystemExit)) as raised:
            run(store, kinds)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert str(raised.value) == ended
    assert len(store) < SLOW_FROM
    assert caplog.messages == []


def test_an_endpoint_of_no_use_is_told_also_where_ctrl_c_ends_the_wait_for_it(store: Store) -> None:
    with pytest.raises(EndpointError, match="no such model"):
        run(store, [signal.SIGINT], EndpointError("no such model"))
