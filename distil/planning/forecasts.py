"""What a run has before it, of each teacher or candidate: requests, tokens, dollars and time, and the budget."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from distil.annotate.budget import Till, open_tills
from distil.annotate.forecast import Expected, Outlook, charge_known, count_more, expect, look_ahead
from distil.annotate.questions import Job, group_alike
from distil.core.runtime import RuntimeParams
from distil.cost.prices import PriceParams
from distil.planning.counting import count_requests
from distil.prompting.requests import Plan
from distil.store.answer_store import Store


@dataclass(frozen=True)
class Forecast:
    """What one teacher has before it; `more` requests may follow where votes disagree, and `most` is all together.

    `leader` is the teacher that is asked the same before it, whose answers it shares; None for the first such one.
    """

    plan: Plan
    outlook: Outlook
    till: Till
    more: int
    expected: Expected
    most: Expected
    leader: str | None = None
    reckoned: bool = False  # what its stored answers have cost, from some of them

    @property
    def asks(self) -> bool:
        """Whether it is told by itself: it shares no answers, or some are missing beside those that it shares."""
        return self.leader is None or self.outlook.missing > 0


@dataclass(frozen=True)
class Outlay:
    """What a job has before it; dollars are of those with a price alone."""

    texts: int
    forecasts: list[Forecast]
    spent_usd: float  # for the answers in the store
    budget_usd: float | None

    @property
    def told(self) -> list[Forecast]:
        """Those that are told by themselves."""
        return [one for one in self.forecasts if one.asks]

    @property
    def requests(self) -> int:
        """Requests to send at least."""
        return sum(one.outlook.missing for one in self.told)

    @property
    def usd(self) -> tuple[float, float] | None:
        """Dollars to expect, from and to; None where no price is known."""
        priced = [one for one in self.told if one.till.prices]
        if not priced:
            return None
        return sum(one.expected.usd or 0.0 for one in priced), sum(one.most.usd or 0.0 for one in priced)

    @property
    def passes_budget(self) -> bool:
        """Whether requests are to be sent that may pass the budget; the run would stop before that."""
        most = (self.usd or (0.0, 0.0))[1]
        return self.budget_usd is not None and most > 0 and self.spent_usd + most > self.budget_usd


def forecast_job(
    job: Job, store: Store, runtime: RuntimeParams, given: PriceParams, sent: Collection[str] = ()
) -> Outlay:
    """What a job would ask now, teacher by teacher, but for what is `sent` anyway.

    Raises `InputError` as `open_tills` does.
    """
    tills = open_tills(job.plans, runtime, given)
    forecasts = []
    for alike in group_alike(job.plans):
        if len(alike) > 1 or sent:
            charge_known(job, store, alike, tills)
            forecasts += _forecast_alike(job, store, alike, tills, runtime, sent)
        else:
            (plan,) = alike
            counted = count_requests(job, store, plan, tills[plan.name])
            till, more = tills[plan.name], counted.more
            forecasts.append(_expect(plan, counted.outlook, till, more, runtime, None, counted.reckoned))
    return Outlay(job.text_count, forecasts, sum(till.spent for till in tills.values()), runtime.budget_usd)


def open_charged_tills(job: Job, store: Store, runtime: RuntimeParams, given: PriceParams) -> dict[str, Till]:
    """A till for each teacher of the job, with what its stored answers have cost; those of two teachers count once."""
    tills = open_tills(job.plans, runtime, given)
    charge_known(job, store, job.plans, tills)
    return tills


def _forecast_alike(
    job: Job,
    store: Store,
    alike: Sequence[Plan],
    tills: Mapping[str, Till],
    runtime: RuntimeParams,
    others: Collection[str],
) -> list[Forecast]:
    """What each of the plans that ask alike would be asked beside those before it.

    What may follow where votes disagree is not taken off those after it, so that the upper ends together may be high.
    """
    forecasts: list[Forecast] = []
    sent = set(others)
    first = alike[0].name
    for plan in alike:
        leader = first if forecasts else None
        forecasts.append(forecast(job, store, plan, tills[first], runtime, sent, leader))
        sent |= {request.key for request in job.missing(plan, store)}
    return forecasts


def forecast(
    job: Job,
    store: Store,
    plan: Plan,
    till: Till,
    runtime: RuntimeParams,
    sent: Collection[str] = (),
    leader: str | None = None,
) -> Forecast:
    """What one teacher would be asked now, but for what is `sent` anyway; the till's answers tell how long one is."""
    outlook = look_ahead(job, store, [plan], sent)[plan.name]
    return _expect(plan, outlook, till, count_more(job, store, plan), runtime, leader)


def _expect(
    plan: Plan,
    outlook: Outlook,
    till: Till,
    more: int,
    runtime: RuntimeParams,
    leader: str | None,
    reckoned: bool = False,
) -> Forecast:
    expected, most = expect(outlook, till, runtime), expect(outlook, till, runtime, more)
    return Forecast(plan, outlook, till, more, expected, most, leader, reckoned)
