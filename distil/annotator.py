"""Ask what is not yet in the store, many at a time, and keep each answer as it comes.

A fixed number of workers draw requests from one iterator, so a million texts need no more memory than a thousand.
"""

import asyncio
import contextlib
import signal
import time
import uuid
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from typing import Any, Protocol

from tqdm import tqdm

from distil.answers import Answer
from distil.errors import DistilError
from distil.plan import Plan, Request
from distil.store import Store, Stored
from distil.teacher import FailedRequestError

Failures = dict[str, FailedRequestError]  # by request key


class Answerer(Protocol):
    """Whatever answers requests: an endpoint, or a recording."""

    async def ask(self, request: Request) -> Answer:
        """Answer one request."""

    def stop(self) -> None:
        """Begin nothing new."""


def missing_requests(plan: Plan, store: Store, texts: Iterable[Sequence[str]]) -> Iterator[Request]:
    """The requests that have no answer yet, for texts that come in batches."""
    for batch in texts:
        requests = [request for text in batch for request in plan.requests(text)]
        known = store.known([request.key for request in requests])
        yield from (request for request in requests if request.key not in known)


async def answer_all(
    requests: Iterator[Request], count: int, answerer: Answerer, store: Store, in_flight: int
) -> Failures:
    """Answer the requests, at most `in_flight` at a time; return those that failed for good.

    Ctrl-C lets what is in flight arrive and be stored, then raises KeyboardInterrupt; a second one does not wait.
    Raises `EndpointError` as soon as the endpoint turns out to be of no use.
    """
    run = uuid.uuid4().hex
    failures: Failures = {}
    interrupted = asyncio.Event()

    async def work() -> None:
        for request in requests:
            if interrupted.is_set():
                return
            sent_at = time.time()
            try:
                answer = await answerer.ask(request)
            except FailedRequestError as error:
                failures[request.key] = error
            else:
                store.put(request.key, Stored(answer, run, sent_at, time.time()))
            bar.update()

    def interrupt() -> None:
        interrupted.set()
        answerer.stop()
        asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)

    with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C then ends the run at once
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupt)
    with tqdm(total=count, desc="annotate", unit=" answers", disable=not count, mininterval=1) as bar:
        await _run_workers([work() for _ in range(min(in_flight, count))])
    if interrupted.is_set():
        raise KeyboardInterrupt
    return failures


async def _run_workers(workers: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Run the workers to their end; the first error stops them all and is raised as it is, not as a group."""
    try:
        async with asyncio.TaskGroup() as group:
            for worker in workers:
                group.create_task(worker)
    except* DistilError as errors:
        first: BaseException = errors
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from None
