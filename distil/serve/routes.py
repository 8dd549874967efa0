"""The routes: what is read from a request, who answers it, and in which form it is told."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping, Sequence
from contextlib import asynccontextmanager, suppress
from time import perf_counter
from typing import Annotated, Any

from fastapi import Body, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from distil.classifiers.canonical import load_writer
from distil.serve import tei
from distil.serve.answers import decide
from distil.serve.chat import Chat, ChatRequest, list_models, stream_completion, write_completion
from distil.serve.faults import FaultError, invalid, malformed
from distil.serve.limits import App, Receive, Send, replay
from distil.serve.page import describe_routes, read_page, served_policy
from distil.serve.service import Labelled, Service
from distil.serve.tei import Detailed, ErrorBody, Predictions, PredictRequest, read_plain, read_request

ANSWERED_BY, UNSURE, WHY_NOT = "x-distil-answered-by", "x-distil-unsure", "x-distil-why-not-teacher"
LONGEST_HEADER = 4000  # signs: clients and proxies take 8,000 in all, some of them
MIXED = "mixed"
PLAIN_PATHS = {"/predict", "/"}
REPLIES: Any = Predictions | list[Predictions] | Detailed | list[Detailed]
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": told}
    for status, told in {
        400: "No JSON",
        401: "Token missing or wrong",
        408: "Body too slow",
        413: "Batch, text or body too large",
        415: "No application/json",
        421: "Another host's name",
        422: "Fields are not as they should be",
        424: "Inference failed",
        429: "Model is overloaded",
    }.items()
}


def make_app(service: Service, chat: Chat | None, why_no_chat: str = "") -> App:
    """The app of a student; without a study `/v1/chat/completions` says why there is none."""

    @asynccontextmanager
    async def live(app: FastAPI) -> AsyncIterator[None]:
        running = asyncio.create_task(service.batcher.run())
        yield
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        service.batcher.close()

    app = FastAPI(title="distil", docs_url=None, redoc_url=None, lifespan=live, responses=REFUSALS)
    _add_faults(app, service)
    _add_predict(app, service)
    _add_chat(app, service, chat, why_no_chat)
    _add_pages(app, service)
    return Shortcut(app, service)


class Shortcut:
    """Answers plain requests for labels itself, and leaves all others to the app, whose ways take longer."""

    def __init__(self, app: FastAPI, service: Service) -> None:
        self._app, self._service = app, service
        self._routes = {path: route for route in app.routes if (path := getattr(route, "path", "")) in PLAIN_PATHS}

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Handle a request, of which the guard has read all of the body."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] not in PLAIN_PATHS:
            await self._app(scope, receive, send)
            return
        body = (await receive())["body"]
        asked = read_plain(body)
        if asked is None:
            await self._app(scope, replay(body, receive), send)
            return
        scope["route"] = self._routes[scope["path"]]  # for the log
        try:
            response = await _predict(self._service, asked)
        except FaultError as fault:
            response = _refuse(self._service, scope["path"], fault)
        await response(scope, receive, send)


async def _label(service: Service, asked: tei.Asked) -> list[Labelled]:
    begun, method = perf_counter(), "batch" if asked.is_batch else "single"
    service.metrics.requests.labels(method).inc()
    labelled = await service.label(asked.texts, asked.raw, asked.cut)
    service.metrics.answered.labels(method).inc()
    service.metrics.seconds.observe(perf_counter() - begun)
    return labelled


async def _predict(service: Service, asked: tei.Asked) -> Response:
    labelled = await _label(service, asked)
    return JSONResponse(tei.write_reply(service.student, asked, labelled), headers=_tell_who(labelled))


def _refuse(service: Service, path: str, fault: FaultError) -> Response:
    service.metrics.note_refusal(fault)
    return JSONResponse(fault.body(path), fault.status, fault.headers)


def _add_predict(app: FastAPI, service: Service) -> None:
    @app.post("/predict", response_model=REPLIES, tags=["texts"])
    @app.post("/", response_model=REPLIES, tags=["texts"])
    async def predict(request: PredictRequest) -> Response:
        """Label a text or a batch: labels with scores, the highest first, or spans."""
        return await _predict(service, read_request(request, service.student.kind))

    if service.student.kind == "token_classification":

        @app.post("/redact", tags=["texts"])
        async def redact(request: PredictRequest) -> Response:
            """Return a text or a batch with each span replaced by its label in brackets."""
            asked = read_request(request, service.student.kind)
            labelled = await _label(service, asked)
            return JSONResponse(tei.write_redacted(asked, labelled), headers=_tell_who(labelled))


def _add_chat(app: FastAPI, service: Service, chat: Chat | None, why_no_chat: str) -> None:
    write = load_writer(service.student.kind)

    @app.get("/v1/models", tags=["openai"])
    async def models() -> dict[str, Any]:
        """The student, as OpenAI lists models."""
        return list_models(service.name)

    @app.post("/v1/chat/completions", tags=["openai"])
    async def complete(request: Annotated[ChatRequest, Body()]) -> Response:
        """Answer the prompt of the study, as the language model that it was written for would."""
        if chat is None:
            raise FaultError(404, "Validation", why_no_chat)
        begun = perf_counter()
        service.metrics.requests.labels("chat").inc()
        question = chat.find(request)
        (labelled,) = await service.label([question.text])
        said, headers = labelled.said, _tell_who([labelled])
        content = chat.write(question, write(decide(service.student, said)), request.response_format)
        service.metrics.answered.labels("chat").inc()
        service.metrics.seconds.observe(perf_counter() - begun)
        if request.stream:
            events = stream_completion(request, service.name, content, said.tokens)
            return StreamingResponse(events, media_type="text/event-stream", headers=headers)
        return JSONResponse(write_completion(request, service.name, content, said.tokens), headers=headers)


def _add_pages(app: FastAPI, service: Service) -> None:
    page = read_page()
    private = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}

    @app.get("/", include_in_schema=False)
    async def show_page() -> Response:
        return HTMLResponse(page, headers={"Content-Security-Policy": served_policy(page), **private})

    @app.get("/docs", include_in_schema=False)
    async def show_docs() -> Response:
        shown = describe_routes(app.openapi())
        return HTMLResponse(shown, headers={"Content-Security-Policy": served_policy(shown), **private})

    @app.get("/health", tags=["server"])
    async def health() -> Response:
        """Whether the server answers."""
        return Response()

    @app.get("/info", tags=["server"])
    async def info() -> dict[str, Any]:
        """What is served, and what is taken."""
        return service.describe()

    @app.get("/metrics", tags=["server"], response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Counts for Prometheus."""
        return Response(service.metrics.write(), media_type=CONTENT_TYPE_LATEST)


