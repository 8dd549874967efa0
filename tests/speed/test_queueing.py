"""Waiting in line, on a clock that moves only when told: so it is exact, and compared with the theory of queues."""

import time
from collections.abc import Callable

import numpy as np
import pytest

from distil.speed.queueing import (
    RealClock,
    draw_arrivals,
    measure_server,
    predict_wait_s,
    summarise_load,
    summarise_server,
)
from distil.speed.scenarios import System, Timing

TEXTS = ["one", "two", "three"]


class SetClock:
    """A clock that stands still but where someone waits or works."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time

    def wait_until(self, moment: float) -> None:
        self.time = max(self.time, moment)


def make_worker(clock: SetClock, draw_s: Callable[[], float]) -> tuple[System, list[list[str]]]:
    """A system whose work takes the drawn time, and what it was given."""
    calls: list[list[str]] = []

    def label(texts: list[str]) -> None:
        calls.append(texts)
        clock.time += draw_s()

    return System("toy", label), calls


def measure(arrivals: list[float], service_s: float) -> list[Timing]:
    clock = SetClock()
    worker, _ = make_worker(clock, lambda: service_s)
    return measure_server(worker, TEXTS, np.array(arrivals), 0.5, clock)


def test_a_text_waits_for_those_before_it_and_its_time_runs_from_its_arrival() -> None:
    timings = measure([0.0, 0.1, 0.2, 5.0], service_s=1.0)
    assert [timing.waited_s for timing in timings] == pytest.approx([0.0, 0.9, 1.8, 0.0])
    assert [timing.seconds for timing in timings] == pytest.approx([1.0, 1.9, 2.8, 1.0])
    assert [timing.arrived_s for timing in timings] == pytest.approx([0.0, 0.1, 0.2, 5.0])
    assert {(timing.scenario, timing.setting, timing.texts) for timing in timings} == {("server", 0.5, 1)}


def test_texts_are_answered_one_at_a_time_in_their_order_and_come_round_again() -> None:
    clock = SetClock()
    worker, calls = make_worker(clock, lambda: 0.1)
    measure_server(worker, TEXTS, np.arange(4.0), 0.5, clock)
    assert calls == [["one"], ["two"], ["three"], ["one"]]


@pytest.mark.parametrize("load", [0.3, 0.5, 0.8])
@pytest.mark.parametrize("variation", ["constant", "exponential", "two kinds"])
def test_mean_wait_converges_to_the_formula_of_pollaczek_and_khinchine(variation: str, load: float) -> None:
    mean_s, seconds = 0.002, 300.0
    rng = np.random.default_rng(7)
    times: dict[str, Callable[[], float]] = {
        "constant": lambda: mean_s,
        "exponential": lambda: float(rng.exponential(mean_s)),
        "two kinds": lambda: float(rng.choice([mean_s / 2, 5.5 * mean_s], p=[0.9, 0.1])),
    }
    squares = {"constant": 1.0, "exponential": 2.0, "two kinds": 0.9 * 0.25 + 0.1 * 5.5**2}  # E[S^2] / E[S]^2
    clock = SetClock()
    worker, _ = make_worker(clock, times[variation])
    timings = measure_server(worker, TEXTS, draw_arrivals(load / mean_s, seconds, seed=1), load, clock)
    summary = summarise_load(timings, seconds, 50.0)
    known_ms = 1000 * load * mean_s * squares[variation] / (2 * (1 - load))
    assert summary["predicted_wait_ms"] == pytest.approx(known_ms, rel=0.08)
    assert summary["mean_wait_ms"] == pytest.approx(summary["predicted_wait_ms"], rel=0.08)


def test_work_that_is_slow_in_spells_waits_longer_than_the_formula_says() -> None:
    seconds, place = 200.0, iter(range(10**9))
    clock = SetClock()
    worker, _ = make_worker(clock, lambda: 0.0035 if next(place) // 1000 % 2 else 0.0005)
    timings = measure_server(worker, TEXTS, draw_arrivals(250.0, seconds, seed=1), 0.5, clock)
    summary = summarise_load(timings, seconds, 50.0)
    assert summary["mean_wait_ms"] > 1.5 * summary["predicted_wait_ms"]


def test_the_formula_gives_the_values_of_the_textbook() -> None:
    exponential = np.random.default_rng(0).exponential(1.0, 400_000).tolist()
    assert predict_wait_s(0.5, [1.0, 1.0]) == pytest.approx(0.5)  # M/D/1: load / (2 (1 - load)) services
    assert predict_wait_s(0.5, exponential) == pytest.approx(1.0, rel=0.02)  # M/M/1: load / (1 - load)
    assert predict_wait_s(0.1, [2.0, 4.0]) == pytest.approx(0.1 * 10 / (2 * 0.7))


@pytest.mark.parametrize("per_s", [1.0, 3.0])
def test_no_wait_is_predicted_for_a_queue_that_never_ends(per_s: float) -> None:
    assert predict_wait_s(per_s, [1.0]) is None


def test_a_load_is_summed_up_and_held_against_the_limit() -> None:
    timings = measure([0.0, 0.1, 0.2, 5.0], service_s=1.0)
    summary = summarise_load(timings, 10.0, 2000.0)
    assert (summary["load"], summary["requests"], summary["arrivals_per_s"]) == (0.5, 4, 0.4)
    assert summary["mean_ms"] == pytest.approx(1675.0)
    assert summary["mean_wait_ms"] == pytest.approx(675.0)
    assert summary["predicted_wait_ms"] == pytest.approx(1000 * 0.4 / (2 * 0.6))
    assert summary["p50_ms"] <= summary["p90_ms"] <= summary["p95_ms"] <= summary["p99_ms"] <= 2800.0
    assert not summary["within_limit"]
    assert summarise_load(timings, 10.0, 2800.0)["within_limit"]


def test_the_highest_rate_is_the_last_before_the_first_that_misses_the_limit_and_null_if_there_is_none() -> None:
    loads = [{"arrivals_per_s": rate, "within_limit": rate != 30.0} for rate in (40.0, 10.0, 20.0, 30.0)]
    found = summarise_server(loads, 50.0)
    assert (found["highest_arrivals_per_s"], found["limit_reached"]) == (20.0, True), "40 kept it by luck"
    kept = summarise_server([load | {"within_limit": True} for load in loads], 50.0)
    assert (kept["highest_arrivals_per_s"], kept["limit_reached"]) == (40.0, False)
    none = summarise_server([load | {"within_limit": False} for load in loads], 50.0)
    assert none["highest_arrivals_per_s"] is None
    assert (none["latency_limit_ms"], len(none["loads"])) == (50.0, 4)


def test_arrivals_are_a_poisson_process_that_the_seed_fixes() -> None:
    arrivals = draw_arrivals(50.0, 200.0, seed=1)
    gaps = np.diff(arrivals)
    assert np.array_equal(arrivals, draw_arrivals(50.0, 200.0, seed=1))
    assert len(arrivals) == pytest.approx(10_000, rel=0.05)
    assert gaps.min() >= 0
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.05), "gaps of a Poisson process are exponential"
    assert len(draw_arrivals(0.001, 1.0, seed=1)) >= 1


def test_the_machine_s_clock_never_ends_a_wait_too_early_and_does_not_wait_for_the_past() -> None:
    clock = RealClock()
    for early_s in (-1.0, 0.0, 0.0005, 0.01):
        start = time.perf_counter()
        clock.wait_until(start + early_s)
        assert time.perf_counter() - start >= early_s
    assert clock.now() == pytest.approx(time.perf_counter(), abs=1.0)


def test_server_measures_by_the_machine_s_clock_where_none_is_given() -> None:
    worker = System("toy", lambda _: time.sleep(0.01))
    timings = measure_server(worker, TEXTS, np.array([0.0, 0.0, 0.1]), 0.5)
    assert timings[0].seconds >= 0.01
    assert (timings[1].waited_s or 0.0) >= 0.01
    assert timings[2].arrived_s == pytest.approx(0.1)
    assert timings[2].seconds >= 0.01
