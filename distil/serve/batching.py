"""Answer many requests with one student: what waits while a batch is computed makes the next one.

The student runs in a thread of its own, so the server goes on reading. What waits is bounded: a request that does not
fit is refused at once, and told when to come again, so that those who were let in are answered in time. The weight of
what waits counts characters too, since a long text takes longer.
"""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from time import monotonic
from typing import NamedTuple

from distil.classifiers.opening import OnnxStudent
from distil.serve.answers import Said, say
from distil.serve.faults import FaultError
from distil.serve.metrics import Metrics

log = logging.getLogger("distil.serve")

MOST_TEXTS = 512  # computed together; more would make those wait that come meanwhile
WEIGHED_CHARACTERS = 1024  # of a text that count as one more text
LINGER_SHARE = 0.2  # of the time that the last batch took
SMOOTHING = 0.2  # of the measured rate
LONGEST_WAIT_S = 60


class Job(NamedTuple):
    """The texts of one request, and where its answer goes."""

    texts: Sequence[str]
    raw: bool
    weight: int
    answer: "asyncio.Future[list[Said]]"


class Batcher:
    """Puts texts before a student; start it with `run` in a task."""

    def __init__(self, student: OnnxStudent, most_waiting: int, metrics: Metrics, threads: int = 1) -> None:
        """Let texts of this weight wait at most: one for each text and for each `WEIGHED_CHARACTERS` of it.

        `threads` compute parts of a batch at once.
        """
        self._student, self._most_waiting, self._metrics = student, most_waiting, metrics
        self._jobs: deque[Job] = deque()
        self._waiting = 0
        self._rate = 0.0  # weight a second, measured
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "student")
        self._parts = ThreadPoolExecutor(threads, "parts")

    async def ask(self, texts: Sequence[str], raw: bool = False) -> list[Said]:
        """What the student says of the texts; raises `FaultError` where too much waits, or the student fails."""
        weight = sum(1 + len(text) // WEIGHED_CHARACTERS for text in texts)
        if self._waiting and self._waiting + weight > self._most_waiting:
            raise FaultError(429, "Overloaded", "Model is overloaded", {"Retry-After": str(self._estimate_wait())})
        job = Job(texts, raw, weight, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        self._note_waiting(weight)
        self._arrived.set()
        return await job.answer

    async def run(self) -> None:
        """Answer what comes until the task is cancelled."""
        while True:
            await self._arrived.wait()
            jobs, begun = self._take(), monotonic()
            results = await self._try(jobs)
            seconds, outstanding = monotonic() - begun, self._waiting
            self._note_done(sum(job.weight for job in jobs), seconds)
            for job, result in zip(jobs, results, strict=True):
                if job.answer.done():  # its request was given up
                    continue
                if isinstance(result, FaultError):
                    job.answer.set_exception(result)
                else:
                    job.answer.set_result(result)
            await self._linger(outstanding, LINGER_SHARE * seconds)

    async def _linger(self, outstanding: int, seconds: float) -> None:
        """Wait so long at most for clients that ask again once they are answered.

        Else half of them would always wait for the other half, in batches of half the size, which take longer a text.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._waiting < outstanding:
                    self._arrived.clear()
                    await self._arrived.wait()
        if self._jobs:
            self._arrived.set()

    def close(self) -> None:
        """End the threads."""
        self._thread.shutdown(wait=False)
        self._parts.shutdown(wait=False)

    def _take(self) -> list[Job]:
        jobs, texts = [self._jobs.popleft()], 0
        while self._jobs and (texts := texts + len(jobs[-1].texts)) + len(self._jobs[0].texts) <= MOST_TEXTS:
            jobs.append(self._jobs.popleft())
        if not self._jobs:
            self._arrived.clear()
        self._metrics.batch_size.observe(sum(len(job.texts) for job in jobs))
        return jobs

    async def _try(self, jobs: Sequence[Job]) -> list[list[Said] | FaultError]:
        """The answer to each job; where the student fails, each is tried alone, so that one harms no other."""
        computed = asyncio.get_running_loop().run_in_executor(self._thread, self._compute, jobs)
        (results,) = await asyncio.gather(computed, return_exceptions=True)
        if not isinstance(results, BaseException):
            return list(results)
        if len(jobs) > 1:
            return [(await self._try([job]))[0] for job in jobs]
        log.error("the student fails with %s", type(results).__name__)
        return [FaultError(424, "Backend", "Inference failed")]

    def _compute(self, jobs: Sequence[Job]) -> list[list[Said]]:
        """The answer to each job: those who want probabilities together, and those who want logits."""
        texts = {
            raw: [text for job in jobs if job.raw is raw for text in job.texts] for raw in {job.raw for job in jobs}
        }
        said = {raw: iter(say(self._student, some, raw, self._parts)) for raw, some in texts.items()}
        return [list(islice(said[job.raw], len(job.texts))) for job in jobs]

    def _note_done(self, weight: int, seconds: float) -> None:
        rate = weight / max(seconds, 1e-6)
        self._rate = self._rate + SMOOTHING * (rate - self._rate) if self._rate else rate
        self._note_waiting(-weight)

    def _note_waiting(self, change: int) -> None:
        self._waiting += change
        self._metrics.queue_size.set(self._waiting)

    def _estimate_wait(self) -> int:
        """Whole seconds until what waits now is answered."""
        return max(1, min(LONGEST_WAIT_S, math.ceil(self._waiting / self._rate))) if self._rate else 1
