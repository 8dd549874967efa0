import getpass
import json
import socket
import time
from functools import partial
from pathlib import Path

import pytest

from distil.core.runtime import count_cores
from distil.core.tables import TIMINGS
from distil.speed.machine import describe_machine, read_cpu_quota
from distil.speed.rounds import Turn, order_turns
from distil.speed.scenarios import (
    System,
    Timing,
    draw_call,
    measure_batches,
    measure_offline,
    measure_single_stream,
    warm_up,
)
from distil.speed.summary import (
    compare_rounds,
    describe_texts,
    list_latencies,
    list_rows,
    rate_rounds,
    select,
    summarise_batches,
    summarise_latency,
    summarise_system,
    summarise_throughput,
)

TEXTS = ["one", "two", "three", "four", "five", "six", "seven"]


class Recorder:
    """A system that notes what it was given and takes a while."""

    def __init__(self, seconds: float = 0.0, encoding_s: float = 0.0) -> None:
        self.calls: list[list[str]] = []
        self.encodings: list[list[str]] = []
        self.seconds, self.encoding_s = seconds, encoding_s

    def label(self, texts: list[str]) -> None:
        self.calls.append(texts)
        time.sleep(self.seconds)

    def encode(self, texts: list[str]) -> str:
        self.encodings.append(texts)
        time.sleep(self.encoding_s)
        return "+".join(texts)

    def label_encoded(self, encoded: str) -> None:
        self.label(encoded.split("+"))


def make_system(recorder: Recorder) -> System:
    return System("toy", recorder.label, 4, recorder.label, recorder.encode, recorder.label_encoded)


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
    assert (timings[0].scenario, timings[0].texts, timings[0].round) == ("offline", len(TEXTS), 3)


def test_offline_goes_on_until_the_time_is_up() -> None:
    recorder = Recorder(0.001)
    timings = list(measure_offline(System("plain", recorder.label), TEXTS, 0.02, 0))
    assert recorder.calls == [TEXTS] * len(timings)
    assert {timing.scenario for timing in timings} == {"offline"}
    assert sum(timing.seconds for timing in timings) >= 0.018


@pytest.mark.parametrize(
    ("texts_per_s", "drawn"),
    [
        (1000.0, 500),  # as many as were asked for
        (40.0, 400),  # as many as there is time for
        (0.1, 128),  # a few batches of the slowest
    ],
)
def test_an_offline_call_goes_round_the_texts_and_is_shorter_for_a_slow_system(texts_per_s: float, drawn: int) -> None:
    call = draw_call(TEXTS, 500, texts_per_s, 10.0)
    assert (len(call), call[:8]) == (drawn, [*TEXTS, "one"])
    assert draw_call(TEXTS, 3, 1e6, 10.0) == ["one", "two", "three"]


def test_each_offline_call_is_timed_with_and_without_its_tokenization() -> None:
    recorder = Recorder(0.001, encoding_s=0.004)
    timings = list(measure_offline(make_system(recorder), TEXTS, 0.02, 0))
    whole, encoded = timings[::2], timings[1::2]
    assert recorder.calls == recorder.encodings == [TEXTS] * len(whole)
    assert len(whole) == len(encoded) > 1
    assert {(timing.scenario, timing.texts) for timing in whole} == {("offline", len(TEXTS))}
    assert {(timing.scenario, timing.texts) for timing in encoded} == {("offline_encoded", len(TEXTS))}
    assert all(
        one.seconds - other.seconds >= 0.004 and other.seconds >= 0.001
        for one, other in zip(whole, encoded, strict=True)
    )


def test_batches_have_the_size_that_was_asked_for_also_where_there_are_fewer_texts() -> None:
    recorder = Recorder()
    system = make_system(recorder)
    list(measure_batches(system, TEXTS, 3, 0.0, 1))
    timings = list(measure_batches(system, ["only"], 3, 0.0, 0))
    assert recorder.calls == [["two", "three", "four"], ["only", "only", "only"]]
    assert (timings[0].scenario, timings[0].setting, timings[0].texts) == ("batches", 3.0, 3)


def test_a_system_without_batches_cannot_be_asked_for_them() -> None:
    plain = System("plain", Recorder().label)
    with pytest.raises(ValueError, match="plain takes no batches"):
        list(measure_batches(plain, TEXTS, 8, 0.0, 0))


def test_warm_up_labels_several_texts_and_single_ones() -> None:
    recorder = Recorder(0.01)
    warm = warm_up(make_system(recorder), TEXTS, 0.0)
    assert recorder.calls == [TEXTS, ["one"], TEXTS], "timed once it is warm"
    assert 0 < warm.texts_per_s <= len(TEXTS) / 0.01


def test_in_each_round_every_system_has_its_turn_and_another_goes_first() -> None:
    turns = [Turn(name, lambda _: []) for name in "abc"]
    ordered = [(number, turn.system) for number, turn in order_turns([turns, turns[:2]], 2)]
    assert ordered == [(0, name) for name in "abcab"] + [(1, name) for name in "bcaba"]


def test_percentiles_are_medians_over_rounds_so_that_one_noisy_round_changes_little() -> None:
    quiet = [Timing("toy", "single_stream", number, 1, 0.010) for number in (0, 1) for _ in range(100)]
    noisy = [Timing("toy", "single_stream", 2, 1, 0.900) for _ in range(100)]
    summary = summarise_latency(quiet + noisy)
    assert summary == pytest.approx(dict.fromkeys(("mean_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms"), 10.0))


