"""What a run has before it: answers that are there, requests to send, and what they will take."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from distil.annotate.budget import Till
from distil.annotate.questions import Job, group_alike
from distil.core.runtime import RuntimeParams
from distil.cost.prices import Tokens, price_tokens
from distil.prompting.requests import Plan
from distil.store.answer_store import Store
from distil.teacher.tokens import count_characters


@dataclass
class Outlook:
    """Of one teacher: answers in the store, requests to send now, and their characters."""

    known: int = 0
    missing: int = 0
    characters: int = 0

    def note_known(self, count: int) -> None:
        """Count answers in that are in the store."""
        self.known += count


@dataclass(frozen=True)
class Expected:
    """What requests to one teacher will take; dollars are None without a price, minutes without a rate."""

    input_tokens: float
    output_tokens: float
    usd: float | None
    minutes: float | None


def look_ahead(job: Job, store: Store, plans: Sequence[Plan], failed: Collection[str] = ()) -> dict[str, Outlook]:
    """An outlook for each of the plans, by teacher; requests that `failed` in this run are not sent again."""
    outlooks = {}
    for plan in plans:
        outlook = outlooks[plan.name] = Outlook()
        for request in job.missing(plan, store, failed, outlook.note_known):
            outlook.missing += 1
            outlook.characters += count_characters(request)
    return outlooks


def count_more(job: Job, store: Store, plan: Plan) -> int:
    """How many requests the missing answers may entail at most, where votes go on as long as they disagree."""
    if plan.params.votes.fixed:
        return 0
    return sum(
        plan.params.votes.max * len(plan.asked) - len(asked.due)
        for batch in job.questions()
        for asked in job.asked(plan, store, batch)
        if any(request.key not in asked.stored for request in asked.due)
    )


def charge_known(job: Job, store: Store, plans: Sequence[Plan], tills: Mapping[str, Till]) -> None:
    """Let tills have spent what the stored answers cost, and learn from these how many tokens a request takes.

    An answer that several of the plans ask for is charged to the first of them alone.
    """
    for alike in group_alike(plans):
        charged: set[str] = set()
        for plan in alike:
            till = tills[plan.name]
            till.spent = 0.0
            for request, answer in job.answered(plan, store):
                if request.key in charged:
                    continue
                if plan is not alike[-1]:  # nobody comes after the last
                    charged.add(request.key)
                till.charge(request, answer)


def expect(outlook: Outlook, till: Till, runtime: RuntimeParams, more: int = 0) -> Expected:
    """Tokens, dollars and minutes for what is missing and so many `more`, by what the answers so far have taken."""
    requests = outlook.missing + more
    mean_characters = outlook.characters / max(outlook.missing, 1)
    mean_in, mean_out = till.estimate.expect(mean_characters)
    input_tokens, output_tokens = mean_in * requests, mean_out * requests
    usd = None
    if till.prices:
        usd = price_tokens(Tokens(round(input_tokens), None, round(output_tokens)), till.prices)
    rates = [
        amount / rate
        for amount, rate in (
            (requests, runtime.requests_per_minute),
            (input_tokens + output_tokens, runtime.tokens_per_minute),
        )
        if rate
    ]
    return Expected(input_tokens, output_tokens, usd, max(rates, default=None))
