"""Ask the teacher over HTTP: one session, requests that leave when the endpoint can take them, patience with faults.

A passing fault (408, 409, 425, 5xx, a time-out, a broken connection, an answer that cannot be read) is tried again with
growing, jittered waits. A limit (429, or 503 with a time to wait) delays the request and is no fault of it. A refusal
of one request (400, 413, 422, 424) fails that request. What no retry can mend (401, 402, 403, 404, 410, an empty quota,
a redirect) stops the run.
"""

import asyncio
import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp

from distil.answers import Answer
from distil.endpoint import Endpoint
from distil.errors import EndpointError
from distil.flow import Flow, StoppedError
from distil.plan import Request
from distil.protocols import Protocol, UnreadableAnswerError
from distil.rate_headers import read_pause_s, read_retry_after_s
from distil.runtime import RuntimeParams
from distil.tokens import TokenEstimate, count_characters

PASSING = {408, 409, 425}
REFUSED = {400, 413, 422, 424}
REMEDIES = {
    401: "the key is missing or wrong: see runtime.api_key_env",
    402: "payment is required: top up the account",
    403: "the key may not use this model",
    404: "no such model or path: check annotate.model, annotate.protocol and runtime.base_url",
    410: "the model is gone: choose another in annotate.model",
}
SHOWN_CHARACTERS = 200


class PassingFaultError(Exception):
    """A fault that a retry may mend; `probe`: of a request that tried out an endpoint that was down."""

    def __init__(self, message: str, *, unreachable: bool = False) -> None:
        super().__init__(message)
        self.unreachable = unreachable
        self.probe = False


class LimitedError(Exception):
    """The endpoint wants fewer requests; `wait_s` is how long it asked to wait, if it did."""

    def __init__(self, message: str, wait_s: float | None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class FailedRequestError(Exception):
    """This request failed for good; the run goes on. `rejected`: the endpoint refused what was asked."""

    def __init__(self, message: str, *, rejected: bool) -> None:
        super().__init__(message)
        self.rejected = rejected


class Teacher:
    """A client of one endpoint, to be used as an async context manager."""

    def __init__(self, endpoint: Endpoint, protocol: Protocol, runtime: RuntimeParams, tokens: TokenEstimate) -> None:
        self.endpoint = endpoint
        self.protocol = protocol
        self.runtime = runtime
        self.tokens = tokens
        self.retries = 0
        self._flow = Flow(runtime, endpoint.base_url)
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Send nothing from now on; what is in flight may still come."""
        self._stopping.set()
        self._flow.stop()

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

    async def ask(self, request: Request) -> tuple[Answer, int]:
        """Answer one request; returns the answer, and how often the request had to be sent again.

        Raises `FailedRequestError` if this request cannot be answered, `EndpointError` if none can, `StoppedError`
        after `stop`.
        """
        retries = faults = 0
        while True:
            try:
                return await self._ask_once(request), retries
            except LimitedError:
                pass  # no fault of this request; the flow makes all of them wait
            except PassingFaultError as fault:
                faults += not fault.probe
                if faults > self.runtime.max_retries:
                    raise self._give_up(fault, faults) from None
                await self._wait(self._flow.backoff_s(faults - 1))
            retries += 1
            self.retries += 1

    async def _ask_once(self, request: Request) -> Answer:
        """Send the request when the flow lets it, and tell the flow what came of it."""
        tokens = sum(self.tokens.expect(count_characters(request)))
        turn = await self._flow.enter(tokens)
        try:
            answer, headers = await self._post(request)
        except LimitedError as limit:
            self._flow.note_limit(turn, limit.wait_s, str(limit))
            raise
        except PassingFaultError as fault:
            fault.probe = turn.probe
            self._flow.note_fault(turn, str(fault), unreachable=fault.unreachable)
            raise
        except FailedRequestError:
            self._flow.note_refusal()
            raise
        else:
            used = (answer.input_tokens or 0) + (answer.output_tokens or 0)
            self._flow.note_answer(turn, used or tokens, read_pause_s(headers, tokens))
            return answer
        finally:
            self._flow.leave(turn)

    def _give_up(self, fault: PassingFaultError, tries: int) -> Exception:
        if self._flow.answered:
            return FailedRequestError(str(fault), rejected=False)
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

    async def _post(self, request: Request) -> tuple[Answer, Mapping[str, str]]:
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
            return self._read(body, response.content_type), response.headers
        raise self._fault(response, body.decode("utf-8", "replace"))

    def _read(self, body: bytes, content_type: str) -> Answer:
        try:
            return self.protocol.answer(json.loads(body))
        except UnreadableAnswerError as error:
            raise PassingFaultError(f"JSON that is not of this protocol: {error}") from None
        except (ValueError, RecursionError):
            if "html" in content_type and not self._flow.answered:
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
        wait_s = read_retry_after_s(response.headers)
        if status == 429 or (status == 503 and wait_s is not None):
            return LimitedError(said, wait_s)
        if status in PASSING or status >= 500:
            return PassingFaultError(said)
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
