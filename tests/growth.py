"""How work grows with what is given: tells what takes time in proportion from what takes its square."""

import time
from collections.abc import Callable

TIMES_AS_MUCH = 8
MOST = 24  # in proportion it is 8, with the square 64: noise may make it three times either
SHORTEST_S = 0.001  # below it the clock and the warming up count for more than the work


def grows_in_proportion(work: Callable[[int], object], most: int) -> bool:
    """Whether `work` on `most` takes less than 24 times the CPU of an eighth of it, the better of two each, in turn."""
    took = [(_seconds(work, most // TIMES_AS_MUCH), _seconds(work, most)) for _ in range(2)]
    less, more = min(less for less, _ in took), min(more for _, more in took)
    return more < MOST * max(less, SHORTEST_S)


def _seconds(work: Callable[[int], object], size: int) -> float:
    began = time.process_time()
    work(size)
    return time.process_time() - began
