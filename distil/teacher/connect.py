"""Find the teacher that the parameters name: an endpoint, llama.cpp on this machine, or a recording."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from distil.assets.references import resolve, sha256_of
from distil.core.errors import InputError
from distil.core.runtime import RuntimeParams
from distil.prompting.params import AnnotateParams
from distil.prompting.requests import Plan
from distil.teacher import local_server
from distil.teacher.answerer import Answerer, FailedRequestError
from distil.teacher.chat_template import load_renderer
from distil.teacher.client import Teacher
from distil.teacher.counting import load_counter
from distil.teacher.endpoint import Endpoint, find_endpoint
from distil.teacher.protocols import Chat, Completion, Protocol, Tgi
from distil.teacher.recording import Recording
from distil.teacher.throttle import Flow
from distil.teacher.tokens import TokenEstimate

WORKERS_A_SLOT = 2


def identify(params: AnnotateParams, assets: Path) -> str:
    """What an answer depends on besides the request: the model's name, or its weights and the build that runs them."""
    if params.recording:
        return "recording " + json.dumps(params.recording.model_dump(), sort_keys=True)
    if params.server == "local":
        weights = sha256_of(resolve(params.name, assets))
        return f"gguf sha256 {weights}, xllamacpp {local_server.require_server()}"
    return params.name


Flows = dict[Endpoint, Flow]
"""Of each endpoint the flow that all its teachers share, since they share its limits."""


@dataclass(frozen=True)
class Way:
    """What it takes to reach a teacher: this machine's settings and assets, a guess of tokens, the flows so far."""

    runtime: RuntimeParams
    assets: Path
    tokens: TokenEstimate
    flows: Flows


@asynccontextmanager
async def open_teacher(plan: Plan, way: Way, *, known: bool) -> AsyncIterator[Answerer]:
    """Make the plan's teacher ready to be asked, and let it go afterwards; `known` as in `Teacher`."""
    params = plan.params
    if params.recording:
        files = [resolve(file, way.assets) for file in params.recording.files]
        tokenizer = params.recording.tokenizer
        yield Recording(params.recording, files, load_counter(tokenizer, way.assets) if tokenizer else None)
    elif params.server == "local":
        weights = resolve(params.name, way.assets)
        with local_server.serve(weights, way.runtime.threads or os.cpu_count() or 1) as here:
            async with Teacher(here, make_protocol(plan), way.runtime, way.tokens) as teacher:
                await _warm_up(teacher, plan)
                yield teacher
    else:
        endpoint = find_endpoint(way.runtime, params.name)
        flow = way.flows.setdefault(endpoint, Flow(way.runtime, endpoint.base_url))
        async with Teacher(endpoint, make_protocol(plan), way.runtime, way.tokens, flow, known=known) as teacher:
            yield teacher


async def _warm_up(teacher: Teacher, plan: Plan) -> None:
    """The server's figures depend on what it has cached: each start begins with the prompt's fixed part."""
    try:
        await teacher.ask(plan.request("", 1))
    except FailedRequestError as error:
        raise InputError(f"llama.cpp refuses the prompt {plan.params.prompt} even without a text: {error}") from None


def requests_in_flight(params: AnnotateParams, runtime: RuntimeParams) -> int:
    """How many requests to have under way; one for the local server, which has one slot."""
    return 1 if params.server == "local" else runtime.max_in_flight


def count_workers(params: AnnotateParams, runtime: RuntimeParams) -> int:
    """How many requests to work on: more than may be under way, since some wait to be tried again."""
    in_flight = requests_in_flight(params, runtime)
    return in_flight if params.server == "local" else WORKERS_A_SLOT * in_flight


def make_protocol(plan: Plan) -> Protocol:
    """The wire format of the plan's teacher."""
    params = plan.params
    if params.protocol == "tgi":
        return Tgi(params, params.name, load_renderer(params.name), plan.schema)
    return (Chat if params.protocol == "chat" else Completion)(params, params.name, plan.schema)
