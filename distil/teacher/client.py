"""Ask the teacher over HTTP: one session, requests that leave when the endpoint can take them, patience with faults.

A passing fault (408, 409, 425, 5xx, a time-out, a broken connection, an answer that cannot be read, a redirect or web
page of a gateway) is tried again with growing, jittered waits. A limit (429, or 503 with a time to wait) delays the
request and is no fault of it. A refusal of one request (400, 413, 422, 424), or a reply that is far too long, fails
that request. What no retry can mend (401, 402, 403, 404, 410, an empty quota, a refusal of the model or of a field that
every request has) stops the run.
"""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import aiohttp

from distil.core.errors import EndpointError
from distil.core.runtime import RuntimeParams
from distil.forms.answers import Answer
from distil.prompting.requests import Request
from distil.teacher import faults
from distil.teacher.answerer import Asked, FailedRequestError
from distil.teacher.endpoint import Endpoint
from distil.teacher.faults import (
    PASSING,
    advise_on_alike,
    describe_broken_connection,
    describe_kind,
    describe_redirect,
    describe_response,
    is_quota_used_up,
    make_lasting_fault,
)
from distil.teacher.protocols import Protocol, UnreadableAnswerError
from distil.teacher.rate_headers import read_pause_s, read_retry_after_s
from distil.teacher.received import make_headers, read_answer, read_body, read_json
from distil.teacher.throttle import Flow, StoppedError
from distil.teacher.tokens import TokenEstimate, count_characters

REFUSED = {400, 413, 422, 424}
REMEDIES = faults.REMEDIES | {
    403: "the key may not use this model",
    404: "no such model or path: check annotate.model, annotate.protocol and runtime.base_url",
    410: "the model is gone: choose another in annotate.model",
}
LIMITS_OF_ONE = 20  # times that one request is turned away while others are answered: it is too large for a limit


class PassingFaultError(Exception):
    """A fault that a retry may mend; the endpoint may have made an answer if it was too late or could not be read.

    `astray`: what answered was not the API, as when its address is wrong or the gateway before it has a bad moment.
    """

    def __init__(
        self,
        message: str,
        *,
        unreachable: bool = False,
        timed_out: bool = False,
        unreadable: bool = False,
        astray: bool = False,
    ) -> None:
        super().__init__(message)
        self.unreachable = unreachable
        self.timed_out = timed_out
        self.astray = astray
        self.lost = timed_out or unreadable
        self.probe = False  # of a request that tried out an endpoint that was down


