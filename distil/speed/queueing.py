"""Random arrivals, one worker that answers them in turn, and how long the theory of queues says that they wait.

This is MLPerf's server scenario (Reddi et al. 2020, ISCA): texts arrive as a Poisson process whether or not the last
answer is there, so the time of an answer has waiting in it, as for the users of a service.

The worker is also the source of the arrivals, on one thread, and must not be late while it has nothing to do: what
oversleeps counts as waiting. So it sleeps until shortly before an arrival and then looks at the clock until it is due.
"""

import time
from collections.abc import Sequence
from itertools import cycle, takewhile
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from distil.speed.scenarios import System, Timing
from distil.speed.summary import summarise_latency

LATEST_SLEEP_S = 0.002  # before an arrival; on a busy machine a sleep ends up to so much too late


class Clock(Protocol):
    """What tells the time, in seconds, and lets it pass."""

    def now(self) -> float:
        """The time now."""

    def wait_until(self, moment: float) -> None:
        """Return at this time, or at once if it has passed."""


class RealClock:
    """The machine's clock; it waits busily for the last two milliseconds."""

    def now(self) -> float:
        """The time now."""
        return time.perf_counter()

    def wait_until(self, moment: float) -> None:
        """Return at this time, or at once if it has passed."""
        early_s = moment - time.perf_counter()
        if early_s > LATEST_SLEEP_S:
            time.sleep(early_s - LATEST_SLEEP_S)
        while time.perf_counter() < moment:
            pass


def draw_arrivals(per_s: float, seconds: float, seed: int) -> NDArray[np.float64]:
    """Draw the times (s, ascending, one at least) of a Poisson process of rate `per_s` over `seconds`."""
    generator = np.random.default_rng(seed)
    count = max(1, generator.poisson(per_s * seconds))
    return np.sort(generator.uniform(0.0, seconds, count))


def measure_server(
    system: System, texts: Sequence[str], arrivals: NDArray[np.float64], load: float, clock: Clock | None = None
) -> list[Timing]:
    """Label texts that arrive at the given times, first come first served; `load` is noted as the setting.

    The arrivals are fixed beforehand (open loop), so a slow answer makes those behind it wait, and their waiting
    counts: a loop that sends the next text only after the last answer would hide it (coordinated omission). A text
    has waited from its arrival to the start of work on it.
    """
    clock = clock or RealClock()
    start = clock.now()
    moments: list[tuple[float, float, float]] = []
    for arrived, text in zip((start + arrivals).tolist(), cycle(texts), strict=False):
        clock.wait_until(arrived)
        begun = clock.now()
        system.label([text])
        moments.append((arrived, begun, clock.now()))
    return [
        Timing(system.name, "server", 0, 1, done - arrived, load, arrived - start, begun - arrived)
        for arrived, begun, done in moments
    ]


def predict_wait_s(per_s: float, service_s: Sequence[float]) -> float | None:
    """The mean wait (s) in a queue with Poisson arrivals and one worker; null where the queue would never end.

    Source: Pollaczek (1930) and Khinchine (1932) for M/G/1: rate * E[S^2] / (2 * (1 - rate * E[S])), S being the times
    that the work on one text takes. They are taken to be independent of one another.
    """
    busy = per_s * float(np.mean(service_s))
    return per_s * float(np.mean(np.square(service_s))) / (2 * (1 - busy)) if busy < 1 else None


def summarise_load(timings: Sequence[Timing], seconds: float, latency_limit_ms: float) -> dict[str, Any]:
    """What metrics/speed.json says of the texts that arrived within `seconds` at one load."""
    waits_s = [timing.waited_s or 0.0 for timing in timings]
    service_s = [timing.seconds - wait_s for timing, wait_s in zip(timings, waits_s, strict=True)]
    per_s = len(timings) / seconds
    predicted_s = predict_wait_s(per_s, service_s)
    latency = summarise_latency(timings)
    return {
        "load": timings[0].setting,
        "arrivals_per_s": per_s,
        "requests": len(timings),
        **latency,
        "mean_wait_ms": 1000 * float(np.mean(waits_s)),
        "predicted_wait_ms": None if predicted_s is None else 1000 * predicted_s,
        "within_limit": latency["p99_ms"] <= latency_limit_ms,
    }


def summarise_server(loads: Sequence[dict[str, Any]], latency_limit_ms: float) -> dict[str, Any]:
    """All loads, and the rate of arrivals up to which 99 of 100 answers came within the limit.

    It is the last rate before the first that did not keep the limit, null if that is the first of all; where every
    load kept it, `limit_reached` is false and the true rate is higher.
    """
    ascending = sorted(loads, key=lambda load: load["arrivals_per_s"])
    kept = [load["arrivals_per_s"] for load in takewhile(lambda load: load["within_limit"], ascending)]
    return {
        "latency_limit_ms": latency_limit_ms,
        "highest_arrivals_per_s": kept[-1] if kept else None,
        "limit_reached": len(kept) < len(ascending),
        "loads": list(loads),
    }
