import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from distil.core.errors import EndpointError
from distil.core.runtime import RuntimeParams
from distil.teacher.throttle import LATENESS_S, Flow, Rate, StoppedError, Turn


def flow_of(**runtime: Any) -> Flow:
    return Flow(RuntimeParams(**({"max_in_flight": 8, "retry_wait_s": 0.001, "max_retries": 3} | runtime)), "http://t")


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, 10))


async def enter_all(flow: Flow, count: int) -> list[Turn]:
    return [await flow.enter("k", 1) for _ in range(count)]


def answer(flow: Flow, turn: Turn, pause_s: float = 0.0) -> None:
    flow.note_answer(turn, 1, pause_s)
    flow.leave(turn)


async def is_held_back(flow: Flow) -> bool:
    waiter = asyncio.ensure_future(flow.enter("k", 1))
    await asyncio.sleep(0.02)
    held = not waiter.done()
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    if not held:
        flow.leave(waiter.result())
    return held


def test_no_more_than_allowed_are_in_flight_and_the_next_leaves_when_one_is_back() -> None:
    async def work() -> None:
        flow = flow_of()
        turns = await enter_all(flow, 8)
        assert await is_held_back(flow)
        answer(flow, turns[0])
        assert not await is_held_back(flow)

    run(work())


def test_a_limit_halves_the_number_in_flight_once_a_round_and_answers_bring_it_back() -> None:
    async def work() -> list[int]:
        flow = flow_of()
        seen = []
        turns = await enter_all(flow, 8)
        for turn in turns:
            flow.note_limit(turn, 0.0, "429")
            flow.leave(turn)
        seen.append(flow.most_at_once)
        turn = await flow.enter("k", 1)
        flow.note_limit(turn, 0.0, "429")
        flow.leave(turn)
        seen.append(flow.most_at_once)
        for _ in range(60):
            answer(flow, await flow.enter("k", 1))
        return [*seen, flow.most_at_once]

    assert run(work()) == [4, 2, 8]


def test_a_pause_that_the_endpoint_asks_for_holds_for_all() -> None:
    async def work() -> float:
        flow = flow_of()
        turn = await flow.enter("k", 1)
        flow.note_limit(turn, 0.3, "429")
        flow.leave(turn)
        started = asyncio.get_running_loop().time()
        await enter_all(flow, 4)
        return asyncio.get_running_loop().time() - started

    assert run(work()) >= 0.29


def test_an_empty_allowance_in_the_headers_of_an_answer_is_waited_for() -> None:
    async def work() -> float:
        flow = flow_of()
        answer(flow, await flow.enter("k", 1), pause_s=0.3)
        started = asyncio.get_running_loop().time()
        await flow.enter("k", 1)
        return asyncio.get_running_loop().time() - started

    assert run(work()) >= 0.29


def test_single_errors_leave_the_pace_alone_and_rising_errors_lower_it() -> None:
    async def work() -> list[int]:
        flow = flow_of(max_in_flight=64)
        seen = []
        for number in range(400):
            turn = await flow.enter("k", 1)
            if number % 20 == 0:
                flow.note_fault(turn, "503")
                flow.leave(turn)
            else:
                answer(flow, turn)
        seen.append(flow.most_at_once)
        for number in range(60):
            turn = await flow.enter("k", 1)
            if number % 2:
                flow.note_fault(turn, "503")
                flow.leave(turn)
            else:
                answer(flow, turn)
        return [*seen, flow.most_at_once]

    before, after = run(work())
    assert before == 64
    assert after <= 32


async def fail_until_dead(flow: Flow, *, unreachable: bool) -> tuple[int, str]:
    for tries in range(1, 100):
        turn = await flow.enter(str(tries), 1)
        try:
            flow.note_fault(turn, "no", unreachable=unreachable)
        except EndpointError as error:
            return tries, str(error)
        finally:
            flow.leave(turn)
    raise AssertionError("never given up")


@pytest.mark.parametrize(
    ("answered", "unreachable", "tries"), [(False, False, 10 + 3), (False, True, 3), (True, False, 13), (True, True, 6)]
)
def test_an_endpoint_that_stays_down_is_given_up(answered: bool, unreachable: bool, tries: int) -> None:
    """After ten faults or three refused connections, and then three probes, but for a port that was never open."""

    async def work() -> tuple[int, str]:
        flow = flow_of()
        if answered:
            answer(flow, await flow.enter("k", 1))
        return await fail_until_dead(flow, unreachable=unreachable)

    tried, message = run(work())
    assert tried == tries
    assert message.startswith("http://t does not answer (no) after")


def test_an_open_breaker_lets_one_request_through_and_closes_when_it_is_answered() -> None:
    async def work() -> list[bool]:
        flow = flow_of()
        for number in range(10):
            turn = await flow.enter(str(number), 1)
            flow.note_fault(turn, "503")
            flow.leave(turn)
        probe = await flow.enter("k", 1)
        seen = [probe.probe, await is_held_back(flow)]
        answer(flow, probe)
        turns = await enter_all(flow, 2)
        return [*seen, any(turn.probe for turn in turns)]

    assert run(work()) == [True, True, False]


