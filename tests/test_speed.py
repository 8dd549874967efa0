import getpass
import json
import socket
import time

import numpy as np
import pytest

from distil.cores import count_cores
from distil.machine import describe_machine
from distil.rows import TIMINGS
from distil.speed import (
    System,
    Timing,
    draw_arrivals,
    list_rows,
    measure_offline,
    measure_server,
    measure_single_stream,
    select,
    summarise_latency,
    summarise_throughput,
)

TEXTS = ["one", "two", "three", "four", "five", "six", "seven"]


class Recorder:
    """A system that notes what it was given and takes a while."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.calls: list[list[str]] = []
        self.seconds = seconds

    def label(self, texts: list[str]) -> None:
        self.calls.append(texts)
        time.sleep(self.seconds)


def make_system(recorder: Recorder) -> System:
    return System("toy", recorder.label, batch_size=4)


def test_single_stream_asks_one_text_at_a_time_and_goes_on_for_as_long_as_told() -> None:
    recorder = Recorder(0.001)
    timings = list(measure_single_stream(make_system(recorder), TEXTS, 0.05, 0))
    assert recorder.calls[:3] == [["one"], ["two"], ["three"]]
    assert len(timings) > len(TEXTS), "the texts come round again"
    assert sum(timing.seconds for timing in timings) >= 0.04
    assert all(timing.texts == 1 and timing.seconds >= 0.001 for timing in timings)


def test_single_stream_starts_each_round_at_another_text() -> None:
    recorder = Recorder()
    list(measure_single_stream(make_system(recorder), TEXTS, 0.0, 2))
    assert recorder.calls == [["three"]]


def test_offline_gives_all_texts_at_once_and_at_least_one_repetition() -> None:
    recorder = Recorder()
    timings = list(measure_offline(make_system(recorder), TEXTS, 0.0, 3))
    assert recorder.calls == [TEXTS]
    assert timings[0].texts == len(TEXTS)
    assert timings[0].round == 3


def test_server_counts_the_time_that_texts_wait_for_those_before_them() -> None:
    recorder = Recorder(0.02)
    timings = list(measure_server(make_system(recorder), TEXTS, np.zeros(4)))
    assert recorder.calls == [["one"], ["two"], ["three"], ["four"]]
    for place, timing in enumerate(timings, start=1):
        assert timing.seconds >= 0.02 * place


def test_server_does_not_ask_before_a_text_has_arrived() -> None:
    start = time.perf_counter()
    timings = list(measure_server(make_system(Recorder()), TEXTS, np.array([0.0, 0.1])))
    assert time.perf_counter() - start >= 0.1
    assert [timing.arrived_s for timing in timings] == [0.0, 0.1]


def test_arrivals_are_a_poisson_process_that_the_seed_fixes() -> None:
    arrivals = draw_arrivals(50.0, 200.0, seed=1)
    gaps = np.diff(arrivals)
    assert np.array_equal(arrivals, draw_arrivals(50.0, 200.0, seed=1))
    assert len(arrivals) == pytest.approx(10_000, rel=0.05)
    assert gaps.min() >= 0
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.05), "gaps of a Poisson process are exponential"
    assert len(draw_arrivals(0.001, 1.0, seed=1)) >= 1


def test_percentiles_are_medians_over_rounds_so_that_one_noisy_round_changes_little() -> None:
    quiet = [Timing("toy", "single_stream", number, 1, 0.010) for number in (0, 1) for _ in range(100)]
    noisy = [Timing("toy", "single_stream", 2, 1, 0.900) for _ in range(100)]
    summary = summarise_latency(quiet + noisy)
    assert summary == pytest.approx(dict.fromkeys(("mean_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms"), 10.0))


def test_percentiles_of_one_round_are_those_of_its_times() -> None:
    timings = [Timing("toy", "server", 0, 1, milliseconds / 1000) for milliseconds in range(101)]
    summary = summarise_latency(timings)
    assert (summary["p50_ms"], summary["p90_ms"], summary["p99_ms"]) == pytest.approx((50.0, 90.0, 99.0))


def test_throughput_is_the_median_with_the_extremes() -> None:
    timings = [Timing("toy", "offline", number, 100, seconds) for number, seconds in enumerate((1.0, 2.0, 4.0))]
    assert summarise_throughput(timings) == {
        "texts_per_s": 50.0,
        "texts_per_s_min": 25.0,
        "texts_per_s_max": 100.0,
        "repetitions": 3,
    }


def test_rows_are_numbered_within_system_and_scenario() -> None:
    timings = [Timing(name, "offline", 0, 1, 1.0) for name in ("a", "b", "a")]
    rows = list_rows(timings)
    assert [row["number"] for row in rows] == [0, 0, 1]
    assert all(set(row) == set(TIMINGS.names) for row in rows)
    assert select(timings, "a", "offline") == [timings[0], timings[2]]


def test_machine_is_described_without_naming_its_owner() -> None:
    machine = describe_machine(threads=1, provider="CPUExecutionProvider")
    text = json.dumps(machine)
    assert machine["cores"] == count_cores() >= 1
    assert machine["cpu"] and machine["memory_gb"]
    assert "torch" in str(machine["versions"])
    assert socket.gethostname() not in text
    assert f'"{getpass.getuser()}"' not in text
