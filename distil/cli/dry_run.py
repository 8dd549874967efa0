"""Say in words what a run has before it: requests, tokens, dollars and time of each teacher."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import typer

from distil.annotate.budget import Till, open_tills
from distil.annotate.forecast import Expected, Outlook, charge_known, count_more, expect, look_ahead
from distil.annotate.questions import Job, group_alike
from distil.core.errors import InputError, describe_error
from distil.core.runtime import RuntimeParams
from distil.cost.prices import PriceParams
from distil.prompting.requests import Plan
from distil.store.answer_store import Store
from distil.store.opening import open_store, store_path
from distil.teacher.connect import requests_in_flight
from distil.teacher.endpoint import find_endpoint


@dataclass(frozen=True)
class Forecast:
    """What one teacher has before it; `more` requests may follow where votes disagree, and `most` is all together."""

    plan: Plan
    outlook: Outlook
    till: Till
    more: int
    expected: Expected
    most: Expected


def open_charged_tills(job: Job, store: Store, runtime: RuntimeParams, given: PriceParams) -> dict[str, Till]:
    """A till for each teacher of the job, with what its stored answers have cost; those of two teachers count once."""
    tills = open_tills(job.plans, runtime, given)
    charge_known(job, store, job.plans, tills)
    return tills


def print_outlook(job: Job, runtime: RuntimeParams, given: PriceParams) -> None:
    """Print what a job would ask now, teacher by teacher and in all, and what that would take."""
    with open_store(store_path()) as store:
        tills = open_charged_tills(job, store, runtime, given)
        groups = [forecast_alike(job, store, alike, tills, runtime) for alike in group_alike(job.plans)]
    for first, *others in groups:
        print_forecast(first, job.text_count, runtime)
        for one in others:
            shared = f"of the answers of {first.plan.name}"
            if one.outlook.missing:
                print_forecast(one, job.text_count, runtime, f", beside what is {shared}")
            else:
                typer.echo(f"{one.plan.name}: {one.plan.params.votes.describe()}, {shared}")
    told = [one for first, *others in groups for one in (first, *(one for one in others if one.outlook.missing))]
    print_total(told, tills, runtime)


def forecast_alike(
    job: Job, store: Store, alike: Sequence[Plan], tills: Mapping[str, Till], runtime: RuntimeParams
) -> list[Forecast]:
    """What each of the plans that ask alike would be asked beside those before it.

    What may follow where votes disagree is not taken off those after it, so that the upper ends together may be high.
    """
    forecasts = []
    sent: set[str] = set()
    for plan in alike:
        till = tills[alike[0].name]  # whose answers tell how long one is
        forecasts.append(forecast(job, store, plan, till, runtime, sent))
        if len(alike) > 1:
            sent |= {request.key for request in job.missing(plan, store)}
    return forecasts


def forecast(
    job: Job, store: Store, plan: Plan, till: Till, runtime: RuntimeParams, sent: Collection[str] = ()
) -> Forecast:
    """What one teacher would be asked now, but for what is `sent` anyway, and what that takes."""
    outlook = look_ahead(job, store, [plan], sent)[plan.name]
    more = count_more(job, store, plan)
    expected, most = expect(outlook, till, runtime), expect(outlook, till, runtime, more)
    return Forecast(plan, outlook, till, more, expected, most)


def print_forecast(one: Forecast, texts: int, runtime: RuntimeParams, beside: str = "") -> None:
    """Print a line for each figure of one teacher."""
    params, expected = one.plan.params, one.expected
    basis = (
        f"as the {one.till.estimate.answers:,} answers in the store"
        if one.till.estimate.answers
        else f"a guess: 4 characters a token, answers as long as they may be, {one.till.estimate.max_tokens:,}"
    )
    more = f", up to {one.more:,} more where votes disagree" if one.more else ""
    each = f", a question for each of {len(one.plan.asked)} labels" if params.ask == "each" else ""
    typer.echo(f"{one.plan.name}: {texts:,} texts, {params.votes.describe()}{each}{beside}")
    typer.echo(f"  requests in the store  {one.outlook.known:,}")
    typer.echo(f"  requests to send       {one.outlook.missing:,}{more}")
    typer.echo(f"  tokens to expect       {expected.input_tokens:,.0f} in, {expected.output_tokens:,.0f} out ({basis})")
    typer.echo(f"  dollars to expect      {describe_dollars(one)}")
    typer.echo(f"  time                   {describe_minutes(one, runtime)}")
    if one.plan.params.remote and runtime.hf_endpoint and runtime.is_asleep(params.name):
        after = ", paused after it" if runtime.hf_endpoint.pause_after else ""
        typer.echo(f"  endpoint               {runtime.hf_endpoint.name}, resumed for the run{after}")
    elif one.plan.params.remote:
        try:
            find_endpoint(runtime, params.name)
        except InputError as error:
            typer.echo(f"  not ready: {describe_error(error)}")


def print_total(forecasts: list[Forecast], tills: Mapping[str, Till], runtime: RuntimeParams) -> None:
    """Print the sum over several teachers or candidates, what the study has cost so far, and the budget."""
    priced = [one for one in forecasts if one.till.prices]
    low = sum(one.expected.usd or 0.0 for one in priced)
    high = sum(one.most.usd or 0.0 for one in priced)
    if len(forecasts) > 1:
        requests = sum(one.outlook.missing for one in forecasts)
        unknown = any(one.till.paid and not one.till.prices for one in forecasts)
        dollars = describe_range(low, high) if priced else "no known price"
        typer.echo(
            f"in all: {requests:,} requests to send, {dollars}"
            + (", and what those without a known price cost" if unknown and priced else "")
        )
    spent = sum(till.spent for till in tills.values())
    if spent:
        typer.echo(f"spent so far: ${spent:,.2f} for the answers in the store")
    if runtime.budget_usd is not None:
        fits = "enough" if spent + high <= runtime.budget_usd else "may be passed; the run would stop before that"
        typer.echo(f"runtime.budget_usd: ${runtime.budget_usd:,.2f}, {fits}")


def describe_dollars(one: Forecast) -> str:
    """The price in words."""
    till = one.till
    if till.found is None or one.expected.usd is None or one.most.usd is None:
        if till.paid:
            return f"unknown; {till.unpriced}"
        return "none (this machine, no price given)" if one.plan.params.remote else "none"
    prices = till.found.prices
    return (
        f"{describe_range(one.expected.usd, one.most.usd)} (${prices.input:g} in, ${prices.output:g} out per million: "
        f"{till.found.source})"
    )


def describe_range(low: float, high: float) -> str:
    """Dollars, up to more where there may be more."""
    return f"${low:,.2f}" + (f", up to ${high:,.2f} where votes disagree" if high > low else "")


def describe_minutes(one: Forecast, runtime: RuntimeParams) -> str:
    """The time in words."""
    params = one.plan.params
    if params.recording:
        return "none, a recording is read"
    if one.expected.minutes is not None:
        return f"{one.expected.minutes:,.1f} minutes or more at the rates in runtime"
    if params.server == "local":
        return "as this machine allows"
    at_once = requests_in_flight(params, runtime)
    return f"as the endpoint allows, {at_once} at once (no runtime.requests_per_minute or tokens_per_minute)"
