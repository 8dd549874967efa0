"""Measure how fast systems label texts, in three scenarios named after MLPerf Inference (Reddi et al. 2020, ISCA).

- single stream: one text, and the next when the answer is there. Latency.
- offline: all texts at once, in batches of the system's choice. Throughput.
- server: texts arrive at random (a Poisson process) whether or not the last answer is there, one worker answers in
  order of arrival. Response time, waiting included: what a user of a service feels.

A system takes texts and returns when it has labelled them, so tokenization and moving data to a GPU and back count.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle, islice

import numpy as np
from numpy.typing import NDArray

PERCENTILES = (50, 90, 95, 99)
WARM_UP_S = 0.5


@dataclass(frozen=True)
class System:
    """Something that labels texts: a name, a function that returns when it is done, and its batch size (or null)."""

    name: str
    label: Callable[[list[str]], object]
    batch_size: int | None


@dataclass(frozen=True)
class Timing:
    """One measurement, in seconds from start (or from arrival, if it arrived) to answer."""

    system: str
    scenario: str
    round: int
    texts: int
    seconds: float
    arrived_s: float | None = None


def warm_up(system: System, texts: Sequence[str]) -> None:
    """Let the system allocate, compile and fill its caches at the shapes that it will meet."""
    system.label(list(texts[: max(64, system.batch_size or 0)]))
    for _ in measure_single_stream(system, texts, WARM_UP_S, 0):
        pass


def measure_single_stream(system: System, texts: Sequence[str], seconds: float, number: int) -> Iterator[Timing]:
    """Label one text after the other until `seconds` have passed, once at least; round `number` starts further on."""
    first = number * len(texts) // 7  # so that slow systems see other texts in each round
    end = time.perf_counter() + seconds
    for text in islice(cycle(texts), first, None):
        start = time.perf_counter()
        system.label([text])
        done = time.perf_counter()
        yield Timing(system.name, "single_stream", number, 1, done - start)
        if done >= end:
            return


def measure_offline(system: System, texts: Sequence[str], seconds: float, number: int) -> Iterator[Timing]:
    """Label all the texts again and again until `seconds` have passed, once at least."""
    end = time.perf_counter() + seconds
    while True:
        start = time.perf_counter()
        system.label(list(texts))
        done = time.perf_counter()
        yield Timing(system.name, "offline", number, len(texts), done - start)
        if done >= end:
            return


def draw_arrivals(per_s: float, seconds: float, seed: int) -> NDArray[np.float64]:
    """Draw the times (s, ascending, one at least) of a Poisson process of rate `per_s` over `seconds`."""
    generator = np.random.default_rng(seed)
    count = max(1, generator.poisson(per_s * seconds))
    return np.sort(generator.uniform(0.0, seconds, count))


def measure_server(system: System, texts: Sequence[str], arrivals: NDArray[np.float64]) -> Iterator[Timing]:
    """Label texts that arrive at the given times, first come first served.

    The arrivals are fixed beforehand (open loop), so a slow answer makes those behind it wait, and their waiting
    counts: a loop that sends the next text only after the last answer would hide it (coordinated omission).
    """
    start = time.perf_counter()
    for arrived_s, text in zip(arrivals.tolist(), cycle(texts), strict=False):
        early_s = arrived_s - (time.perf_counter() - start)
        if early_s > 0:
            time.sleep(early_s)
        system.label([text])
        yield Timing(system.name, "server", 0, 1, time.perf_counter() - start - arrived_s, arrived_s)


def summarise_latency(timings: Sequence[Timing]) -> dict[str, float]:
    """Percentiles in ms: taken in each round, then their median over the rounds, so that one noisy spell counts little.

    Returns `mean_ms` and `p50_ms`, `p90_ms`, `p95_ms`, `p99_ms`.
    """
    rounds: dict[int, list[float]] = {}
    for timing in timings:
        rounds.setdefault(timing.round, []).append(1000 * timing.seconds)
    summaries = [[np.mean(times), *np.percentile(times, PERCENTILES)] for times in rounds.values()]
    names = ["mean_ms", *(f"p{percentile}_ms" for percentile in PERCENTILES)]
    return dict(zip(names, np.median(summaries, axis=0).tolist(), strict=True))


def summarise_throughput(timings: Sequence[Timing]) -> dict[str, float]:
    """Texts per second: the median over all repetitions, with the slowest and the fastest."""
    rates = [timing.texts / timing.seconds for timing in timings]
    return {
        "texts_per_s": float(np.median(rates)),
        "texts_per_s_min": min(rates),
        "texts_per_s_max": max(rates),
        "repetitions": len(rates),
    }


def select(timings: Sequence[Timing], system: str, scenario: str) -> list[Timing]:
    """The timings of one system in one scenario, in the order in which they were taken."""
    return [timing for timing in timings if timing.system == system and timing.scenario == scenario]


def list_rows(timings: Sequence[Timing]) -> list[dict[str, object]]:
    """The timings in the columns of `rows.TIMINGS`, numbered within system and scenario."""
    counts: Counter[tuple[str, str]] = Counter()
    rows: list[dict[str, object]] = []
    for timing in timings:
        row = asdict(timing)
        del row["round"]
        rows.append(row | {"number": counts[timing.system, timing.scenario]})
        counts[timing.system, timing.scenario] += 1
    return rows
