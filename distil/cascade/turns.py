"""Who asks texts one at a time shares the lock with those who ask a file of them, as `annotate` and `predict` do."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager

from filelock import Timeout

from distil.prompting.requests import Plan
from distil.store.answer_store import Store
from distil.store.guards import one_run_at_a_time

TURN_S = 10.0  # for which the lock is held at a stretch, while texts keep coming
DRAIN_S = 5.0  # after a turn, in which nothing new is let in
REST_S = 0.25  # after which it is taken again; who waits for it looks every 0.05 s
LOOK_S = 0.02


class Turns:
    """The lock of those who ask the same: held while anything is inside, and given to others now and then.

    It can be given only when nothing is inside, so after a turn no text is let in, for DRAIN_S at most: a reply that
    does not come for so long keeps the lock, and the texts beside it are let in again until it has come.
    """

    def __init__(
        self, store: Store, plans: Sequence[Plan], command: str, turn_s: float = TURN_S, drain_s: float = DRAIN_S
    ) -> None:
        """Be ready to take the lock that `one_run_at_a_time` has for these plans."""
        self._store, self._plans, self._command = store, plans, command
        self._turn_s, self._drain_s = turn_s, drain_s
        self._held = ExitStack()
        self._inside: set[object] = set()
        self._hung: set[object] = set()
        self._began = 0.0
        self._free_since = self._rest_until = self._look_at = 0.0

    @property
    def inside(self) -> int:
        """How many keep the lock."""
        return len(self._inside)

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Hold the lock for a text, once no other process does and texts are let in."""
        while not self._try():
            await asyncio.sleep(LOOK_S)
        one = self.enter()
        try:
            yield
        finally:
            self.leave(one)

    def enter(self) -> object:
        """Keep the lock, which is held; `leave` has to follow."""
        one = object()
        self._inside.add(one)
        return one

    def leave(self, one: object) -> None:
        """Let the lock go with the last that is inside."""
        now = time.monotonic()
        self._inside.discard(one)
        if one in self._hung:
            self._hung.discard(one)
            if not self._hung:
                self._began = now - self._turn_s  # the others that wait for the lock have waited long
        if not self._inside:
            self._held.close()
            self._free_since = now
            self._rest_until = now + REST_S if now - self._began >= self._turn_s else now

    def _try(self) -> bool:
        now = time.monotonic()
        if self._inside:
            return self._lets_in(now)
        if now < max(self._rest_until, self._look_at):
            return False
        try:
            self._held.enter_context(one_run_at_a_time(self._store, self._plans, self._command, wait=False))
        except Timeout:
            self._look_at = now + LOOK_S
            return False
        if now - self._free_since >= REST_S:  # else nobody who waits can be sure to have seen it free
            self._began = now
        return True

    def _lets_in(self, now: float) -> bool:
        """Whether one more may come inside: while the turn lasts, or where waiting for the others is of no use."""
        if not self._hung and now - self._began >= self._turn_s + self._drain_s:
            self._hung = set(self._inside)
        return bool(self._hung) or now - self._began < self._turn_s
