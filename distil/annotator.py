"""Ask what is not yet in the store, many at a time, and keep each answer as it comes.

A fixed number of workers draw requests from one iterator, so a million texts need no more memory than a thousand. A
worker goes on to its next request when its last answer is committed, so a killed run loses at most what was in flight.
"""

import asyncio
import contextlib
import signal
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tqdm import tqdm

from distil.answers import Answer
from distil.errors import DistilError, EndpointError
from distil.flow import StoppedError
from distil.plan import Request
from distil.spending import Budget, Till
from distil.store import GroupCommit, Store, Stored
from distil.teacher import FailedRequestError

DRAIN_S = 10.0  # for answers under way when the endpoint turns out to be of no use


class Answerer(Protocol):
    """Whatever answers requests: an endpoint, or a recording."""

    async def ask(self, request: Request) -> tuple[Answer, int]:
        """Answer one request; the number tells how often it had to be sent again."""

    def stop(self) -> None:
        """Begin nothing new."""


@dataclass(frozen=True)
class Errand:
    """Requests for one teacher, and how many of them may be under way."""

    name: str
    requests: Iterator[Request]
    teacher: Answerer
    till: Till
    in_flight: int


@dataclass
class Outcome:
    """What came of a run: answers, requests that had to be sent again, and the requests that failed for good."""

    known: int = 0  # answers that were in the store before
    answered: int = 0
    retries: int = 0
    failed: set[str] = field(default_factory=set)  # keys
    failed_on_the_way: int = 0
    first_fault: str | None = None
    first_refusal: str | None = None

    def add_failure(self, key: str, error: FailedRequestError) -> None:
        """Count a failure in."""
        self.failed.add(key)
        if error.rejected:
            self.first_refusal = self.first_refusal or str(error)
        else:
            self.failed_on_the_way += 1
            self.first_fault = self.first_fault or str(error)


class Annotator:
    """Has requests answered and keeps the answers, as one run in the eyes of the store."""

    def __init__(self, store: Store, budget: Budget, outcome: Outcome) -> None:
        self._budget = budget
        self._outcome = outcome
        self._answers = GroupCommit(store)
        self._run = uuid.uuid4().hex
        self._errands: Sequence[Errand] = ()
        self._workers: list[asyncio.Task[None]] = []
        self._interrupted = False
        self._ended_by: DistilError | None = None

    async def answer_all(self, errands: Sequence[Errand], count: int) -> None:
        """Answer all requests of all errands, `count` of them, side by side.

        Ctrl-C lets what is in flight arrive and be stored, then raises KeyboardInterrupt; a second one does not wait.
        An `EndpointError` or a `BudgetError` ends the run as Ctrl-C does, and is raised when what was in flight is
        stored; after an `EndpointError` that is waited for no longer than DRAIN_S.
        """
        self._errands = errands
        loop = asyncio.get_running_loop()
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C then ends the run at once
            loop.add_signal_handler(signal.SIGINT, self._interrupt)
        with tqdm(total=count, desc="annotate", unit=" answers", mininterval=1) as self._bar:
            async with asyncio.TaskGroup() as group:
                self._workers = [group.create_task(self._work(one)) for one in errands for _ in range(one.in_flight)]
        if self._interrupted:
            raise KeyboardInterrupt
        if self._ended_by:
            raise self._ended_by

    async def _work(self, errand: Errand) -> None:
        try:
            for request in errand.requests:
                await self._answer(errand, request)
                if self._interrupted or self._ended_by:
                    return
        except StoppedError:
            return
        except DistilError as error:
            self._end(error)

    async def _answer(self, errand: Errand, request: Request) -> None:
        held = await self._budget.hold(errand.till, request)
        answer: Answer | None = None
        sent_at = time.time()
        try:
            answer, retries = await errand.teacher.ask(request)
        except FailedRequestError as error:
            self._outcome.add_failure(request.key, error)
        else:
            stored = Stored(answer, errand.name, self._run, sent_at, time.time(), retries)
            await self._answers.put(request.key, stored)
            self._outcome.answered += 1
            self._outcome.retries += retries
        finally:
            self._budget.settle(errand.till, held, request, answer)
        self._show_progress()

    def _show_progress(self) -> None:
        if self._budget.spent:
            self._bar.set_postfix_str(f"${self._budget.spent:,.4f}", refresh=False)
        self._bar.update()

    def _interrupt(self) -> None:
        self._interrupted = True
        asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
        self._stop()

    def _end(self, error: DistilError) -> None:
        if self._ended_by is None:
            self._ended_by = error
            self._stop()
            if isinstance(error, EndpointError):
                asyncio.get_running_loop().call_later(DRAIN_S, self._abandon)

    def _stop(self) -> None:
        for errand in self._errands:
            errand.teacher.stop()

    def _abandon(self) -> None:
        for worker in self._workers:
            worker.cancel()
