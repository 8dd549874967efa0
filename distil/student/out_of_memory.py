"""Tell in one line that memory ran out, and which knob helps."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from distil.core.errors import InputError

SIGNS = ("out of memory", "allocate memory", "not enough memory")  # CUDA and MPS; CPU on Linux; CPU on Windows


@contextmanager
def explain_out_of_memory(device: torch.device, explain: Callable[[], str]) -> Iterator[None]:
    """Turn what torch raises when memory runs out into an `InputError`; `explain` says where, and what to do."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not isinstance(error, MemoryError) and not any(sign in str(error) for sign in SIGNS):
            raise
        raise InputError(f"train: out of memory on {device} {explain()}") from None
