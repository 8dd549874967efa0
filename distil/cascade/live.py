"""Ask the study's teacher about a text at a time, for as long as a server runs, as `asking` does about a file of them.

Prompt, votes, prices, store and the reading of answers are the same. It works in a thread with an event loop of its
own, since the store may wait for another process. The budget holds over restarts (`ledger`). While anything is asked,
the lock is held for which `annotate` and `predict` wait, so that nothing is bought twice at once (`turns`).
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack
from pathlib import Path
from threading import Thread

import pyarrow as pa

from distil.annotate.budget import Budget, BudgetError, Till, open_tills
from distil.annotate.questions import Asked, Job, Question
from distil.annotate.rows import RowMaker
from distil.cascade.asking import BEFORE, Teacher
from distil.cascade.ledger import name_run, spend_alone, sum_spent
from distil.cascade.turns import Turns
from distil.core.errors import DistilError, EndpointError
from distil.core.tables import ANNOTATIONS
from distil.forms.labelling import load_labelling
from distil.prompting.label_logprobs import find_label_logprobs
from distil.prompting.requests import Plan, Request
from distil.serve.passing import Given
from distil.store.answer_store import GroupCommit, Store, Stored
from distil.store.opening import open_store, store_path
from distil.teacher.answerer import Answerer, FailedRequestError
from distil.teacher.connect import Flows, Way, count_workers, open_teacher
from distil.teacher.throttle import StoppedError

log = logging.getLogger("distil.serve")

COMMAND = "serve"  # what messages call the run
MOST_WAITING = 1024  # texts; more are not asked about
ENDS_WITHIN_S = 5.0


class LiveTeacher:
    """A study's teacher, asked from another thread; what servers of the study in this folder bought is its to pay."""

    def __init__(self, teacher: Teacher, study: Path) -> None:
        """Be ready to be asked; raises `DistilError` where the teacher cannot be, or another server asks it."""
        self._teacher = teacher
        self._run = name_run(study)
        self._begun: Future[tuple[asyncio.AbstractEventLoop, _Asking]] = Future()
        self._ended = asyncio.Event()
        self._thread = Thread(target=lambda: asyncio.run(self._live()), name="teacher", daemon=True)
        self._thread.start()
        self._loop, self._asking = self._begun.result()

    @property
    def spent_usd(self) -> float:
        """What all answers cost that servers of this study bought, also before this one began."""
        return self._asking.spent_usd

    @property
    def under_way(self) -> int:
        """How much is under way: texts that are asked about, and requests that may be paid for."""
        return self._asking.under_way

    def recall(self, texts: Sequence[str]) -> "Future[list[Given]]":
        """The label of each text whose answers are all in the store; of the others none."""
        return asyncio.run_coroutine_threadsafe(self._asking.recall(texts), self._loop)

    def ask(self, text: str, within_s: float) -> "Future[Given]":
        """The teacher's label of a text; nothing is sent for it after so many seconds, what was sent is kept."""
        until = self._loop.time() + within_s  # from now, not from when the thread comes to it
        return asyncio.run_coroutine_threadsafe(self._asking.answer(text, until), self._loop)

    def stop(self) -> None:
        """Send nothing more; what is under way may still come."""
        self._loop.call_soon_threadsafe(self._asking.stop)

    def end(self) -> None:
        """End the thread, unless the store waits for another process: then it ends with this one."""
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(ENDS_WITHIN_S)

    async def _live(self) -> None:
        """The life of the thread."""
        async with AsyncExitStack() as stack:
            try:
                store = stack.enter_context(open_store(store_path()))
                stack.enter_context(spend_alone(store, self._run))
                asking = _Asking(self._teacher, store, self._run)
                stack.push_async_callback(asking.close)
                for plan in self._teacher.plans:
                    await asking.reach(plan)
            except BaseException as error:  # noqa: BLE001 - who waits for it gets it, and would wait for ever otherwise
                self._begun.set_exception(error)
                return
            self._begun.set_result((asyncio.get_running_loop(), asking))
            await self._ended.wait()