class LimitedError(Exception):
    """The endpoint wants fewer requests; `wait_s` is how long it asked to wait, if it did."""

    def __init__(self, message: str, wait_s: float | None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class Teacher:
    """A client of one endpoint, to be used as an async context manager.

    Teachers at the same endpoint share its `flow`. `known`: whether the endpoint has ever answered what is asked here,
    so that a request which fails again and again is at fault, and not the endpoint.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        protocol: Protocol,
        runtime: RuntimeParams,
        tokens: TokenEstimate,
        flow: Flow | None = None,
        *,
        known: bool = False,
    ) -> None:
        self.endpoint = endpoint
        self.protocol = protocol
        self.runtime = runtime
        self.tokens = tokens
        self._flow = flow or Flow(runtime, endpoint.base_url)
        self._known = known
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Send nothing from now on; what is in flight may still come."""
        self._stopping.set()
        self._flow.stop()

    async def __aenter__(self) -> Self:
        """Open the session."""
        self._session = aiohttp.ClientSession(
            headers=make_headers(self.endpoint),
            connector=aiohttp.TCPConnector(limit=self.runtime.max_in_flight),
            timeout=aiohttp.ClientTimeout(total=self.runtime.timeout_s),
            auto_decompress=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the session."""
        await self._session.close()

    @property
    def pause_s(self) -> float:
        """How long the endpoint makes all requests wait, in seconds."""
        return self._flow.pause_s

    async def ask(self, request: Request) -> Asked:
        """Answer one request.

        Raises `FailedRequestError` if this request cannot be answered, `EndpointError` if none can, `StoppedError`
        after `stop`.
        """
        retries = faults = lost = limits = 0
        answers = self._flow.answers
        while True:
            try:
                return Asked(await self._ask_once(request), retries, lost)
            except LimitedError as limit:  # the flow makes all requests wait
                limits += self._flow.answers > answers
                answers = self._flow.answers
                if limits >= LIMITS_OF_ONE:
                    raise FailedRequestError(
                        f"turned away {limits} times while others were answered ({limit}): too large for a limit?",
                        rejected=False,
                        lost=lost,
                    ) from None
            except PassingFaultError as fault:
                faults += not fault.probe
                lost += fault.lost
                if faults > self.runtime.max_retries:
                    raise self._give_up(fault, faults, lost) from None
                await self._wait(self._flow.backoff_s(faults - 1))
            except FailedRequestError as refusal:
                refusal.lost += lost
                raise
            retries += 1

    async def _ask_once(self, request: Request) -> Answer:
        """Send the request when the flow lets it, and tell the flow what came of it."""
        tokens = sum(self.tokens.expect(count_characters(request)))
        turn = await self._flow.enter(request.key, tokens)
        try:
            answer, headers = await self._post(request, tokens)
        except LimitedError as limit:
            self._flow.note_limit(turn, limit.wait_s, str(limit))
            raise
        except PassingFaultError as fault:
            fault.probe = turn.probe
            self._flow.note_fault(
                turn, str(fault), unreachable=fault.unreachable, timed_out=fault.timed_out, astray=fault.astray
            )
            raise
        except FailedRequestError:
            self._flow.note_refusal()
            raise
        except EndpointError:
            self.stop()  # before the next one leaves in the place of this one
            raise
        else:
            used = (answer.input_tokens or 0) + (answer.output_tokens or 0)
            self._flow.note_answer(turn, used or tokens, read_pause_s(headers, tokens))
            return answer
        finally:
            self._flow.leave(turn)

    def _give_up(self, fault: PassingFaultError, tries: int, lost: int) -> Exception:
        if self._known or self._flow.answers:
            return FailedRequestError(str(fault), rejected=False, lost=lost)
        return EndpointError(
            f"{self.endpoint.base_url} does not answer ({fault}) after {tries} tries; is it up, and is "
            "runtime.base_url right?"
        )

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return
        raise StoppedError

    async def _post(self, request: Request, tokens: float) -> tuple[Answer, Mapping[str, str]]:
        url = self.endpoint.base_url + self.protocol.path
        try:
            async with self._session.post(url, json=self.protocol.body(request), allow_redirects=False) as response:
                body = await read_body(response, self.runtime.most_bytes)
        except TimeoutError:
            raise PassingFaultError(f"no answer within {self.runtime.timeout_s:g} s", timed_out=True) from None
        except aiohttp.ClientError as error:
            unreachable = isinstance(error, aiohttp.ClientConnectorError)
            raise PassingFaultError(describe_broken_connection(error), unreachable=unreachable) from None
        if response.status == 200:
            return self._read(body, describe_kind(self.endpoint, response)), response.headers
        raise self._fault(response, body.decode("utf-8", "replace"), tokens)

    def _read(self, body: bytes, content_type: str) -> Answer:
        if len(body) > self.runtime.most_bytes:
            raise FailedRequestError(
                f"a reply of more than runtime.max_reply_mb = {self.runtime.max_reply_mb:g} MB, of which the rest was "
                "not read; raise that if a reply may be so long",
                rejected=True,
                lost=1,
            )
        secrets = self.endpoint.secrets
        try:
            return read_answer(read_json(body, secrets), self.protocol, secrets)
        except UnreadableAnswerError as error:
            raise PassingFaultError(f"JSON that is not of this protocol: {error}", unreadable=True) from None
        except (ValueError, RecursionError):
            if "html" in content_type:
                said = (
                    f"a web page ({content_type}), not JSON: if it lasts, runtime.base_url should be the API's "
                    "address, which often ends in /v1"
                )
                raise PassingFaultError(said, unreadable=True, astray=True) from None
            raise PassingFaultError(f"{content_type} that is not JSON", unreadable=True) from None

    def _fault(self, response: aiohttp.ClientResponse, text: str, tokens: float) -> Exception:
        """The error that a status other than 200 stands for; the request was of about so many tokens."""
        if redirect := describe_redirect(self.endpoint, response):
            return PassingFaultError(redirect, astray=True)
        status = response.status
        said = describe_response(self.endpoint, status, text)
        alike = advise_on_alike(text) if status in REFUSED else None
        if alike is None and not is_quota_used_up(status, text):
            if status in REFUSED:
                return FailedRequestError(said, rejected=True)
            wait_s = read_retry_after_s(response.headers)
            if wait_s is None:
                wait_s = read_pause_s(response.headers, tokens) or None
            if status == 429 or (status == 503 and wait_s is not None):
                return LimitedError(said, wait_s)
            if status in PASSING or status >= 500:
                return PassingFaultError(said)
        remedy = alike or REMEDIES.get(status, "check annotate.protocol and runtime.base_url")
        return make_lasting_fault(self.endpoint, self.protocol.path, response, text, remedy)
