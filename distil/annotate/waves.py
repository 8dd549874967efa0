"""Ask all teachers of a job for what is missing, wave by wave.

A wave asks for every vote that is known to be needed; where votes disagree, the next wave asks for more. Teachers
behind endpoints are asked side by side, those that run here one after another, since they share the processor, and so
are two that ask the same: what the first was answered the second need not ask.
"""

import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from itertools import zip_longest
from pathlib import Path

from distil.annotate.budget import Budget, Till
from distil.annotate.forecast import charge_known, look_ahead
from distil.annotate.questions import Job, group_alike
from distil.annotate.workers import Annotator, Errand, Outcome
from distil.core.runtime import RuntimeParams
from distil.forms.answers import Answer
from distil.prompting.label_logprobs import find_label_logprobs
from distil.prompting.requests import Plan
from distil.store.answer_store import Store
from distil.teacher.answerer import Answerer
from distil.teacher.connect import Flows, Way, count_workers, open_teacher
from distil.teacher.sleeping import awake, list_endings


class Asking:
    """One run of asking, for a stage: the job, the store it fills, and what this machine allows."""

    def __init__(
        self,
        job: Job,
        store: Store,
        tills: Mapping[str, Till],
        runtime: RuntimeParams,
        assets: Path,
        stage: str,
    ) -> None:
        self.outcome = Outcome()
        self._job = job
        self._store = store
        self._tills = tills
        self._runtime = runtime
        self._stage = stage
        self._assets = assets
        self._flows: Flows = {}
        self._first: set[str] = set()  # plans whose answers in the store are no other's that was counted
        self._address: str | None = None  # of an endpoint that slept, while it is up
        self._annotator = Annotator(store, Budget(runtime.budget_usd, tills.values()), self.outcome, stage)

    async def ask_all(self) -> None:
        """Have everything answered that is missing; errors and Ctrl-C as `Annotator.answer_all`."""
        with _interrupts_anywhere():
            await self._ask_all()

    async def _ask_all(self) -> None:
        self._first = {alike[0].name for alike in group_alike(self._job.plans)}
        priced = [plan for plan in self._job.plans if self._tills[plan.name].prices]
        charge_known(self._job, self._store, priced, self._tills)
        for plans in _groups(self._job.plans):
            async with AsyncExitStack() as stack:
                teachers: dict[str, Answerer] = {}
                while await self._ask_wave(plans, teachers, stack):
                    pass

    async def _ask_wave(self, plans: Sequence[Plan], teachers: dict[str, Answerer], stack: AsyncExitStack) -> bool:
        """Ask for what is known to be needed; returns whether more may be needed now."""
        outlooks = look_ahead(self._job, self._store, plans, self.outcome.failed)
        if not teachers:
            self.outcome.known += sum(outlook.known for name, outlook in outlooks.items() if name in self._first)
        missing = sum(outlook.missing for outlook in outlooks.values())
        self.outcome.missing += missing
        wanted = [plan for plan in plans if outlooks[plan.name].missing]
        if wanted:
            self._store.check_room()
        for plan in wanted:
            name = plan.name
            if name not in teachers:
                runtime = self._wake(plan, stack)
                way = Way(runtime, self._assets, self._tills[name].estimate, self._flows)
                opened = open_teacher(plan, way, known=outlooks[name].known > 0)
                teachers[name] = await stack.enter_async_context(opened)
        if wanted:
            await self._annotator.answer_all([self._errand(plan, teachers) for plan in wanted], missing)
        return any(not plan.params.votes.fixed for plan in wanted)

    def _wake(self, plan: Plan, stack: AsyncExitStack) -> RuntimeParams:
        """How to reach a plan's teacher; an endpoint that sleeps is resumed, and paused when the stack is closed."""
        asleep = self._runtime.hf_endpoint
        if not asleep or not plan.params.remote or not self._runtime.is_asleep(plan.params.name):
            return self._runtime
        if self._address is None:
            self._address = stack.enter_context(awake(self._runtime, asleep, self._note_up_s, self._stage))
            stack.callback(self._forget_address)
        return self._runtime.at(self._address + ("" if plan.params.protocol == "tgi" else "/v1"))

    def _forget_address(self) -> None:
        self._address = None

    def _note_up_s(self, seconds: float) -> None:
        self._store.note_up_s(self._annotator.run, seconds)

    def _errand(self, plan: Plan, teachers: Mapping[str, Answerer]) -> Errand:
        name = plan.name
        requests = self._job.missing(plan, self._store, self.outcome.failed)
        workers = count_workers(plan.params, self._runtime)
        return Errand(name, plan.params.name, requests, teachers[name], self._tills[name], workers, _make_check(plan))


def _make_check(plan: Plan) -> Callable[[Answer], object]:
    """Find out with the first answer, and not with the last, that labels cannot be told apart by their scores."""
    if plan.params.method == "score":
        return lambda answer: find_label_logprobs(answer.top_logprobs or (), plan.labels)
    return lambda _answer: None


@contextmanager
def _interrupts_anywhere() -> Iterator[None]:
    """Let Ctrl-C interrupt the counting too, where asyncio would wait for the next turn of its loop.

    SIGTERM, and SIGHUP of a closed terminal, end the run as a second Ctrl-C does, at once and yet in good order.
    """
    before = {kind: signal.signal(kind, _terminate) for kind in list_endings()}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def _terminate(kind: int, _frame: object) -> None:
    sys.exit(128 + kind)  # as a shell tells of a process that a signal ended


def _groups(plans: Sequence[Plan]) -> list[list[Plan]]:
    """The plans that are worked on side by side."""
    remote = group_alike([plan for plan in plans if plan.params.server != "local"])
    rounds = [[plan for plan in some if plan is not None] for some in zip_longest(*remote)]
    return [*rounds, *([plan] for plan in plans if plan.params.server == "local")]