class _Asking:
    """What happens in the thread: texts become requests, and answers become labels."""

    def __init__(self, teacher: Teacher, store: Store, run: str) -> None:
        self._buying: dict[str, asyncio.Task[None]] = {}  # by key: what two texts or teachers ask is bought once
        self._until: dict[str, float] = {}  # by key: when the last of those who want it wants it no more
        self._teacher, self._store, self._run = teacher, store, run
        self._tills = open_tills(teacher.plans, teacher.runtime, teacher.prices)
        self._tills[BEFORE] = Till(None, 1, paid=False)
        self._tills[BEFORE].spent = sum_spent(store, run, teacher, self._tills)
        self._budget = Budget(teacher.runtime.budget_usd, self._tills.values())
        self._commits = GroupCommit(store)
        self._job = Job(teacher.plans, Path(), ids=[BEFORE])  # without a table: questions are brought to it
        self._flows: Flows = {}
        self._clients: dict[str, tuple[Answerer, AsyncExitStack]] = {}
        self._opening = asyncio.Lock()
        self._places = asyncio.Semaphore(max(count_workers(plan.params, teacher.runtime) for plan in teacher.plans))
        self._turns = Turns(store, teacher.plans, COMMAND)
        self._waiting = 0
        self._stopped = False
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def spent_usd(self) -> float:
        return self._budget.spent

    @property
    def under_way(self) -> int:
        return self._turns.inside

    def stop(self) -> None:
        self._stopped = True
        for client, _ in self._clients.values():
            client.stop()

    async def close(self) -> None:
        await asyncio.gather(*self._closing, *(stack.aclose() for _, stack in self._clients.values()))

    async def recall(self, texts: Sequence[str]) -> list[Given]:
        """The label of each text whose answers are all in the store; of the others none."""
        try:
            questions = self._make_questions(texts)
            asked = [self._job.asked(plan, self._store, questions) for plan in self._teacher.plans]
        except DistilError as error:
            log.warning("the teacher's answers cannot be read: %s", error)
            return [Given(None, "away")] * len(texts)
        whole = [one for one in zip(*asked, strict=True) if all(map(_is_whole, one))]
        labels, known = self._read(whole), {one[0].id for one in whole}
        return [
            Given(labels.get(question.id), None if question.id in labels else "abstained")
            if question.id in known
            else Given(None, "away")
            for question in questions
        ]

    async def answer(self, text: str, until: float) -> Given:
        """The teacher's label of a text, or why there is none; no error comes out but those of this code."""
        if self._waiting >= MOST_WAITING or self._stopped:
            return Given(None, "busy")
        self._waiting += 1
        try:
            async with AsyncExitStack() as stack:
                async with asyncio.timeout_at(until):
                    await stack.enter_async_context(self._places)
                    await stack.enter_async_context(self._turns.take())
                label = await self._label(text, until)
        except TimeoutError:
            return Given(None, "slow")
        except BudgetError:
            return Given(None, "budget")
        except (FailedRequestError, StoppedError, EndpointError) as error:
            log.warning("the teacher does not answer (%s); its own words may quote a text", type(error).__name__)
            return Given(None, "away")
        except DistilError as error:
            log.warning("the teacher cannot be asked: %s", error)
            return Given(None, "away")
        else:
            return Given(label, None if label is not None else "abstained")
        finally:
            self._waiting -= 1

    async def reach(self, plan: Plan) -> Answerer:
        """The client of a plan's teacher, opened anew after it turned out to be of no use; or `StoppedError`."""
        async with self._opening:
            if self._stopped:
                raise StoppedError
            if plan.name not in self._clients:
                stack = AsyncExitStack()
                way = Way(self._teacher.runtime, self._teacher.assets, self._tills[plan.name].estimate, self._flows)
                client = await stack.enter_async_context(open_teacher(plan, way, known=True))
                self._clients[plan.name] = client, stack
            return self._clients[plan.name][0]

    def _forget(self, plan: Plan, client: Answerer) -> None:
        """Let a client go that is of no use, once what is under way has come."""
        known, stack = self._clients.get(plan.name, (None, None))
        if known is not client or stack is None or self._stopped:
            return
        del self._clients[plan.name]
        self._flows.clear()

        async def close(pending: Sequence["asyncio.Task[None]"]) -> None:
            if pending:
                await asyncio.wait(pending)
            await stack.aclose()

        closing = asyncio.create_task(close([*self._buying.values()]))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _label(self, text: str, until: float) -> str | None:
        """The label, for which all votes that are due are bought; a request that is refused counts as no answer."""
        (question,) = self._make_questions([text])
        asking = (self._complete(plan, question, until) for plan in self._teacher.plans)
        asked = await asyncio.gather(*asking, return_exceptions=True)  # what the others say is paid for, and waited for
        for error in asked:
            if isinstance(error, BaseException):
                raise error
        return self._read([[one for one in asked if isinstance(one, Asked)]]).get(question.id)

    def _make_questions(self, texts: Sequence[str]) -> list[Question]:
        nearest = self._teacher.nearest
        examples = nearest.choose(texts) if nearest else [()] * len(texts)
        return [
            Question(str(place), text, some) for place, (text, some) in enumerate(zip(texts, examples, strict=True))
        ]

    def _read(self, texts: Sequence[Sequence[Asked]]) -> dict[str, str]:
        """The label by id of texts, each with what was asked of every teacher, but for those on which it abstains."""
        form = load_labelling(self._teacher.task.kind).form
        makers = [RowMaker(plan, form) for plan in self._teacher.plans]
        rows = []
        for text in texts:
            for plan, maker, one in zip(self._teacher.plans, makers, text, strict=True):
                for requests in plan.by_vote(one.due):
                    found = [one.stored.get(request.key) for request in requests]
                    answers = [None if stored is None else stored.answer for stored in found]
                    rows.append(maker.row(one.id, requests, answers))
        return self._teacher.decide(pa.Table.from_pylist(rows, ANNOTATIONS).to_pandas()) if rows else {}

    async def _complete(self, plan: Plan, question: Question, until: float) -> Asked:
        """The votes that are due of a teacher, with their answers, wave by wave."""
        refused: set[str] = set()
        while True:
            (asked,) = self._job.asked(plan, self._store, [question])
            missing = [one for one in asked.due if one.key not in asked.stored and one.key not in refused]
            if not missing:
                return asked
            self._store.check_room()
            bought = [self._begin_to_buy(plan, request, until) for request in missing]
            await asyncio.wait(bought)
            for request, error in zip(missing, [task.exception() for task in bought], strict=True):
                if isinstance(error, FailedRequestError) and error.rejected:
                    refused.add(request.key)
                elif error is not None:
                    raise error

    def _begin_to_buy(self, plan: Plan, request: Request, until: float) -> "asyncio.Task[None]":
        self._until[request.key] = max(until, self._until.get(request.key, until))
        if request.key not in self._buying:
            task = self._buying[request.key] = asyncio.create_task(self._buy(plan, request))
            kept = self._turns.enter()  # the lock, also should the text be given up

            def forget(_: "asyncio.Task[None]") -> None:
                del self._buying[request.key], self._until[request.key]
                self._turns.leave(kept)

            task.add_done_callback(forget)
        return self._buying[request.key]

    async def _buy(self, plan: Plan, request: Request) -> None:
        """Have a request answered, and the answer kept, within the budget; `TimeoutError` where nobody waits for it."""
        till = self._tills[plan.name]
        client = await self.reach(plan)
        held = await self._budget.hold(till, request)
        answer, lost = None, 0
        try:
            self._check_wanted(request.key)
            asked = await client.ask(request)
            answer, lost = asked.answer, asked.lost
            # without the moment it was sent: a server's run lasts for days, and says nothing of a teacher's speed
            kept = Stored(answer, plan.params.name, self._run, None, time.time(), asked.retries)
            await self._commits.put(request.key, kept)
            if plan.params.method == "score":
                find_label_logprobs(answer.top_logprobs or (), plan.labels)  # raises where no answer will be of use
        except FailedRequestError as error:
            lost = error.lost
            raise
        except (EndpointError, StoppedError):
            self._forget(plan, client)
            raise
        finally:
            self._budget.settle(till, held, request, answer, lost)

    def _check_wanted(self, key: str) -> None:
        """Raise where nothing is sent any more, or nobody waits for the answer."""
        if self._stopped:
            raise StoppedError
        if asyncio.get_running_loop().time() >= self._until[key]:
            raise TimeoutError


def _is_whole(asked: Asked) -> bool:
    """Whether every vote that is due has its answer."""
    return all(request.key in asked.stored for request in asked.due)
