"""What servers of a study have bought of its teacher: known by the run that stands beside each answer in the store.

So the budget holds over restarts, however a server ended, and whoever the teacher was then.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from distil.annotate.budget import Till
from distil.cascade.asking import Teacher
from distil.core.errors import InputError
from distil.cost.prices import TokenPrices, Tokens, find_prices, price_tokens
from distil.store.answer_store import Store


def name_run(study: Path) -> str:
    """The run of all servers of the study in that folder."""
    return f"serve-{hashlib.sha256(str(study.resolve()).encode()).hexdigest()[:16]}"


@contextmanager
def spend_alone(store: Store, run: str) -> Iterator[None]:
    """Raise `InputError` where another server of the study asks: two would spend the budget twice."""
    lock = FileLock(store.path.with_name(f"{store.path.name}.{run}.lock"))
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise InputError(
            "--unsure-to teacher: another distil serve in this folder asks the teacher already, and runtime.budget_usd "
            "holds for both; end it, or leave --unsure-to out here"
        ) from None
    try:
        yield
    finally:
        lock.release()


def sum_spent(store: Store, run: str, teacher: Teacher, tills: Mapping[str, Till]) -> float:
    """What the answers of a run cost, in dollars; `tills` are those of the teacher's plans, by their names.

    An answer that tells no tokens counts as dear as one may be.
    """
    prices: dict[str, list[TokenPrices]] = {}
    most_usd = max(tills[plan.name].most_usd(plan.request("", 1)) for plan in teacher.plans)
    spent = 0.0
    for _, stored in store:
        if stored.run != run:
            continue
        if stored.teacher not in prices:
            prices[stored.teacher] = _find_prices(stored.teacher, teacher, tills)
        told = Tokens(stored.answer.input_tokens, stored.answer.cached_tokens, stored.answer.output_tokens)
        usd = [price_tokens(told, one) for one in prices[stored.teacher]]
        spent += max((most_usd if one is None else one for one in usd), default=0.0)
    return spent


def _find_prices(name: str, teacher: Teacher, tills: Mapping[str, Till]) -> list[TokenPrices]:
    """A teacher's prices; those of all that are asked now, for the dearest counts, where none are known of it."""
    today = {plan.params.name: tills[plan.name].prices for plan in teacher.plans}
    if name in today:
        known = [today[name]]
    else:
        found = find_prices(name, teacher.runtime.address_of(name), teacher.prices.teacher_usd_per_million_tokens)
        known = [found.prices] if found else [*today.values()]
    return [prices for prices in known if prices is not None]