def _add_faults(app: FastAPI, service: Service) -> None:
    def tell(request: Request, fault: FaultError) -> Response:
        return _refuse(service, request.url.path, fault)

    @app.exception_handler(FaultError)
    async def on_fault(request: Request, fault: FaultError) -> Response:
        return tell(request, fault)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> Response:
        return tell(request, _explain(error))

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> Response:
        return tell(request, invalid(str(error.detail), error.status_code))


def _explain(error: RequestValidationError) -> FaultError:
    """The first thing that is wrong, without what was given."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return invalid("Failed to parse the request body as JSON", 400)
    place = ".".join(str(part) for part in first["loc"][1:])
    if place.startswith("inputs") and first["type"] != "missing":
        place, first = "inputs", first | {"msg": f"expected {tei.EXPECTED}"}
    return malformed(f"Failed to deserialize the JSON body into the target type: {place}: {first['msg']}")


def _tell_who(labelled: Sequence[Labelled]) -> dict[str, str]:
    """Headers that say whose answers a reply has, and how many of the student's it is unsure of, and why they are its.

    One word where one has answered for all; else a word for each text, while they fit in a header.
    """
    by = [one.by for one in labelled]
    words = ",".join(by[:1] if len(set(by)) == 1 else by)
    told = {ANSWERED_BY: words if len(words) <= LONGEST_HEADER else MIXED}
    if unsure := [one for one in labelled if one.unsure and one.by == "student"]:
        told[UNSURE] = str(len(unsure))
    if why := {one.why_not for one in unsure if one.why_not}:
        told[WHY_NOT] = ",".join(sorted(why))
    return told
