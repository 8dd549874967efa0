"""Answer many requests with one student: what waits while a batch is computed makes the next one.

The student runs in threads of its own, so the server goes on reading. A batch is computed in parts, and a request is
answered as soon as those are there that have its texts: its client may ask again while the rest is computed, so that
no core is idle meanwhile. What waits is bounded: a request that does not
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
from dataclasses import dataclass, field
from time import monotonic

from distil.classifiers.opening import OnnxStudent
from distil.serve.answers import Part, Said, cut
from distil.serve.faults import FaultError
from distil.serve.metrics import Metrics

log = logging.getLogger("distil.serve")

MOST_TEXTS = 512  # computed together; more would make those wait that come meanwhile
WEIGHED_CHARACTERS = 1024  # of a text that count as one more text
LINGER_SHARE = 0.2  # of the time that the last batch took
SMOOTHING = 0.2  # of the measured rate
LONGEST_WAIT_S = 60


@dataclass(frozen=True)
class Job:
    """The texts of one request, what is said of some of them, and where its answer goes."""

    texts: Sequence[str]
    raw: bool
    weight: int
    answer: "asyncio.Future[list[Said]]"
    said: dict[int, Said] = field(default_factory=dict)  # by the place of a text


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
            await self._try(jobs)
            seconds, weight = monotonic() - begun, sum(job.weight for job in jobs)
            self._note_rate(weight / max(seconds, 1e-6))
            await self._linger(weight, LINGER_SHARE * seconds)

    async def _linger(self, weight: int, seconds: float) -> None:
        """Wait until as much waits as was answered, so long at most: clients ask again once they are answered.

        Else half of them would always wait for the other half, in batches of half the size, which take longer a text.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._waiting < weight:
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

    async def _try(self, jobs: Sequence[Job]) -> None:
        """Answer the jobs; those that the student fails at are tried alone, so that one harms no other."""
        errors = [
            error
            for raw in {job.raw for job in jobs}
            for error in await self._compute([job for job in jobs if job.raw is raw], raw)
        ]
        left = [job for job in jobs if len(job.said) < len(job.texts)]
        if len(jobs) > 1:
            for job in left:
                await self._try([job])
        elif left:
            log.error("the student fails with %s", type(errors[0]).__name__)
            self._answer(left[0], FaultError(424, "Backend", "Inference failed"))

    async def _compute(self, jobs: Sequence[Job], raw: bool) -> list[BaseException]:
        """Answer the jobs, each as soon as all of its texts are computed; returns what the student failed with."""
        texts = [text for job in jobs for text in job.texts]
        owners = [(job, number) for job in jobs for number in range(len(job.texts))]
        loop = asyncio.get_running_loop()

        async def compute(part: Part) -> None:
            said = await loop.run_in_executor(self._parts, part.compute)
            for place, one in zip(part.places, said, strict=True):
                job, number = owners[place]
                job.said[number] = one
                if len(job.said) == len(job.texts):
                    self._answer(job, [job.said[number] for number in range(len(job.texts))])

        try:
            parts = await loop.run_in_executor(self._thread, cut, self._student, texts, raw)
        except Exception as error:  # noqa: BLE001 (whatever it is, it is told to those concerned)
            return [error]
        results = await asyncio.gather(*map(compute, parts), return_exceptions=True)
        return [result for result in results if result is not None]

    def _answer(self, job: Job, result: list[Said] | FaultError) -> None:
        self._note_waiting(-job.weight)
        if job.answer.done():  # its request was given up
            return
        if isinstance(result, FaultError):
            job.answer.set_exception(result)
        else:
            job.answer.set_result(result)

    def _note_rate(self, rate: float) -> None:
        self._rate = self._rate + SMOOTHING * (rate - self._rate) if self._rate else rate

    def _note_waiting(self, change: int) -> None:
        self._waiting += change
        self._metrics.queue_size.set(self._waiting)

    def _estimate_wait(self) -> int:
        """Whole seconds until what waits now is answered."""
        return max(1, min(LONGEST_WAIT_S, math.ceil(self._waiting / self._rate))) if self._rate else 1
