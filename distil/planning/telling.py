"""A plan in words, line by line."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from distil.core.errors import InputError, describe_error
from distil.core.runtime import RuntimeParams
from distil.planning.forecasts import Forecast, Outlay
from distil.planning.pipeline import Change, Step
from distil.planning.prospect import Asking, Prospect
from distil.planning.reasons import SHORT, Detail
from distil.planning.shown import make_plain
from distil.teacher.connect import requests_in_flight
from distil.teacher.endpoint import find_endpoint

LONGEST_VALUE = 60
WORDS = {"deleted": "is deleted", "not in cache": "is not in DVC's cache", "modified": "is not what it was"}


def tell_prospect(prospect: Prospect, runtime: RuntimeParams) -> Iterator[str]:
    """The whole plan."""
    if prospect.against:
        yield f"if nothing were computed but what {prospect.against[0]} ({prospect.against[1][:SHORT]}) records:"
    width = max((len(step.name) for step, _ in prospect.steps), default=0)
    told: set[str] = set()
    for step, reasons in prospect.steps:
        yield f"{step.name:{width}}  {step.state}"
        yield from (f"    {line}" for line in tell_reasons(step, reasons, told))
    for asking in prospect.asking:
        yield ""
        yield from tell_asking(asking, runtime)
    if prospect.whole:
        yield ""
        yield from _tell_whole(prospect)
    if prospect.findings:
        yield ""
        yield from (f"{finding.level}: {finding.text}" for finding in prospect.findings)


def tell_reasons(step: Step, reasons: Sequence[tuple[Change, Detail]], told: set[str]) -> Iterator[str]:
    """Why a stage is in its state; the lines of a difference are shown once, and `told` are those shown already."""
    if not step.recorded and step.state != "frozen":
        yield "dvc.lock has no run of it"
        reasons = [(change, detail) for change, detail in reasons if change.how == "missing"]
    for change, detail in reasons:
        if change.kind != "upstream":
            yield _describe_change(change) + (f": {detail.words}" if detail.words else "")
            if change.what not in told:
                yield from (f"    {line}" for line in detail.lines)
            told.add(change.what)
    yield from _describe_upstream([change for change, _ in reasons if change.kind == "upstream"])


def _describe_upstream(changes: Sequence[Change]) -> Iterator[str]:
    """What stages before it make anew, in a line for what differs for certain and one for what may."""
    for how, words in (("will differ", "will come out otherwise"), ("may differ", "may come out otherwise")):
        paths: dict[str | None, list[str]] = {}
        for change in changes:
            if change.how == how:
                paths.setdefault(change.stage, []).append(change.what)
        if paths:
            shown = (some[:1] + [f"{len(some) - 1} more"] * (len(some) > 1) for some in paths.values())
            yield f"{words}: " + ", ".join(
                f"{' and '.join(some)} ({stage})" for stage, some in zip(paths, shown, strict=True)
            )


def _describe_change(change: Change) -> str:
    match change.kind:
        case "command":
            return "its command in dvc.yaml is another" if change.how == "modified" else "it runs each time"
        case "param":
            old = "not set" if change.how == "new" else _show(change.old)
            new = "not set" if change.how == "deleted" else _show(change.new)
            return f"{change.what}: {old} -> {new}"
        case "output":
            return f"{change.what} {WORDS.get(change.how, change.how)}"
        case _:
            after = f" (of {change.stage})" if change.stage else ""
            return f"{change.what} is {change.how}{after}"


def _show(value: Any) -> str:
    shown = json.dumps(make_plain(value), ensure_ascii=False)
    return shown if len(shown) <= LONGEST_VALUE else f"{shown[:LONGEST_VALUE]}..."


def tell_asking(asking: Asking, runtime: RuntimeParams) -> Iterator[str]:
    """What a stage would ask."""
    if asking.state not in ("will run", "may run"):
        yield f"{asking.stage} does not run: nothing is asked"
        return
    if asking.outlay is None:
        yield f"{asking.stage}: its requests can be counted once there are texts (dvc repro fetch) and no error below"
        return
    if not asking.final:
        if asking.texts_then is not None and asking.requests_then is not None:
            then = f"{asking.texts_then:,} texts, and about {asking.requests_then:,} requests to send"
            yield f"{asking.stage} will have {then}"
        yield f"{asking.stage}, if its texts stay those that lie here now:"
    else:
        yield f"{asking.stage}{', if it runs' if asking.state == 'may run' else ''}:"
    yield from (f"  {line}" for line in tell_outlay(asking.outlay, runtime, asking.answers_per_s))


def tell_outlay(outlay: Outlay, runtime: RuntimeParams, answers_per_s: float | None = None) -> Iterator[str]:
    """What a job would ask, teacher by teacher and in all, and what that would take."""
    for one in outlay.forecasts:
        if one.asks:
            beside = f", beside what is of the answers of {one.leader}" if one.leader else ""
            yield from tell_forecast(one, outlay.texts, runtime, answers_per_s, beside)
        else:
            yield f"{one.plan.name}: {one.plan.params.votes.describe()}, of the answers of {one.leader}"
    yield from _tell_total(outlay)


def tell_forecast(
    one: Forecast, texts: int, runtime: RuntimeParams, answers_per_s: float | None = None, beside: str = ""
) -> Iterator[str]:
    """A line for each figure of one teacher."""
    params, expected = one.plan.params, one.expected
    basis = (
        f"as the {one.till.estimate.answers:,} answers in the store"
        if one.till.estimate.answers
        else f"a guess: 4 characters a token, answers as long as they may be, {one.till.estimate.max_tokens:,}"
    )
    more = f", up to {one.more:,} more where votes disagree" if one.more else ""
    each = f", a question for each of {len(one.plan.asked)} labels" if params.ask == "each" else ""
    yield f"{one.plan.name}: {texts:,} texts, {params.votes.describe()}{each}{beside}"
    yield f"  requests in the store  {one.outlook.known:,}"
    yield f"  requests to send       {one.outlook.missing:,}{more}"
    yield f"  tokens to expect       {expected.input_tokens:,.0f} in, {expected.output_tokens:,.0f} out ({basis})"
    yield f"  dollars to expect      {_describe_dollars(one)}"
    yield f"  time                   {_describe_minutes(one, runtime, answers_per_s)}"
    if one.plan.params.remote and runtime.hf_endpoint and runtime.is_asleep(params.name):
        after = ", paused after it" if runtime.hf_endpoint.pause_after else ""
        yield f"  endpoint               {runtime.hf_endpoint.name}, resumed for the run{after}"
    elif one.plan.params.remote:
        try:
            find_endpoint(runtime, params.name)
        except InputError as error:
            yield f"  not ready: {describe_error(error)}"


def _tell_total(outlay: Outlay) -> Iterator[str]:
    """The sum over several teachers or candidates, what the study has cost so far, and the budget."""
    told = outlay.told
    if len(told) > 1:
        unknown = any(one.till.paid and not one.till.prices for one in told)
        dollars = _describe_range(*outlay.usd) if outlay.usd else "no known price"
        beside = ", and what those without a known price cost" if unknown and outlay.usd else ""
        yield f"in all: {outlay.requests:,} requests to send, {dollars}{beside}"
    if outlay.spent_usd:
        about = "about " if any(one.reckoned for one in told) else ""
        yield f"spent so far: {about}${outlay.spent_usd:,.2f} for the answers in the store"
    if outlay.budget_usd is not None:
        fits = "may be passed; the run would stop before that" if outlay.passes_budget else "enough"
        yield f"runtime.budget_usd: ${outlay.budget_usd:,.2f}, {fits}"


def _tell_whole(prospect: Prospect) -> Iterator[str]:
    whole = prospect.whole
    if whole:
        dollars = "no known price" if whole.usd is None else f"${whole.usd:,.2f}"
        minutes = "" if whole.minutes is None else f", {whole.minutes:,.1f} minutes as fast as the last run"
        yield (
            f"all {whole.texts:,} texts, if each takes what one of the sample takes: {whole.requests:,} requests, "
            f"{whole.input_tokens:,.0f} tokens in, {whole.output_tokens:,.0f} out, {dollars}{minutes}"
        )


def _describe_dollars(one: Forecast) -> str:
    """The price in words."""
    till = one.till
    if till.found is None or one.expected.usd is None or one.most.usd is None:
        if till.paid:
            return f"unknown; {till.unpriced}"
        return "none (this machine, no price given)" if one.plan.params.remote else "none"
    prices = till.found.prices
    return (
        f"{_describe_range(one.expected.usd, one.most.usd)} (${prices.input:g} in, ${prices.output:g} out per million: "
        f"{till.found.source})"
    )


def _describe_range(low: float, high: float) -> str:
    """Dollars, up to more where there may be more."""
    return f"${low:,.2f}" + (f", up to ${high:,.2f} where votes disagree" if high > low else "")


def _describe_minutes(one: Forecast, runtime: RuntimeParams, answers_per_s: float | None) -> str:
    """The time in words."""
    params = one.plan.params
    if params.recording:
        return "none, a recording is read"
    if one.expected.minutes is not None:
        return f"{one.expected.minutes:,.1f} minutes or more at the rates in runtime"
    if answers_per_s:
        minutes = one.outlook.missing / answers_per_s / 60
        return f"{minutes:,.1f} minutes, as fast as the last run ({answers_per_s:,.1f} answers a second)"
    if params.server == "local":
        return "as this machine allows"
    at_once = requests_in_flight(params, runtime)
    return f"as the endpoint allows, {at_once} at once (no runtime.requests_per_minute or tokens_per_minute)"
