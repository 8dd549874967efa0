"""Ask the teacher over HTTP: one session, a bounded number of requests in flight, patience with passing faults.

A passing fault (408, 409, 425, 429, 5xx, a time-out, a broken connection, an answer that cannot be read) is tried again
with growing, jittered waits or after the time that the endpoint asks for. A refusal of one request (400, 413, 422, 424)
fails that request. What no retry can mend (401, 402, 403, 404, 410, an empty quota, a redirect) stops the run.
"""

import asyncio
import json
import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self

import aiohttp

from distil.answers import Answer
from distil.endpoint import Endpoint
from distil.errors import EndpointError
from distil.plan import Request
from distil.protocols import Protocol, UnreadableAnswerError
from distil.runtime import RuntimeParams

PASSING = {408, 409, 425, 429}
REFUSED = {400, 413, 422, 424}
REMEDIES = {
    401: "the key is missing or wrong: see runtime.api_key_env",
    402: "payment is required: top up the account",
    403: "the key may not use this model",
    404: "no such model or path: check annotate.model, annotate.protocol and runtime.base_url",
    410: "the model is gone: choose another in annotate.model",
}
LONGEST_WAIT_S = 60.0
TRIES_TO_CONNECT = 3  # before the first answer of a run: an endpoint that is not there is not waited for
FAILURES_IN_A_ROW = 10  # requests given up one after another: the endpoint is down for good
SHOWN_CHARACTERS = 200


class PassingFaultError(Exception):
    """A fault that a retry may mend; `wait_s` is what the endpoint asked for."""

    def __init__(self, message: str, wait_s: float | None = None, *, unreachable: bool = False) -> None:
        super().__init__(message)
        self.wait_s = wait_s
        self.unreachable = unreachable


class FailedRequestError(Exception):
    """This request failed for good; the run goes on. `rejected`: the endpoint refused what was asked."""

    def __init__(self, message: str, *, rejected: bool) -> None:
        super().__init__(message)
        self.rejected = rejected


