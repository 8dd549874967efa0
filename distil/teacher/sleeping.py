"""A dedicated Inference Endpoint of Hugging Face that sleeps: resumed when it is needed, paused when the work ends.

It is paid by the hour while it is up, so it is paused whatever ends the work: an error, Ctrl-C, or `list_endings` where
those are made exceptions; none of these interrupts the pausing. A pause that fails is an error of its own, or a
warning beside the one that ended the work. The library's token (HF_TOKEN or `hf auth login`) has to own the endpoint.
"""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from huggingface_hub import HfApi, InferenceEndpoint, get_session
from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError
from tqdm import tqdm

from distil.assets.hub import HUB_ERRORS, explain_hub_error
from distil.core.errors import EndpointError
from distil.core.runtime import HfEndpointParams, RuntimeParams
from distil.teacher.endpoint import find_endpoint, find_secrets
from distil.teacher.received import describe, make_headers

PAGE = "https://endpoints.huggingface.co/{}/endpoints/{}"
ASLEEP = ("paused", "scaledToZero")
FAILED = ("failed", "updateFailed")
NEED_RESUMING = ("paused", *FAILED)  # one that was scaled to zero wakes up by being asked
ERRORS = (*HUB_ERRORS, LookupError, TypeError, AttributeError)  # the last three: of an answer that the library misreads
FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 5.0  # between two looks at an endpoint that starts
HEALTH_WITHIN_S = 10.0
PAUSED_WITHIN_S = 60.0
TRIES_TO_PAUSE = 3


@contextmanager
def awake(
    runtime: RuntimeParams, asleep: HfEndpointParams, note_up_s: Callable[[float], None], stage: str
) -> Iterator[str]:
    """Have the endpoint up for a stage; yields its address, without a path.

    `note_up_s` gets the seconds from resuming to pausing. Raises `EndpointError` if it is not up within
    `ready_within_s`, or cannot be paused.
    """
    began = time.monotonic()
    with _resuming(asleep.name):
        endpoint = HfApi().get_inference_endpoint(asleep.name, namespace=asleep.namespace)
    try:
        if endpoint.status in NEED_RESUMING:
            with _resuming(asleep.name):
                endpoint.resume()
        yield _wait_until_up(endpoint, runtime, asleep.ready_within_s, stage)
    finally:
        fault = _pause(endpoint, stage) if asleep.pause_after else None
        note_up_s(time.monotonic() - began)
        if fault and sys.exception() is None:
            raise EndpointError(fault)
        if fault:
            print(f"warning: {fault}", file=sys.stderr)


@contextmanager
def _resuming(name: str) -> Iterator[None]:
    try:
        yield
    except ERRORS as error:
        raise EndpointError(f"the endpoint {name} cannot be resumed: {_explain(error)}") from None


def _wait_until_up(endpoint: InferenceEndpoint, runtime: RuntimeParams, ready_within_s: float, stage: str) -> str:
    """Wait until the endpoint is up and answers, with a line that says how far it is."""
    began, wait_s = time.monotonic(), FIRST_WAIT_S
    name = _name(endpoint)
    with tqdm(bar_format="{desc}, {elapsed}", desc=f"{stage}: resuming {name}") as line:
        while not _is_up(endpoint, runtime):
            if endpoint.status in FAILED:
                said = describe(endpoint.raw["status"].get("message") or "it does not say why", find_secrets(runtime))
                raise EndpointError(f"the endpoint {name} did not start: {said}; its logs are at {_page(endpoint)}")
            if time.monotonic() - began > ready_within_s:
                raise EndpointError(
                    f"the endpoint {name} is {describe(endpoint.status)} and does not answer after "
                    f"{ready_within_s:g} s (runtime.hf_endpoint.ready_within_s); its logs are at {_page(endpoint)}"
                )
            line.set_description_str(f"{stage}: {name} is {describe(endpoint.status)}")
            time.sleep(wait_s)
            wait_s = min(1.5 * wait_s, LONGEST_WAIT_S)
            _look(endpoint)
        line.set_description_str(f"{stage}: {name} is up, with {describe(endpoint.repository)}")
    return str(endpoint.url).rstrip("/")


