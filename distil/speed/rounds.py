"""The benchmark's measurements in turns: in each round every system has its turn in every scenario.

So a noisy spell of the machine hits all systems alike, and ratios between turns of the same round stay what they are.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from tqdm import tqdm

from distil.speed.params import BenchmarkParams
from distil.speed.queueing import draw_arrivals, measure_server
from distil.speed.scenarios import (
    System,
    Timing,
    draw_call,
    measure_batches,
    measure_offline,
    measure_single_stream,
    warm_up,
)
from distil.speed.summary import summarise_latency
from distil.speed.systems import check_answers, explain_failure


@dataclass(frozen=True)
class Turn:
    """What is measured of a system without a break, given the number of the round."""

    system: str
    measure: Callable[[int], Iterable[Timing]]


def order_turns(scenarios: Iterable[Sequence[Turn]], rounds: int) -> list[tuple[int, Turn]]:
    """In each round every scenario, in it every system; another system goes first each time."""
    shared = list(scenarios)
    return [
        (number, turns[(number + place) % len(turns)])
        for number in range(rounds)
        for turns in shared
        for place in range(len(turns))
    ]


def warm_up_all(systems: Sequence[System], library: Sequence[str], params: BenchmarkParams) -> dict[str, list[str]]:
    """Let each system label texts for as long as a turn takes; raises `InputError` for one that cannot.

    Returns the texts of one offline call of each: fewer for one that would need longer than it may.
    """
    calls = {}
    for system in systems:
        with explain_failure(system.name):
            warm = warm_up(system, library[: params.texts], params.seconds / params.rounds)
        check_answers(system.name, warm.answers)
        most_s = params.offline_seconds / params.rounds
        calls[system.name] = draw_call(library, params.offline_texts, warm.texts_per_s, most_s)
    return calls


def list_scenarios(
    systems: Sequence[System], texts: Sequence[str], calls: Mapping[str, Sequence[str]], params: BenchmarkParams
) -> Iterator[list[Turn]]:
    """What is measured in each round, one scenario after the other, of each system that has it.

    `calls` are the texts of one offline call of each system.
    """
    seconds, batch_seconds = params.seconds / params.rounds, params.batch_seconds / params.rounds
    yield [Turn(one.name, partial(measure_offline, one, calls[one.name], seconds)) for one in systems]
    yield [Turn(one.name, partial(measure_single_stream, one, texts, seconds)) for one in systems]
    for size in params.batch_sizes:
        yield [
            Turn(one.name, partial(measure_batches, one, texts, size, batch_seconds))
            for one in systems
            if one.label_together
        ]


def take_turns(scenarios: Iterable[Sequence[Turn]], rounds: int) -> list[Timing]:
    """Measure, turn by turn."""
    measured: list[Timing] = []
    bar = tqdm(order_turns(scenarios, rounds), desc="benchmark", unit="turn", mininterval=1.0)
    for number, turn in bar:
        bar.set_postfix_str(turn.system, refresh=False)
        with explain_failure(turn.system):
            measured += turn.measure(number)
    return measured


def serve(
    system: System, one_by_one: Sequence[Timing], texts: Sequence[str], params: BenchmarkParams
) -> Iterator[list[Timing]]:
    """Measure random arrivals at each of the loads: shares of the rate at which the system answers one by one."""
    most_per_s = 1000 / summarise_latency(one_by_one)["mean_ms"]
    for number, load in enumerate(params.server_loads):
        arrivals = draw_arrivals(load * most_per_s, params.server_seconds, params.seed + number)
        with explain_failure(system.name):
            answered = measure_server(system, texts, arrivals, load)
        yield answered