def test_percentiles_of_one_round_are_those_of_its_times() -> None:
    timings = [Timing("toy", "server", 0, 1, milliseconds / 1000) for milliseconds in range(101)]
    summary = summarise_latency(timings)
    assert (summary["p50_ms"], summary["p90_ms"], summary["p99_ms"]) == pytest.approx((50.0, 90.0, 99.0))
    curve = list_latencies(timings)
    assert len(curve) == 99
    assert [*curve[0], *curve[-1]] == pytest.approx([0.01, 1.0, 0.99, 99.0])


def test_throughput_is_the_median_with_the_extremes() -> None:
    timings = [Timing("toy", "offline", number, 100, seconds) for number, seconds in enumerate((1.0, 2.0, 4.0))]
    assert summarise_throughput(timings) == {
        "texts_per_s": 50.0,
        "texts_per_s_min": 25.0,
        "texts_per_s_max": 100.0,
        "texts_per_call": 100,
        "repetitions": 3,
    }


def test_rates_of_batches_are_by_size_over_all_texts_of_a_round() -> None:
    note = partial(Timing, "toy", "batches")
    timings = [note(0, 8, 1.0, 8.0), note(0, 8, 3.0, 8.0), note(1, 8, 1.0, 8.0), note(0, 1, 0.5, 1.0)]
    assert rate_rounds(timings[:3]) == {0: 4.0, 1: 8.0}
    assert summarise_batches(timings) == {"1": 2.0, "8": 6.0}


def test_systems_are_compared_within_each_round_so_that_a_noisy_round_leaves_the_ratio() -> None:
    slow = [Timing("slow", "offline", number, 100, seconds) for number, seconds in enumerate((10.0, 40.0, 10.0))]
    fast = [Timing("fast", "offline", number, 100, seconds) for number, seconds in enumerate((1.0, 4.0, 1.25))]
    assert compare_rounds(fast, slow) == {"median": 10.0, "min": 8.0, "max": 10.0}


def test_a_system_is_summed_up_with_what_was_measured_of_it_and_nothing_else() -> None:
    plain = [Timing("plain", "single_stream", 0, 1, 0.1), Timing("plain", "offline", 0, 5, 1.0)]
    more = [
        Timing("whole", scenario, 0, 8, 1.0, setting)
        for scenario, setting in (
            ("single_stream", None),
            ("offline", None),
            ("offline_encoded", None),
            ("batches", 8.0),
        )
    ]
    summary = summarise_system(System("plain", Recorder().label), plain + more)
    assert set(summary) == {"single_stream", "offline"}
    assert summary["single_stream"]["repetitions"] == 1
    whole = summarise_system(System("whole", Recorder().label, 4), plain + more)
    assert (whole["offline_encoded"]["batch_size"], whole["batches"]) == (4, {"8": 8.0})


def test_latencies_and_batches_have_the_least_and_the_most_of_the_rounds() -> None:
    plain = System("toy", Recorder().label)
    timings = [Timing("toy", "offline", 0, 5, 1.0)]
    for number, seconds in enumerate((0.1, 0.4, 0.2)):
        timings.append(Timing("toy", "single_stream", number, 1, seconds))
        timings.append(Timing("toy", "batches", number, 8, 10 * seconds, 8.0))
    summary = summarise_system(plain, timings)
    for name in ("p50_ms", "p99_ms"):
        found = [summary["single_stream"][name + end] for end in ("_min", "", "_max")]
        assert found == pytest.approx([100.0, 200.0, 400.0])
    assert [summary[f"batches{end}"]["8"] for end in ("_min", "", "_max")] == pytest.approx([2.0, 4.0, 8.0])


def test_texts_are_described_by_their_words() -> None:
    described = describe_texts([" ".join(["word"] * count) for count in range(1, 12)])
    assert described == {"texts": 11, "mean_words": 6.0, "words": {"p10": 2.0, "p50": 6.0, "p90": 10.0, "max": 11}}
    assert describe_texts(["one"])["words"] == {"p10": 1.0, "p50": 1.0, "p90": 1.0, "max": 1}


def test_rows_are_numbered_within_system_scenario_and_setting() -> None:
    timings = [Timing(name, "batches", 0, 1, 1.0, size) for name, size in (("a", 1), ("b", 1), ("a", 8), ("a", 1))]
    rows = list_rows(timings)
    assert [row["number"] for row in rows] == [0, 0, 0, 1]
    assert all(set(row) == set(TIMINGS.names) for row in rows)
    assert select(timings, "a", "batches") == [timings[0], timings[2], timings[3]]


def test_machine_is_described_without_naming_its_owner() -> None:
    machine = describe_machine(threads=1, provider="CUDAExecutionProvider", gpu="a GPU")
    text = json.dumps(machine)
    assert machine["cores"] == count_cores() >= 1
    assert machine["cpu"] and machine["memory_gb"]
    assert "torch" in str(machine["versions"])
    assert (machine["gpu"], machine["provider"]) == ("a GPU", "CUDAExecutionProvider")
    assert socket.gethostname() not in text
    assert f'"{getpass.getuser()}"' not in text


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 0.5),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({}, None),
    ],
)
def test_a_container_s_limit_is_read_from_both_versions_of_control_groups(
    tmp_path: Path, files: dict[str, str], quota: float | None
) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    assert read_cpu_quota(tmp_path) == quota
