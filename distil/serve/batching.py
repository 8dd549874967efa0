"""Answer many requests with one student: what waits while batches are computed makes the next ones.

Workers run the student in threads, one for each batch that it computes at once, so the server goes on reading, and
replies are written while the next batch is computed. A worker takes the request that waits longest, and beside it those
of like length, since texts of a batch are padded to the longest. What waits is bounded: a request that does not fit is
refused at once, and told when to come again, so that those who were let in are answered in time. The weight of what
waits counts characters too, since a long text takes longer.
"""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from time import monotonic
from typing import NamedTuple

from distil.classifiers.opening import OnnxStudent
from distil.serve.answers import Said, say
from distil.serve.faults import FaultError
from distil.serve.metrics import Metrics

log = logging.getLogger("distil.serve")

WEIGHED_CHARACTERS = 1024  # of a text that count as one more text
LOOKED_AT = 64  # requests, among which those of like length are chosen: so none waits for long until it is the oldest
SMOOTHING = 0.1  # of what is measured
CHARACTERS_A_TOKEN = 4.0  # until it is known
LONGEST_WAIT_S = 60


class Job(NamedTuple):
    """The texts of one request, and where its answer goes."""

    texts: Sequence[str]
    raw: bool
    weight: int
    length: float  # mean of its texts, in characters
    answer: "asyncio.Future[list[Said]]"


class Batcher:
    """Puts texts before a student; start it with `run` in a task."""

    def __init__(self, student: OnnxStudent, most_waiting: int, metrics: Metrics, workers: int = 1) -> None:
        """Let texts of this weight wait at most: one for each text and for each `WEIGHED_CHARACTERS` of it."""
        self._student, self._most_waiting, self._metrics = student, most_waiting, metrics
        self._jobs: deque[Job] = deque()
        self._waiting = 0
        self._rate = 0.0  # weight a second, measured
        self._per_token = CHARACTERS_A_TOKEN
        self._arrived = asyncio.Semaphore(0)
        self._workers = workers
        self._threads = ThreadPoolExecutor(workers, "student")

    async def ask(self, texts: Sequence[str], raw: bool = False) -> list[Said]:
        """What the student says of the texts; raises `FaultError` where too much waits, or the student fails."""
        weight = sum(1 + len(text) // WEIGHED_CHARACTERS for text in texts)
        if self._waiting and self._waiting + weight > self._most_waiting:
            raise FaultError(429, "Overloaded", "Model is overloaded", {"Retry-After": str(self._estimate_wait())})
        job = Job(texts, raw, weight, sum(map(len, texts)) / len(texts), asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        self._note_waiting(weight)
        self._arrived.release()
        return await job.answer

    async def run(self) -> None:
        """Answer what comes until the task is cancelled."""
        await asyncio.gather(*(self._work() for _ in range(self._workers)))

    async def _work(self) -> None:
        while True:
            await self._arrived.acquire()
            if not self._jobs:  # another has taken it beside its own
                continue
            jobs, begun = self._take(), monotonic()
            results = await self._try(jobs)
            self._note_done(jobs, results, monotonic() - begun)
            for job, result in zip(jobs, results, strict=True):
                if job.answer.done():  # its request was given up
                    continue
                if isinstance(result, FaultError):
                    job.answer.set_exception(result)
                else:
                    job.answer.set_result(result)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False)

    def _take(self) -> list[Job]:
        """The oldest job, and others as long as there is room in a batch of the student, those of like length first."""
        looked_at = [self._jobs.popleft() for _ in range(min(LOOKED_AT, len(self._jobs)))]
        oldest = looked_at[0].length
        room = self._student.batch_tokens * self._per_token
        taken: set[int] = set()
        longest, texts = 0.0, 0
        for place in sorted(range(len(looked_at)), key=lambda place: abs(looked_at[place].length - oldest)):
            job = looked_at[place]
            longest, texts = max(longest, job.length), texts + len(job.texts)
            if taken and longest * texts > room:
                break
            taken.add(place)
        self._jobs.extendleft(job for place, job in reversed([*enumerate(looked_at)]) if place not in taken)
        jobs = [looked_at[place] for place in sorted(taken)]
        self._metrics.batch_size.observe(sum(len(job.texts) for job in jobs))
        return jobs

    async def _try(self, jobs: Sequence[Job]) -> list[list[Said] | FaultError]:
        """The answer to each job; where the student fails, each is tried alone, so that one harms no other."""
        computed = asyncio.get_running_loop().run_in_executor(self._threads, self._compute, jobs)
        (results,) = await asyncio.gather(computed, return_exceptions=True)
        if not isinstance(results, BaseException):
            return list(results)
        if len(jobs) > 1:
            return [(await self._try([job]))[0] for job in jobs]
        log.error("the student fails with %s", type(results).__name__)
        return [FaultError(424, "Backend", "Inference failed")]

    def _compute(self, jobs: Sequence[Job]) -> list[list[Said]]:
        """The answer to each job: those who want probabilities together, and those who want logits."""
        said = {
            raw: iter(say(self._student, [text for job in jobs if job.raw is raw for text in job.texts], raw))
            for raw in {job.raw for job in jobs}
        }
        return [list(islice(said[job.raw], len(job.texts))) for job in jobs]

    def _note_done(self, jobs: Sequence[Job], results: Sequence[list[Said] | FaultError], seconds: float) -> None:
        """Learn how fast the student is, and how many characters a token has in these texts."""
        weight = sum(job.weight for job in jobs)
        rate = self._workers * weight / max(seconds, 1e-6)
        self._rate += SMOOTHING * (rate - self._rate) if self._rate else rate
        self._note_waiting(-weight)
        said = [one for result in results if not isinstance(result, FaultError) for one in result]
        if tokens := sum(max(one.tokens, one.given) for one in said):
            measured = sum(job.length * len(job.texts) for job in jobs) / tokens
            self._per_token += SMOOTHING * (measured - self._per_token)

    def _note_waiting(self, change: int) -> None:
        self._waiting += change
        self._metrics.queue_size.set(self._waiting)

    def _estimate_wait(self) -> int:
        """Whole seconds until what waits now is answered."""
        return max(1, min(LONGEST_WAIT_S, math.ceil(self._waiting / self._rate))) if self._rate else 1
