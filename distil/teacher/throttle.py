"""Decide when the next request may leave for the endpoint.

Four things hold a request back: the number in flight, the rates that the user allows, a pause that the endpoint asked
for, and a breaker that opens when nothing gets through. Requests leave in the order in which they came.

The number in flight starts at its maximum and follows the endpoint by additive increase and multiplicative decrease
(Chiu and Jain 1989): halved, at most once a round trip, after a 429 or when many requests fail; one more after each
round of answers. The breaker (Nygard, Release It!, 2007) lets one request through after a growing wait; when that one
is answered, the run goes on.
"""

import asyncio
import random
from collections import deque
from dataclasses import dataclass

from distil.core.errors import EndpointError
from distil.core.runtime import RuntimeParams

LONGEST_WAIT_S = 60.0  # between tries, unless the endpoint asks for more
FAULTS_THAT_OPEN = 10  # in a row, none answered between them
FAULTS_THAT_OPEN_SOON = 3  # where nothing listens, or something else than the API
PROBES_OF_A_CLOSED_PORT = 3  # nothing listens there: that mends itself less often than an overload
PROBES_THAT_TIME_OUT = 2  # each takes long
PROBES_GONE_ASTRAY = 3  # something else than the API answers, and never did the API: the address is likely to be wrong
RISING_ERRORS = 0.3  # share of the latest requests that failed
MEMORY_OF_ERRORS = 16  # requests
LATENESS_S = 0.05  # of timers, made up for by a slightly lower rate


class StoppedError(Exception):
    """The request was not sent, or not again, because the run ends."""


@dataclass(slots=True)
class Turn:
    """A request on its way: when it left, and whether it tries out an endpoint that was down."""

    key: str
    started_at: float
    tokens: float
    probe: bool


class Rate:
    """So many units a minute, evenly spread; None: no limit.

    A generic cell rate algorithm: `ready_at` is when the next unit is due. A late start is made up for if it is late by
    less than LATENESS_S, and the rate is lowered by what that could add to any one minute.
    """

    def __init__(self, per_minute: float | None) -> None:
        self._interval = (60 + 2 * LATENESS_S) / per_minute if per_minute else 0.0
        self.ready_at = 0.0

    def take(self, amount: float, now: float) -> None:
        """Use up `amount` units."""
        if self._interval:
            self.ready_at = max(self.ready_at, now - LATENESS_S) + amount * self._interval

    def correct(self, amount: float) -> None:
        """Use up more, or give back what was taken too much."""
        self.ready_at += amount * self._interval


