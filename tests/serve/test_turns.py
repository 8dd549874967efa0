"""The lock that a server shares with annotate and predict: given to them now and then, and no reply keeps texts out."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from distil.annotate.questions import make_plans
from distil.cascade.turns import REST_S, Turns
from distil.core.params import TaskParams
from distil.prompting.params import AnnotateParams
from distil.store.guards import one_run_at_a_time
from distil.store.opening import open_store

SOON_S = 20
Make = Callable[[float, float], Turns]


@pytest.fixture
def make_turns(tmp_path: Path) -> Iterator[tuple[Make, Callable[[], None]]]:
    """Turns of so many seconds, and what waits for the lock as another run does."""
    (tmp_path / "ask.md").write_text("Is it {labels}?\nText: {text}\n")
    told = {"name": "reviews", "description": "Of shops", "language": "en", "labels": ["negative", "positive"]}
    task = TaskParams.model_validate(told)
    params = AnnotateParams.model_validate(
        {"prompt": str(tmp_path / "ask.md"), "method": "generate", "protocol": "chat", "model": "toy", "max_tokens": 9}
    )
    plans = make_plans(task, params, tmp_path)
    with open_store(tmp_path / "answers.sqlite") as store:

        def wait_as_another() -> None:
            with one_run_at_a_time(store, plans, "annotate"):
                pass

        yield lambda turn_s, drain_s: Turns(store, plans, "serve", turn_s, drain_s), wait_as_another


def test_a_reply_that_hangs_keeps_no_other_text_out(make_turns: tuple[Make, Callable[[], None]]) -> None:
    async def go() -> None:
        turns = make_turns[0](0.05, 0.1)
        async with turns.take():
            for _ in range(3):
                await asyncio.sleep(0.06)
                async with asyncio.timeout(SOON_S), turns.take():
                    assert turns.inside == 2
        assert turns.inside == 0

    asyncio.run(go())


@pytest.mark.parametrize("at_once", [1, 3])
def test_another_run_gets_the_lock_between_texts_that_keep_coming(
    make_turns: tuple[Make, Callable[[], None]], at_once: int
) -> None:
    async def go() -> None:
        turns = make_turns[0](REST_S * 2, SOON_S)
        other = asyncio.create_task(asyncio.to_thread(make_turns[1]))

        async def keep_asking() -> None:
            while not other.done():
                async with turns.take():
                    await asyncio.sleep(0.03)

        async with asyncio.timeout(SOON_S):
            await asyncio.gather(*(keep_asking() for _ in range(at_once)))
        await other  # which raises what it ended with, if it did not get the lock

    asyncio.run(go())


def test_texts_wait_without_holding_up_the_loop_while_another_run_has_the_lock(
    make_turns: tuple[Make, Callable[[], None]],
) -> None:
    async def go() -> None:
        one, other = make_turns[0](1, 1), make_turns[0](1, 1)
        async with one.take():
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1), other.take():
                    pass
        async with asyncio.timeout(SOON_S), other.take():
            assert other.inside == 1

    asyncio.run(go())
