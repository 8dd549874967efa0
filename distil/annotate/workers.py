"""Ask what is not yet in the store, many at a time, and keep each answer as it comes.

A fixed number of workers draw requests from one iterator, so a million texts need no more memory than a thousand. A
worker goes on to its next request when its last answer is committed, so a killed run loses at most what was in flight.
"""

import asyncio
import contextlib
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Never

from tqdm import tqdm

from distil.annotate.budget import Budget, Till
from distil.core.errors import DistilError, EndpointError
from distil.forms.answers import Answer
from distil.prompting.requests import Request
from distil.store.answer_store import GroupCommit, Store, Stored
from distil.teacher.answerer import Answerer, FailedRequestError
from distil.teacher.sleeping import list_endings
from distil.teacher.throttle import StoppedError

DRAIN_S = 10.0  # for the answers of an endpoint that turned out to be of no use
REFUSALS_THAT_END = 50  # and not one answer: what is asked of the endpoint is wrong, not a text


@dataclass(frozen=True)
class Errand:
    """Requests for one teacher, by how many workers, and what each answer is checked for."""

    name: str
    model: str  # that the store names
    requests: Iterator[Request]
    teacher: Answerer
    till: Till
    workers: int
    check: Callable[[Answer], object]  # raises a DistilError if no answer of this kind will be of use


@dataclass
class Outcome:
    """What came of a run: answers, requests that had to be sent again, and the requests that failed for good."""

    known: int = 0  # answers that were in the store before
    missing: int = 0  # requests that had none
    answered: int = 0
    retries: int = 0
    failed: set[str] = field(default_factory=set)  # keys
    failed_on_the_way: int = 0
    first_fault: str | None = None
    first_refusal: str | None = None

    @property
    def left(self) -> int:
        """Requests that were not sent, or of which no answer came before the run ended."""
        return self.missing - self.answered - len(self.failed)

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

    def __init__(self, store: Store, budget: Budget, outcome: Outcome, stage: str) -> None:
        self._stage = stage
        self._budget = budget
        self._outcome = outcome
        self._answers = GroupCommit(store)
        self.run = uuid.uuid4().hex
        self._errands: Sequence[Errand] = ()
        self._workers: dict[str, list[asyncio.Task[None]]] = {}
        self._ended_by: BaseException | None = None

    async def answer_all(self, errands: Sequence[Errand], count: int) -> None:
        """Answer all requests of all errands, `count` of them, side by side.

        Ctrl-C lets what is in flight arrive and be stored, then raises KeyboardInterrupt; a second one does not wait,
        nor do the signals that end a process, which raise SystemExit.
        An error that concerns all requests ends the run as Ctrl-C does, and is raised when what was in flight is
        stored; an endpoint that is of no use is waited for no longer than DRAIN_S.
        """
        self._errands = errands
        with tqdm(total=count, desc=self._stage, unit=" answers", mininterval=1) as bar, self._interruptible():
            await self._run_workers(bar)
        if self._ended_by:
            raise self._ended_by

    async def _run_workers(self, bar: "tqdm[Never]") -> None:
        showing = asyncio.create_task(self._show_progress(bar))
        try:
            async with asyncio.TaskGroup() as group:
                for errand in self._errands:
                    tasks = [group.create_task(self._work(errand, bar)) for _ in range(errand.workers)]
                    self._workers[errand.name] = tasks
        finally:
            showing.cancel()

    @contextlib.contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Let the first Ctrl-C end the run in good order; the second, and what ends a process, at once.

        A turn of the loop does it: raised by a handler, an exception would come up inside whichever worker runs.
        """
        loop = asyncio.get_running_loop()

        def note(kind: int, _frame: object) -> None:
            loop.call_soon_threadsafe(self._interrupt, kind)

        before = {kind: signal.signal(kind, note) for kind in (signal.SIGINT, *list_endings())}
        try:
            yield
        finally:
            for kind, handler in before.items():
                signal.signal(kind, handler)

    async def _work(self, errand: Errand, bar: "tqdm[Never]") -> None:
        try:
            for request in errand.requests:
                await self._answer(errand, request)
                bar.update()
                if self._ended_by:
                    return
        except StoppedError:
            return
        except DistilError as error:
            self._end(error, errand)

    async def _answer(self, errand: Errand, request: Request) -> None:
        held = await self._budget.hold(errand.till, request)
        answer: Answer | None = None
        lost = 0
        sent_at = time.time()
        try:
            asked = await errand.teacher.ask(request)
            answer, lost = asked.answer, asked.lost
            stored = Stored(answer, errand.model, self.run, sent_at, time.time(), asked.retries)
            await self._answers.put(request.key, stored)
            self._outcome.answered += 1
            self._outcome.retries += asked.retries
            errand.check(answer)
        except FailedRequestError as error:
            lost = error.lost
            self._outcome.add_failure(request.key, error)
            self._end_if_all_is_refused(errand)
        finally:
            self._budget.settle(errand.till, held, request, answer, lost)

    def _end_if_all_is_refused(self, errand: Errand) -> None:
        outcome = self._outcome
        if (
            len(outcome.failed) - outcome.failed_on_the_way >= REFUSALS_THAT_END
            and not outcome.answered + outcome.known
        ):
            raise EndpointError(
                f"{errand.name} refused the first {REFUSALS_THAT_END} requests, with: {outcome.first_refusal}; mend "
                f"section {self._stage} in params.yaml"
            )

    async def _show_progress(self, bar: "tqdm[Never]") -> None:
        """Keep what the answers cost, and what the run waits for, beside the bar."""
        while True:
            spent = f"${self._budget.spent:,.4f}" if self._budget.spent else ""
            pause_s = max(errand.teacher.pause_s for errand in self._errands)
            waits = f"the endpoint asks to wait {pause_s:.0f} s" if pause_s >= 1 else ""
            bar.set_postfix_str(", ".join(filter(None, (spent, waits))))
            await asyncio.sleep(1)

    def _interrupt(self, kind: int) -> None:
        first = self._ended_by is None
        if first:  # the code is the one by which a shell tells of a process that a signal ended
            self._ended_by = KeyboardInterrupt() if kind == signal.SIGINT else SystemExit(128 + kind)
        if first and kind == signal.SIGINT:
            print("\nwaiting for the answers under way; Ctrl-C again leaves them", file=sys.stderr)
            self._stop()
        else:
            for errand in self._errands:
                self._abandon(errand)

    def _end(self, error: DistilError, errand: Errand) -> None:
        if isinstance(error, EndpointError):
            asyncio.get_running_loop().call_later(DRAIN_S, self._abandon, errand)
        if self._ended_by is None:
            self._ended_by = error
            self._stop()

    def _stop(self) -> None:
        for errand in self._errands:
            errand.teacher.stop()

    def _abandon(self, errand: Errand) -> None:
        for worker in self._workers[errand.name]:
            worker.cancel()
