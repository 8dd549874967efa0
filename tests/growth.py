"""How work grows with what is given: tells what takes time in proportion from what takes its square."""

import time
from collections.abc import Callable

TIMES_AS_MUCH = 4
MOST = 10  # in proportion it is 4, with the square 16
SHORTEST_S = 0.001  # below it the clock and the warming up count for more than the work


def grows_in_proportion(work: Callable[[int], object], size: int) -> bool:
    """Whether `work` on four times `size` takes less than ten times the CPU, the best of three each, in one run."""
    return _seconds(work, TIMES_AS_MUCH * size) < MOST * max(_seconds(work, size), SHORTEST_S)


def _seconds(work: Callable[[int], object], size: int) -> float:
    took = []
    for _ in range(3):
        began = time.process_time()
        work(size)
        took.append(time.process_time() - began)
    return min(took)