class Flow:
    """The way to one endpoint. Times are seconds of the event loop's clock."""

    def __init__(self, runtime: RuntimeParams, address: str) -> None:
        self._runtime = runtime
        self._address = address
        self._limit = float(runtime.max_in_flight)
        self._in_flight = 0
        self._requests = Rate(runtime.requests_per_minute)
        self._tokens = Rate(runtime.tokens_per_minute)
        self._waiting: deque[tuple[asyncio.Future[Turn], str, float]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._paused_until = 0.0
        self._limited_rounds = 0
        self._decreased_at = 0.0
        self._error_share = 0.0
        self._faults_in_a_row = 0
        self._faulty: set[str] = set()  # keys of the requests with those faults
        self._failed_probes: int | None = None  # None: the breaker is closed
        self._probe: Turn | None = None
        self._limited_since: float | None = None  # nothing was answered since then
        self._stopped = False
        self.answers = 0

    @property
    def most_at_once(self) -> int:
        """How many requests may be in flight now."""
        return 1 if self._failed_probes is not None else int(self._limit)

    def stop(self) -> None:
        """Let nothing leave any more; whoever waits gets a `StoppedError`."""
        self._stopped = True
        for future, _, _ in self._waiting:
            if not future.done():
                future.set_exception(StoppedError)
        self._waiting.clear()

    @property
    def pause_s(self) -> float:
        """How long nothing will leave, in seconds."""
        return max(0.0, self._paused_until - asyncio.get_running_loop().time())

    async def enter(self, key: str, tokens: float) -> Turn:
        """Wait for leave to send a request of about so many tokens; `leave` has to follow, whatever happens."""
        if self._stopped:
            raise StoppedError
        now = asyncio.get_running_loop().time()
        if not self._waiting and self._has_room() and self._ready_at() <= now:
            return self._start(key, tokens, now)
        future: asyncio.Future[Turn] = asyncio.get_running_loop().create_future()
        self._waiting.append((future, key, tokens))
        self._dispatch()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and not future.exception():
                self.leave(future.result())
            raise

    def leave(self, turn: Turn) -> None:
        """The request is no longer in flight."""
        self._in_flight -= 1
        if turn is self._probe:
            self._probe = None
        self._dispatch()

    def note_answer(self, turn: Turn, tokens: float, pause_s: float) -> None:
        """An answer came, of so many tokens; `pause_s` is what its rate-limit headers ask for."""
        now = asyncio.get_running_loop().time()
        self.answers += 1
        self._note_life()
        self._limited_rounds = 0
        self._limited_since = None
        self._error_share -= self._error_share / MEMORY_OF_ERRORS
        self._limit = min(self._runtime.max_in_flight, self._limit + 1 / self._limit)
        self._tokens.correct(tokens - turn.tokens)
        if pause_s:
            self._pause(now, min(pause_s, LONGEST_WAIT_S))

    def note_refusal(self) -> None:
        """The endpoint refused this one request: it is alive, and that is all it says."""
        self._note_life()

    def note_limit(self, turn: Turn, wait_s: float | None, said: str) -> None:
        """The endpoint asked for fewer requests, perhaps for none within `wait_s`.

        Raises `EndpointError` if that is longer than `runtime.patience_s`, or nothing was answered for as long.
        """
        now = asyncio.get_running_loop().time()
        patience_s = self._runtime.patience_s
        if wait_s is not None and wait_s > patience_s:
            raise EndpointError(
                f"{self._address} asks to wait for {wait_s:,.0f} s ({said}), longer than runtime.patience_s = "
                f"{patience_s:g}; what came is kept, run again then"
            )
        if self._limited_since is None:
            self._limited_since = now
        if now - self._limited_since > patience_s:
            raise EndpointError(
                f"{self._address} has turned every request away for {patience_s:g} s ({said}); what came is kept, run "
                "again later (or raise runtime.patience_s)"
            )
        self._note_life()
        if self._decrease(turn, now):
            self._limited_rounds += 1
        if wait_s is None or self._limited_rounds > 1:  # a wait that did not help, perhaps of 0 s, is made longer
            wait_s = max(wait_s or 0.0, self.backoff_s(self._limited_rounds - 1))
        self._pause(now, wait_s)

    def note_fault(
        self, turn: Turn, said: str, *, unreachable: bool = False, timed_out: bool = False, astray: bool = False
    ) -> None:
        """The request failed on the way. Raises `EndpointError` when the endpoint is down for good.

        A few requests that always fail are their own fault: the breaker opens after faults of different requests.
        """
        now = asyncio.get_running_loop().time()
        self._faults_in_a_row += 1
        self._faulty.add(turn.key)
        misled = astray and not self.answers
        probes = self._runtime.max_retries
        if unreachable:
            probes = min(probes, PROBES_OF_A_CLOSED_PORT if self.answers else 0)
        elif timed_out or misled:
            probes = min(probes, PROBES_THAT_TIME_OUT if timed_out else PROBES_GONE_ASTRAY)
        self._error_share += (1 - self._error_share) / MEMORY_OF_ERRORS
        if self._error_share > RISING_ERRORS and self._decrease(turn, now):
            self._error_share = 0.0
        if self._failed_probes is not None:
            if turn.probe:
                self._failed_probes += 1
                self._give_up_or_pause(now, said, probes)
        elif self._has_to_open(soon=unreachable or misled):
            self._failed_probes = 0
            self._give_up_or_pause(now, said, probes)

    def backoff_s(self, attempt: int) -> float:
        """A doubling wait with jitter (Brooker, AWS Architecture Blog, 2015); `attempt` counts from 0."""
        jitter = random.uniform(0.5, 1)  # noqa: S311 (no secret)
        return jitter * min(self._runtime.retry_wait_s * 2.0 ** max(attempt, 0), LONGEST_WAIT_S)

    def _has_to_open(self, *, soon: bool) -> bool:
        if soon:
            return self._faults_in_a_row >= FAULTS_THAT_OPEN_SOON
        different = min(FAULTS_THAT_OPEN, 2 * self._runtime.max_in_flight)
        return self._faults_in_a_row >= FAULTS_THAT_OPEN and len(self._faulty) >= different

    def _give_up_or_pause(self, now: float, said: str, probes: int) -> None:
        assert self._failed_probes is not None  # noqa: S101 (the breaker is open)
        if self._failed_probes >= probes:
            raise EndpointError(
                f"{self._address} does not answer ({said}) after {self._faults_in_a_row} tries in a row; is it up, and "
                "is runtime.base_url right? What came before is kept; run again to ask for the rest"
            )
        self._pause(now, self.backoff_s(self._failed_probes))

    def _note_life(self) -> None:
        self._faults_in_a_row = 0
        self._faulty.clear()
        if self._failed_probes is not None:
            self._failed_probes = None
            self._limit = max(1.0, self._limit / 2)

    def _decrease(self, turn: Turn, now: float) -> bool:
        """Halve the number in flight, unless that was done after this request had left."""
        if turn.started_at < self._decreased_at:
            return False
        self._limit = max(1.0, self._limit / 2)
        self._decreased_at = now
        return True

    def _pause(self, now: float, seconds: float) -> None:
        self._paused_until = max(self._paused_until, now + seconds)

    def _has_room(self) -> bool:
        if self._failed_probes is not None:
            return self._probe is None
        return self._in_flight < int(self._limit)

    def _ready_at(self) -> float:
        return max(self._paused_until, self._requests.ready_at, self._tokens.ready_at)

    def _start(self, key: str, tokens: float, now: float) -> Turn:
        self._in_flight += 1
        self._requests.take(1, now)
        self._tokens.take(tokens, now)
        turn = Turn(key, now, tokens, probe=self._failed_probes is not None)
        if turn.probe:
            self._probe = turn
        return turn

    def _dispatch(self) -> None:
        """Let those leave that may; wake up again when time alone holds back the first of the others."""
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting and self._has_room():
            now, ready_at = loop.time(), self._ready_at()
            if ready_at > now:
                self._timer = loop.call_at(ready_at, self._dispatch)
                return
            future, key, tokens = self._waiting.popleft()
            if not future.done():
                future.set_result(self._start(key, tokens, now))
