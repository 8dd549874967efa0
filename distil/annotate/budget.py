"""What the answers cost, as they come, and a budget that is not passed."""

import asyncio
from collections.abc import Collection, Sequence

from distil.core.errors import DistilError, InputError
from distil.core.runtime import RuntimeParams
from distil.cost.prices import FoundPrices, PriceParams, Tokens, find_prices, price_tokens
from distil.forms.answers import Answer
from distil.prompting.params import AnnotateParams
from distil.prompting.requests import Plan, Request
from distil.teacher.endpoint import is_here
from distil.teacher.tokens import TokenEstimate

NAMES_OF_A_LIMIT = ("max_tokens", "max_completion_tokens", "max_new_tokens", "max_output_tokens")


class BudgetError(DistilError):
    """The next request could pass the budget."""


class Till:
    """What one teacher's answers cost; without prices it stays at zero.

    `spent` are the dollars for answers that are there, `held` what those under way may cost at most. `paid` tells
    whether answers are likely to cost anything: a price is known, or the endpoint is not this machine. `unpriced` says
    in words what there is in place of a price, or how to give one.
    """

    def __init__(self, found: FoundPrices | None, max_tokens: int, *, paid: bool, unpriced: str = "") -> None:
        self.found = found
        self.prices = found.prices if found else None
        self.paid = paid
        self.unpriced = unpriced
        self.estimate = TokenEstimate(max_tokens)
        self.spent = 0.0
        self.held = 0.0
        self.under_way = 0

    def charge(self, request: Request, answer: Answer) -> None:
        """Count an answer's price in; one that does not tell its tokens is taken to have cost the most it could."""
        self.estimate.learn(request, answer)
        if self.prices is not None:
            usd = price_tokens(Tokens(answer.input_tokens, answer.cached_tokens, answer.output_tokens), self.prices)
            self.spent += self.most_usd(request) if usd is None else usd

    def most_usd(self, request: Request) -> float:
        """Dollars that a request will hardly pass."""
        if self.prices is None:
            return 0.0
        most_in, most_out = self.estimate.bound(request)
        return price_tokens(Tokens(round(most_in), None, round(most_out)), self.prices) or 0.0


class Budget:
    """Dollars that may be spent on a job, over all its teachers; None: no limit."""

    def __init__(self, usd: float | None, tills: Collection[Till]) -> None:
        self.usd = usd
        self._tills = tills

    @property
    def spent(self) -> float:
        """Dollars for the answers that are there."""
        return sum(till.spent for till in self._tills)

    async def hold(self, till: Till, request: Request) -> float:
        """Set aside what the request may cost at most, in dollars, waiting for answers under way if need be.

        Raises `BudgetError` if it does not fit although nothing is under way.
        """
        usd = till.most_usd(request)
        while self.usd is not None and self.spent + sum(till.held for till in self._tills) + usd > self.usd:
            if not any(till.under_way for till in self._tills):
                raise BudgetError(
                    f"runtime.budget_usd = {self.usd:g} would be passed: the answers so far have cost "
                    f"${self.spent:.4f}, the next may cost up to ${usd:.4f}; every answer is kept, raise the budget "
                    "and run again to go on"
                )
            await asyncio.sleep(0.01)
        till.held += usd
        till.under_way += 1
        return usd

    def settle(self, till: Till, held: float, request: Request, answer: Answer | None, lost: int) -> None:
        """Put the real price in the place of what was held; None: there was no answer.

        Each of the `lost` tries may have been paid for, and counts as much as was held.
        """
        till.under_way -= 1
        till.held = till.held - held if till.under_way else 0.0
        till.spent += lost * held
        if answer is not None:
            till.charge(request, answer)


def open_tills(plans: Sequence[Plan], runtime: RuntimeParams, given: PriceParams) -> dict[str, Till]:
    """A till for each teacher, by name.

    Raises `InputError` if there is a budget, and no price or no longest answer to hold against it.
    """
    tills = {plan.name: _open_till(plan.params, runtime, given) for plan in plans}
    if runtime.budget_usd is not None:
        for plan in plans:
            _check_budget(plan.params, runtime.budget_usd, tills[plan.name])
    return tills


def _check_budget(params: AnnotateParams, budget_usd: float, till: Till) -> None:
    """Refuse a budget that cannot be kept to."""
    if not params.remote:
        return
    kept_to = f"runtime.budget_usd = {budget_usd:g} cannot be kept to, since"
    if till.prices is None:
        raise InputError(
            f"{kept_to} the price of an answer of {params.name} is not known: {till.unpriced}; or set the budget to "
            "null"
        )
    if params.extra.get("max_tokens", params.max_tokens) is None and not _other_limits(params):
        raise InputError(
            f"{kept_to} annotate.extra takes max_tokens out, and an answer may have any length: give another limit "
            f"there, one of {', '.join(NAMES_OF_A_LIMIT[1:])}"
        )


def _open_till(params: AnnotateParams, runtime: RuntimeParams, given: PriceParams) -> Till:
    most_tokens = max([params.max_tokens, *_other_limits(params)])
    if not params.remote:
        return Till(None, most_tokens, paid=False)
    address = runtime.address_of(params.name)
    here, hourly = is_here(address), given.per_hour(params.name)
    prices = given.teacher_usd_per_million_tokens
    found = None if hourly or (here and prices is None) else find_prices(params.name, address, prices)
    paid = found is not None or hourly is not None or not here
    return Till(found, most_tokens, paid=paid, unpriced=_explain_unpriced(given, hourly))


def _explain_unpriced(given: PriceParams, hourly: float | None) -> str:
    """What stands in place of a price by the token, or how to give one."""
    if hourly:
        return f"it is paid by the hour, ${hourly:g} while it is up (cost.teacher_usd_per_hour)"
    if given.teacher_usd_per_hour:
        return "none can be given beside cost.teacher_usd_per_hour"
    return "give cost.teacher_usd_per_million_tokens {input, output} in params.yaml"


def _other_limits(params: AnnotateParams) -> list[int]:
    """The longest answers, in tokens, that `annotate.extra` allows under any of their names."""
    limits = (params.extra.get(name) for name in NAMES_OF_A_LIMIT)
    return [limit for limit in limits if isinstance(limit, int)]
