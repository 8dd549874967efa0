"""What would fail late, found out early: params, prompt, key, budget, labels, and endpoints if one may ask them."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import aiohttp

from distil.annotate.questions import form_of_answers, form_of_parts
from distil.core.errors import DistilError, describe_error
from distil.core.params import TaskParams
from distil.core.runtime import RuntimeParams
from distil.planning.forecasts import Outlay
from distil.planning.pipeline import Step
from distil.prompting.params import AnnotateParams
from distil.prompting.prompt_files import read_prompt
from distil.prompting.requests import Plan
from distil.teacher.endpoint import Endpoint, advise_on_key, find_endpoint
from distil.teacher.received import make_headers, read_body, read_json

LONGEST_S = 10.0  # that an endpoint may take to list its models
MOST_BYTES = 5_000_000
MOST_LABELS = 10
Found = TypeVar("Found")


@dataclass(frozen=True)
class Finding:
    """What a check found: an error, which would stop the run, or a note."""

    level: Literal["error", "note"]
    text: str


def attempt(load: Callable[[], Found], findings: list[Finding]) -> Found | None:
    """What a function loads; None, and a finding, where it raises an error of the user's."""
    try:
        return load()
    except DistilError as error:
        finding = Finding("error", describe_error(error))
        if finding not in findings:
            findings.append(finding)
        return None


def check_missing(steps: Sequence[Step]) -> Iterator[Finding]:
    """Deps that neither lie there nor come out of a stage."""
    for step in steps:
        for path in step.missing:
            yield Finding("error", f"{path} is missing, on which stage {step.name} depends; its run would fail")


def check_cache(steps: Sequence[Step]) -> Iterator[Finding]:
    """Outputs that were made and are in no cache here, as in a fresh clone."""
    absent = [change.what for step in steps for change in step.changes if change.how == "not in cache"]
    if absent:
        yield Finding(
            "note",
            f"outputs that DVC's cache here has not: {len(absent)}; 'dvc pull' brings what somebody has pushed, and "
            "such stages do not run",
        )


def check_prompts(task: TaskParams, params: AnnotateParams) -> None:
    """Raise `InputError` if the prompt cannot be read or has no place for the text, or an example cannot be shown."""
    prompt = read_prompt(Path(params.prompt))
    form, parts = form_of_answers(task, params), form_of_parts(task, params)
    for alone in params.each_teacher():
        Plan(alone, task.labels, form, prompt, alone.name, parts=parts)


def check_labels(fetched: Mapping[str, Any], labels: Sequence[str]) -> Iterator[Finding]:
    """Labels of the task that no text has, although people labelled some; `fetched` is what fetch told, if it ran."""
    counts = fetched.get("by_label") or {}
    absent = [label for label in labels if not counts.get(label)]
    if fetched.get("with_gold") and absent:
        more = f" and {len(absent) - MOST_LABELS} more" * (len(absent) > MOST_LABELS)
        yield Finding(
            "note",
            f"no text that people labelled has the label {', '.join(absent[:MOST_LABELS])}{more} of task.labels: "
            "nobody can tell how well it is found",
        )


def check_budget(outlay: Outlay) -> Iterator[Finding]:
    """A budget that what there is to ask may pass."""
    if outlay.passes_budget:
        usd = outlay.usd or (0.0, 0.0)
        told = f"${usd[0]:,.4f}" + (f" to ${usd[1]:,.4f}" if usd[1] > usd[0] else "")
        yield Finding(
            "error",
            f"runtime.budget_usd = {outlay.budget_usd:g} may be passed: ${outlay.spent_usd:,.4f} are spent, and the "
            f"requests to send take about {told}; raise it, or ask less",
        )


def check_endpoints(teachers: Sequence[AnnotateParams], runtime: RuntimeParams) -> Iterator[Finding]:
    """Teachers that could not be asked now, for want of an address or a key."""
    for params in teachers:
        if params.remote and not (runtime.hf_endpoint and runtime.is_asleep(params.name)):
            findings: list[Finding] = []
            attempt(lambda name=params.name: find_endpoint(runtime, name), findings)  # type: ignore[misc]
            yield from findings


def knock(teachers: Sequence[AnnotateParams], runtime: RuntimeParams) -> list[Finding]:
    """Ask each endpoint for the list of its models, which costs nothing, and say what came of it."""
    wanted: dict[Endpoint, list[AnnotateParams]] = {}
    findings = []
    for params in teachers:
        if not params.remote:
            continue
        if runtime.hf_endpoint and runtime.is_asleep(params.name):
            findings.append(Finding("note", f"the endpoint {runtime.hf_endpoint.name} is resumed by the run, not now"))
            continue
        with suppress(DistilError):  # which check_endpoints tells
            wanted.setdefault(find_endpoint(runtime, params.name), []).append(params)

    async def ask_all() -> list[Finding]:
        return list(await asyncio.gather(*(_knock_at(endpoint, asked) for endpoint, asked in wanted.items())))

    return [*findings, *asyncio.run(ask_all())]


async def _knock_at(endpoint: Endpoint, asked: Sequence[AnnotateParams]) -> Finding:
    path = "/info" if asked[0].protocol == "tgi" else "/models"
    tried = f"GET {endpoint.base_url}{path}"
    timeout = aiohttp.ClientTimeout(total=LONGEST_S)
    try:
        async with (
            aiohttp.ClientSession(headers=make_headers(endpoint), timeout=timeout, auto_decompress=False) as session,
            session.get(f"{endpoint.base_url}{path}", allow_redirects=False) as response,
        ):
            body = await read_body(response, MOST_BYTES)
            status = response.status
    except (aiohttp.ClientError, TimeoutError) as error:
        reason = endpoint.secrets.hide(str(error)) or type(error).__name__
        return Finding("error", f"{tried}: no answer ({reason}); check runtime.base_url, and whether it is up")
    return _judge(tried, status, body, endpoint, [params.name for params in asked])


def _judge(tried: str, status: int, body: bytes, endpoint: Endpoint, names: Sequence[str]) -> Finding:
    """What an answer to the question for models means."""
    if status in (401, 403):
        return Finding("error", f"{tried}: HTTP {status}; {advise_on_key(endpoint)}")
    if status != 200:
        return Finding("note", f"{tried}: HTTP {status}: it answers, and does not say which models it has")
    models = _read_models(body, endpoint)
    absent = [name for name in names if models and name not in models]
    if absent:
        return Finding("note", f"{tried}: it answers, and does not list {', '.join(absent)} among {len(models)} models")
    return Finding("note", f"{tried}: it answers" + (f", and has {', '.join(names)}" if models else ""))


def _read_models(body: bytes, endpoint: Endpoint) -> set[str]:
    """The names in a list of models, empty where it is none."""
    with suppress(ValueError, RecursionError, TypeError, AttributeError, LookupError):
        listed: Any = read_json(body, endpoint.secrets)
        return {str(model["id"]) for model in listed["data"]}
    return set()