def _is_up(endpoint: InferenceEndpoint, runtime: RuntimeParams) -> bool:
    """Whether it answers, which also wakes up one that was scaled to zero."""
    if not isinstance(endpoint.url, str) or endpoint.status not in ("running", "scaledToZero"):
        return False
    found = find_endpoint(runtime.at(endpoint.url), "")
    headers = make_headers(found)
    address = f"{found.base_url}/{str(endpoint.health_route).lstrip('/')}"
    try:
        return (
            get_session().get(address, headers=headers, timeout=HEALTH_WITHIN_S, follow_redirects=False).status_code
            == 200
        )
    except HUB_ERRORS:
        return False


def _look(endpoint: InferenceEndpoint) -> None:
    """Ask how it is; what goes wrong on the way mends itself, or there is an end to the waiting."""
    try:
        endpoint.fetch()
    except HfHubHTTPError as error:
        if error.response.status_code < 500 and error.response.status_code != 429:
            raise EndpointError(f"the endpoint {_name(endpoint)} cannot be looked at: {_explain(error)}") from None
    except ERRORS:
        return


def _pause(endpoint: InferenceEndpoint, stage: str) -> str | None:
    """Pause the endpoint; returns why that failed, in words, or None. Ctrl-C and its like wait for it."""
    faults = ["there was no answer in time"]
    work = threading.Thread(target=_try_to_pause, args=(endpoint, faults), daemon=True)
    with _undisturbed(f"pausing the endpoint {_name(endpoint)} first, or it goes on costing"):
        work.start()
        work.join(PAUSED_WITHIN_S)
    if not faults:
        print(f"{stage}: {_name(endpoint)} is paused", file=sys.stderr)
        return None
    return (
        f"the endpoint {_name(endpoint)} could not be paused ({faults[-1]}) and goes on costing: pause it at "
        f"{_page(endpoint)}; every answer so far is kept"
    )


def _try_to_pause(endpoint: InferenceEndpoint, faults: list[str]) -> None:
    """Pause it in a few tries; leaves `faults` empty if it is asleep then, by whatever hand."""
    for attempt in range(TRIES_TO_PAUSE):
        time.sleep(attempt * LONGEST_WAIT_S / 10)
        try:
            endpoint.pause()
            faults.clear()
        except ERRORS as error:
            faults.append(_explain(error))
            _look_quietly(endpoint)
            if endpoint.status in ASLEEP:
                faults.clear()
        if not faults:
            return


def _look_quietly(endpoint: InferenceEndpoint) -> None:
    try:
        _look(endpoint)
    except EndpointError:
        return


def list_endings() -> list[signal.Signals]:
    """The signals that end a process: SIGTERM, and SIGHUP where there is one and nohup does not have it ignored."""
    kinds = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    return [kind for kind in kinds if signal.getsignal(kind) is not signal.SIG_IGN]


@contextmanager
def _undisturbed(said: str) -> Iterator[None]:
    """Let Ctrl-C and its like say what is waited for, and nothing else."""
    kinds = (signal.SIGINT, *list_endings())
    before = {kind: signal.signal(kind, lambda *_: print(said, file=sys.stderr)) for kind in kinds}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def _explain(error: Exception) -> str:
    if isinstance(error, LocalTokenNotFoundError):
        return "no token for the Hub; log in with 'hf auth login', or set HF_TOKEN"
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
    remedy = {
        401: "; log in with 'hf auth login', or set HF_TOKEN",
        403: "; take a token that may manage endpoints",
        404: "; check runtime.hf_endpoint: its name, and its namespace",
    }
    return explain_hub_error(error) + remedy.get(status or 0, "")


def _name(endpoint: InferenceEndpoint) -> str:
    return describe(f"{endpoint.namespace}/{endpoint.name}")


def _page(endpoint: InferenceEndpoint) -> str:
    return PAGE.format(endpoint.namespace, endpoint.name)