class Teacher:
    """A client of one endpoint, to be used as an async context manager."""

    def __init__(self, endpoint: Endpoint, protocol: Protocol, runtime: RuntimeParams) -> None:
        self.endpoint = endpoint
        self.protocol = protocol
        self.runtime = runtime
        self.retries = 0
        self._answered = False
        self._failures_in_a_row = 0
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Try nothing again from now on; what is in flight may still come."""
        self._stopping.set()

    async def __aenter__(self) -> Self:
        """Open the session."""
        headers = {"Authorization": f"Bearer {self.endpoint.key}"} if self.endpoint.key else {}
        self._session = aiohttp.ClientSession(
            headers=headers,
            connector=aiohttp.TCPConnector(limit=self.runtime.max_in_flight),
            timeout=aiohttp.ClientTimeout(total=self.runtime.timeout_s),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the session."""
        await self._session.close()

    async def ask(self, request: Request) -> Answer:
        """Answer one request.

        Raises `FailedRequestError` if this request cannot be answered, `EndpointError` if none can.
        """
        attempt = 0
        while True:
            try:
                answer = await self._ask_once(request)
            except PassingFaultError as fault:
                self._give_up_or_go_on(fault, attempt)
                self.retries += 1
                await self._wait(fault, attempt)
                attempt += 1
            else:
                self._answered = True
                self._failures_in_a_row = 0
                return answer

    def _give_up_or_go_on(self, fault: PassingFaultError, attempt: int) -> None:
        """Return if the request should be tried again; raise what ends it otherwise."""
        allowed = self.runtime.max_retries
        if fault.unreachable and not self._answered:
            allowed = min(allowed, TRIES_TO_CONNECT - 1)
        if attempt < allowed:
            return
        self._failures_in_a_row += 1
        if not self._answered or self._failures_in_a_row >= FAILURES_IN_A_ROW:
            raise EndpointError(
                f"{self.endpoint.base_url} does not answer ({fault}) after {attempt + 1} tries; is it up, and is "
                "runtime.base_url right? What came before is kept; run again to ask for the rest"
            )
        raise FailedRequestError(str(fault), rejected=False)

    async def _wait(self, fault: PassingFaultError, attempt: int) -> None:
        """Wait as the endpoint asked, or a doubling time with jitter (Brooker, AWS Architecture Blog, 2015)."""
        jitter = random.uniform(0.5, 1)  # noqa: S311 (no secret)
        wait_s = jitter * min(self.runtime.retry_wait_s * 2**attempt, LONGEST_WAIT_S)
        if fault.wait_s is not None:
            wait_s = fault.wait_s + jitter * self.runtime.retry_wait_s
        try:
            await asyncio.wait_for(self._stopping.wait(), wait_s)
        except TimeoutError:
            return
        raise FailedRequestError(f"stopped while waiting to try again after {fault}", rejected=False)

    async def _ask_once(self, request: Request) -> Answer:
        url = self.endpoint.base_url + self.protocol.path
        try:
            async with self._session.post(url, json=self.protocol.body(request), allow_redirects=False) as response:
                body = await response.read()
        except TimeoutError:
            raise PassingFaultError(f"no answer within {self.runtime.timeout_s:g} s") from None
        except aiohttp.ClientConnectorError as error:
            raise PassingFaultError(f"cannot connect: {error.strerror or error}", unreachable=True) from None
        except aiohttp.ClientError as error:
            raise PassingFaultError(f"broken connection: {type(error).__name__}") from None
        if response.status == 200:
            return self._read(body, response.content_type)
        raise self._fault(response, body.decode("utf-8", "replace"))

    def _read(self, body: bytes, content_type: str) -> Answer:
        try:
            return self.protocol.answer(json.loads(body))
        except UnreadableAnswerError as error:
            raise PassingFaultError(f"JSON that is not of this protocol: {error}") from None
        except (ValueError, RecursionError):
            if "html" in content_type and not self._answered:
                raise EndpointError(
                    f"{self.endpoint.base_url} answers with a web page ({content_type}), not JSON; "
                    "runtime.base_url should be the API's address, which often ends in /v1"
                ) from None
            raise PassingFaultError(f"{content_type} that is not JSON") from None

    def _fault(self, response: aiohttp.ClientResponse, text: str) -> Exception:
        """The error that a status other than 200 stands for."""
        status = response.status
        said = f"{status}: {self._shorten(text)}"
        if "insufficient_quota" in text:
            return EndpointError(
                f"{self.endpoint.base_url} says that the quota is used up ({said}); top up, then run again"
            )
        if status in REFUSED:
            return FailedRequestError(said, rejected=True)
        if status in PASSING or status >= 500:
            return PassingFaultError(said, wait_s=retry_after_s(response.headers.get("Retry-After")))
        if 300 <= status < 400:
            target = response.headers.get("Location", "elsewhere")
            return EndpointError(
                f"{self.endpoint.base_url} redirects to {target}, which is not followed; "
                "put the final address into runtime.base_url"
            )
        remedy = REMEDIES.get(status, "check annotate.protocol and runtime.base_url")
        return EndpointError(f"{self.endpoint.base_url}{self.protocol.path} answers {said}; {remedy}")

    def _shorten(self, text: str) -> str:
        """One short line of what the endpoint said, without the key."""
        if self.endpoint.key:
            text = text.replace(self.endpoint.key, "***")
        line = " ".join(_error_message(text).split())
        return line if len(line) <= SHOWN_CHARACTERS else line[:SHOWN_CHARACTERS] + "..."


def _error_message(text: str) -> str:
    """The message inside an OpenAI or TGI error body, or the body itself."""
    try:
        payload: Any = json.loads(text)
    except (ValueError, RecursionError):
        return text
    error = payload.get("error", payload) if isinstance(payload, dict) else payload
    return str(error.get("message", error)) if isinstance(error, dict) else str(error)


def retry_after_s(header: str | None) -> float | None:
    """Seconds to wait by a Retry-After header, which holds seconds or an HTTP date (RFC 9110, 10.2.3)."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (moment.astimezone(UTC) - datetime.now(UTC)).total_seconds())
