"""One run at a time for what is asked: a second one waits, and then finds the answers in the store."""

import hashlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from filelock import FileLock, Timeout

from distil.plan import Plan
from distil.store import Store


@contextmanager
def one_run_at_a_time(store: Store, plans: Sequence[Plan]) -> Iterator[None]:
    """Wait until no other run asks the same teachers the same of texts on this store; nothing is asked twice so."""
    asked = " ".join(sorted(plan.request("", 1).key for plan in plans))
    name = hashlib.sha256(asked.encode()).hexdigest()[:16]
    lock = FileLock(store.path.with_name(f"{store.path.name}.{name}.lock"))
    try:
        lock.acquire(blocking=False)
    except Timeout:
        print("annotate: waiting for another run that asks the same", file=sys.stderr)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
