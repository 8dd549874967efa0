"""Texts of which the student is unsure, passed on to a teacher while their request waits, and never for longer.

Whatever becomes of the teacher, the student's answer is there. A teacher that gives no answer several times in a row is
left alone for a while, so that it does not slow every request; then one request tries it (Nygard, Release It!, 2007).
"""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import Future
from time import monotonic
from typing import Literal, NamedTuple, Protocol, TypeVar

from distil.serve.metrics import Metrics

log = logging.getLogger("distil.serve")

T = TypeVar("T")
WhyNot = Literal["abstained", "away", "budget", "busy", "slow"]
FAILURES = 3  # requests in a row of which no text is answered in time
PAUSE_S = 30.0  # for which the teacher is then left alone


class Given(NamedTuple):
    """The teacher's label of a text in its canonical form, or why there is none."""

    label: str | None
    why_not: WhyNot | None = None


AWAY, SLOW = Given(None, "away"), Given(None, "slow")


class Teacher(Protocol):
    """Who is asked about the texts that the student is not sure of; it works in a thread of its own."""

    @property
    def spent_usd(self) -> float:
        """What its answers cost so far, also before this server began."""

    @property
    def under_way(self) -> int:
        """How much is under way: texts that are asked about, and requests that may be paid for."""

    def recall(self, texts: Sequence[str]) -> "Future[list[Given]]":
        """Its label of each text that it was asked about before; of the others, which are `away`, none."""

    def ask(self, text: str, within_s: float) -> "Future[Given]":
        """Its label of a text; it is not asked later than after so many seconds."""

    def stop(self) -> None:
        """Ask nothing more; what is under way may still come."""

    def end(self) -> None:
        """Let go of all that asking takes."""


class PassingOn:
    """Asks a teacher, for `timeout_s` at most."""

    def __init__(self, teacher: Teacher, timeout_s: float, metrics: Metrics) -> None:
        self.teacher = teacher
        self._timeout_s, self._metrics = timeout_s, metrics
        self._failures, self._left_alone_until = 0, 0.0
        metrics.watch_dollars(lambda: teacher.spent_usd)

    async def ask(self, texts: Sequence[str]) -> list[Given]:
        """The teacher's labels, or why there are none; never an error.

        What it said before is given in any case, and tells nothing of whether it answers now.
        """
        until = monotonic() + self._timeout_s
        given = await self._recall(texts)
        rest = [place for place, one in enumerate(given) if one.why_not == "away"]
        if rest and self._may_ask():
            left_s = max(0.0, until - monotonic())
            asked = [asyncio.wrap_future(self.teacher.ask(texts[place], left_s)) for place in rest]
            await asyncio.wait(asked, timeout=left_s)  # which cancels nothing: what was sent is kept
            fresh = [_read(one, SLOW, AWAY) for one in asked]
            self._note(fresh)
            for place, one in zip(rest, fresh, strict=True):
                given[place] = one
        for one in given:
            if one.why_not:
                self._metrics.unanswered.labels(one.why_not).inc()
        return given

    async def _recall(self, texts: Sequence[str]) -> list[Given]:
        asked = asyncio.wrap_future(self.teacher.recall(texts))
        await asyncio.wait([asked], timeout=self._timeout_s)
        none = [AWAY] * len(texts)
        return _read(asked, none, none)

    def _may_ask(self) -> bool:
        if self._failures < FAILURES:
            return True
        if monotonic() < self._left_alone_until:
            return False
        self._left_alone_until = monotonic() + PAUSE_S  # for all others than this one, which tries
        return True

    def _note(self, given: Sequence[Given]) -> None:
        """Take in what came: over budget or too busy says nothing of the teacher."""
        if any(one.label is not None or one.why_not == "abstained" for one in given):
            self._failures = 0
        elif any(one.why_not in ("away", "slow") for one in given):
            self._failures += 1
            self._left_alone_until = monotonic() + PAUSE_S
            if self._failures == FAILURES:
                log.warning("the teacher is left alone for %.0f s; the student answers", PAUSE_S)


def _read(asked: "asyncio.Future[T]", late: T, failed: T) -> T:
    """What came; or what stands for it where it is not there yet, or never will be."""
    if not asked.done():
        asked.add_done_callback(lambda done: done.cancelled() or done.exception())
        return late
    if asked.cancelled():
        return failed
    if error := asked.exception():
        log.error("asking the teacher fails with %s", type(error).__name__)
        return failed
    return asked.result()
