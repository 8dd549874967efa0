"""What a run has before it: answers that are there, requests to send, and what they will take."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from distil.job import Job
from distil.plan import Plan
from distil.prices import Tokens, price_tokens
from distil.runtime import RuntimeParams
from distil.spending import Till
from distil.store import Store
from distil.tokens import count_characters


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
    """What the missing requests of one teacher will take; dollars are None without a price, minutes without a rate."""

    input_tokens: float
    output_tokens: float
    usd: float | None
    minutes: float | None


def look_ahead(job: Job, store: Store, plans: Sequence[Plan], failed: Collection[str] = ()) -> dict[str, Outlook]:
    """An outlook for each of the plans, by teacher; requests that `failed` in this run are not sent again."""
    outlooks = {}
    for plan in plans:
        outlook = outlooks[plan.params.name] = Outlook()
        for request in job.missing(plan, store, failed, outlook.note_known):
            outlook.missing += 1
            outlook.characters += count_characters(request)
    return outlooks


def charge_known(job: Job, store: Store, plan: Plan, till: Till) -> None:
    """Let the till have spent what the stored answers cost, and learn from them how many tokens a request takes."""
    till.spent = 0.0
    for request, answer in job.answered(plan, store):
        till.charge(request, answer)


def expect(outlook: Outlook, till: Till, runtime: RuntimeParams) -> Expected:
    """Tokens, dollars and minutes for what is missing, by what the answers so far have taken."""
    mean_characters = outlook.characters / max(outlook.missing, 1)
    mean_in, mean_out = till.estimate.expect(mean_characters)
    input_tokens, output_tokens = mean_in * outlook.missing, mean_out * outlook.missing
    usd = None
    if till.prices:
        usd = price_tokens(Tokens(round(input_tokens), None, round(output_tokens)), till.prices)
    rates = [
        amount / rate
        for amount, rate in (
            (outlook.missing, runtime.requests_per_minute),
            (input_tokens + output_tokens, runtime.tokens_per_minute),
        )
        if rate
    ]
    return Expected(input_tokens, output_tokens, usd, max(rates, default=None))