def test_an_endpoint_that_asks_for_hours_or_turns_everything_away_ends_the_run() -> None:
    async def ask_for_hours() -> None:
        flow = flow_of()
        flow.note_limit(await flow.enter("k", 1), 7200, "429: daily limit")

    async def turn_away() -> None:
        flow = flow_of(patience_s=0.1)
        while True:
            turn = await flow.enter("k", 1)
            flow.note_limit(turn, 0.03, "429")
            flow.leave(turn)

    with pytest.raises(EndpointError, match=r"asks to wait for 7,200 s .429: daily limit.*patience_s = 900"):
        run(ask_for_hours())
    with pytest.raises(EndpointError, match=r"turned every request away for 0\.1 s"):
        run(turn_away())


def test_a_few_requests_that_always_fail_do_not_make_the_endpoint_look_dead() -> None:
    async def work() -> bool:
        flow = flow_of()
        for number in range(200):
            turn = await flow.enter(f"poison {number % 5}", 1)
            flow.note_fault(turn, "500")
            flow.leave(turn)
        return turn.probe

    assert run(work()) is False


def test_a_wait_of_no_time_that_does_not_help_is_made_longer() -> None:
    async def work() -> float:
        flow = flow_of(retry_wait_s=0.05)
        for _ in range(4):
            turn = await flow.enter("k", 1)
            flow.note_limit(turn, 0.0, "429")
            flow.leave(turn)
        return flow.pause_s

    assert run(work()) > 0.05


def test_patience_begins_with_the_first_limit_and_not_with_the_last_answer() -> None:
    async def work() -> int:
        flow = flow_of(patience_s=0.1)
        answer(flow, await flow.enter("k", 1))
        await asyncio.sleep(0.15)
        turn = await flow.enter("k", 1)
        flow.note_limit(turn, 0.0, "429")
        flow.leave(turn)
        answer(flow, await flow.enter("k", 1))
        return flow.answers

    assert run(work()) == 2


@pytest.mark.parametrize(
    ("limits", "tokens", "least_s"),
    [({"requests_per_minute": 600}, 1, 0.9), ({"tokens_per_minute": 6000}, 10, 0.9), ({}, 10, 0.0)],
)
def test_requests_leave_at_the_rate_that_is_allowed(limits: dict[str, Any], tokens: float, least_s: float) -> None:
    """Eleven starts, a tenth of a second apart."""

    async def work() -> float:
        flow = flow_of(max_in_flight=64, **limits)
        started = asyncio.get_running_loop().time()
        await asyncio.gather(*(flow.enter("k", tokens) for _ in range(11)))
        return asyncio.get_running_loop().time() - started

    assert least_s <= run(work()) <= least_s + 0.5


def test_tokens_that_an_answer_took_beyond_the_guess_slow_down_what_follows() -> None:
    async def work() -> float:
        flow = flow_of(tokens_per_minute=6000)
        turn = await flow.enter("k", 1)
        flow.note_answer(turn, 41, 0.0)
        flow.leave(turn)
        started = asyncio.get_running_loop().time()
        await flow.enter("k", 1)
        return asyncio.get_running_loop().time() - started

    assert run(work()) >= 0.3


def test_a_waiter_that_is_cancelled_takes_no_place_with_it() -> None:
    async def work() -> tuple[bool, bool]:
        flow = flow_of(max_in_flight=1)
        first = await flow.enter("k", 1)
        waiter = asyncio.ensure_future(flow.enter("k", 1))
        await asyncio.sleep(0)
        answer(flow, first)  # the place is given to the waiter, who is cancelled before it can take it
        waiter.cancel()
        await asyncio.gather(waiter, return_exceptions=True)
        return waiter.cancelled(), await is_held_back(flow)

    assert run(work()) == (True, False)


def test_stopping_frees_whoever_waits() -> None:
    async def work() -> None:
        flow = flow_of(max_in_flight=1)
        await flow.enter("k", 1)
        waiter = asyncio.ensure_future(flow.enter("k", 1))
        await asyncio.sleep(0)
        flow.stop()
        await waiter

    with pytest.raises(StoppedError):
        run(work())


def count_in_any_minute(starts: list[float]) -> int:
    return max(sum(1 for other in starts if start <= other < start + 60) for start in starts)


@pytest.mark.parametrize("late", [0.0, LATENESS_S / 2, 10.0])
def test_a_rate_is_kept_to_in_any_minute_and_used_up(late: float) -> None:
    """A thousand starts on a clock of our own, each somewhat later than allowed, or after long breaks."""
    rate, now, starts = Rate(600), 100.0, []
    for number in range(1800):
        now = max(now, rate.ready_at) + (late if number % 50 == 0 else 0)
        rate.take(1, now)
        starts.append(now)
    assert count_in_any_minute(starts) <= 600
    if late < 1:
        assert count_in_any_minute(starts) >= 598


def test_a_rate_is_put_right_when_a_request_took_more_than_expected() -> None:
    rate = Rate(60)
    rate.take(1, 100.0)
    before = rate.ready_at
    rate.correct(10)
    assert rate.ready_at - before == pytest.approx(10, rel=0.01)


def test_without_a_rate_nothing_waits() -> None:
    rate = Rate(None)
    rate.take(1e9, 100.0)
    assert rate.ready_at == 0
