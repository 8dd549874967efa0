"""Cut texts into batches of like length, so that little of a batch is padding."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray


def batch_by_length(lengths: Sequence[int], size: int) -> Iterator[NDArray[np.intp]]:
    """Yield the positions of at most `size` texts at a time, the longest first, so that memory peaks at the start."""
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
    for start in range(0, len(order), size):
        yield order[start : start + size]
