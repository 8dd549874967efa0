"""Sum up what was timed: percentiles, rates, ratios and curves, and the rows of the table of timings."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from distil.speed.scenarios import System, Timing

PERCENTILES = (50, 90, 95, 99)
SHARES = tuple(percent / 100 for percent in range(1, 100))  # of the answers, for the curve of latencies


def describe_texts(texts: Sequence[str]) -> dict[str, Any]:
    """How many there are, and how long they are."""
    words = [len(text.split()) for text in texts]
    low, middle, high = np.percentile(words, [10, 50, 90]).tolist()
    spread = {"p10": low, "p50": middle, "p90": high, "max": max(words)}
    return {"texts": len(texts), "mean_words": float(np.mean(words)), "words": spread}


def summarise_system(system: System, measured: Iterable[Timing]) -> dict[str, Any]:
    """What metrics/speed.json says of a system; what was not measured of it is not there."""
    one_by_one = select(measured, system.name, "single_stream")
    offline = summarise_throughput(select(measured, system.name, "offline"))
    summary: dict[str, Any] = {
        "single_stream": summarise_latency(one_by_one) | _spread_latency(one_by_one) | {"repetitions": len(one_by_one)},
        "offline": {"batch_size": system.batch_size} | offline,
    }
    if encoded := select(measured, system.name, "offline_encoded"):
        summary["offline_encoded"] = {"batch_size": system.batch_size} | summarise_throughput(encoded)
    if batches := select(measured, system.name, "batches"):
        summary["batches"] = summarise_batches(batches)
        summary["batches_min"] = summarise_batches(batches, min)
        summary["batches_max"] = summarise_batches(batches, max)
    return summary


def summarise_latency(timings: Sequence[Timing]) -> dict[str, float]:
    """Percentiles in ms: taken in each round, then their median over the rounds, so that one noisy spell counts little.

    Returns `mean_ms` and `p50_ms`, `p90_ms`, `p95_ms`, `p99_ms`.
    """
    seconds = _by_round(timings, lambda timing: timing.seconds)
    summaries = [[np.mean(times), *np.percentile(times, PERCENTILES)] for times in seconds.values()]
    names = ["mean_ms", *(f"p{percentile}_ms" for percentile in PERCENTILES)]
    return dict(zip(names, (1000 * np.median(summaries, axis=0)).tolist(), strict=True))


def _spread_latency(timings: Sequence[Timing]) -> dict[str, float]:
    """The least and the most, in ms, that p50 and p99 were in a round."""
    rounds = _by_round(timings, lambda timing: timing.seconds).values()
    spread: dict[str, float] = {}
    for percentile in (50, 99):
        found = [1000 * float(np.percentile(times, percentile)) for times in rounds]
        spread |= {f"p{percentile}_ms_min": min(found), f"p{percentile}_ms_max": max(found)}
    return spread


def list_latencies(timings: Sequence[Timing]) -> list[tuple[float, float]]:
    """The curve of latencies: shares of the answers, and the ms within which so many were there."""
    times = [1000 * timing.seconds for timing in timings]
    return list(zip(SHARES, np.quantile(times, SHARES).tolist(), strict=True))


def summarise_throughput(timings: Sequence[Timing]) -> dict[str, float]:
    """Texts per second: the median over all calls, with the slowest and the fastest, and how many texts a call had."""
    rates = [timing.texts / timing.seconds for timing in timings]
    return {
        "texts_per_call": timings[0].texts,
        "texts_per_s": float(np.median(rates)),
        "texts_per_s_min": min(rates),
        "texts_per_s_max": max(rates),
        "repetitions": len(rates),
    }


def summarise_batches(timings: Sequence[Timing], choose: Callable[[list[float]], Any] = np.median) -> dict[str, float]:
    """Texts per second by size of the batches: of all texts of a round, then the median (or other) over the rounds."""
    sizes = sorted({timing.setting for timing in timings if timing.setting is not None})
    return {
        f"{size:.0f}": float(choose(list(rate_rounds([one for one in timings if one.setting == size]).values())))
        for size in sizes
    }


def rate_rounds(timings: Sequence[Timing]) -> dict[int, float]:
    """Texts per second in each round."""
    texts = _by_round(timings, lambda timing: timing.texts)
    seconds = _by_round(timings, lambda timing: timing.seconds)
    return {number: sum(texts[number]) / sum(seconds[number]) for number in texts}


def compare_rounds(fast: Sequence[Timing], slow: Sequence[Timing]) -> dict[str, float]:
    """How many times as fast one is as the other within a round: the median over the rounds, the least and the most."""
    ours, theirs = rate_rounds(fast), rate_rounds(slow)
    ratios = [ours[number] / theirs[number] for number in ours]
    return {"median": float(np.median(ratios)), "min": min(ratios), "max": max(ratios)}


def _by_round(timings: Iterable[Timing], read: Callable[[Timing], float]) -> dict[int, list[float]]:
    rounds: dict[int, list[float]] = {}
    for timing in timings:
        rounds.setdefault(timing.round, []).append(read(timing))
    return rounds


def select(timings: Iterable[Timing], system: str, scenario: str) -> list[Timing]:
    """The timings of one system in one scenario, in the order in which they were taken."""
    return [timing for timing in timings if timing.system == system and timing.scenario == scenario]


def list_rows(timings: Iterable[Timing]) -> list[dict[str, object]]:
    """The timings in the columns of `tables.TIMINGS`, numbered within system, scenario and setting."""
    counts: Counter[tuple[object, ...]] = Counter()
    rows: list[dict[str, object]] = []
    for timing in timings:
        key = timing.system, timing.scenario, timing.setting
        rows.append(asdict(timing) | {"number": counts[key]})
        counts[key] += 1
    return rows
