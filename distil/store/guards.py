"""What keeps answers from being paid for twice: a store that lost them is noticed, and a second run waits."""

import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from filelock import BaseFileLock, FileLock, Timeout

from distil.core.errors import InputError
from distil.core.yaml_files import load_yaml
from distil.prompting.requests import Plan
from distil.store.answer_store import Store

LOCK = Path("dvc.lock")


def refuse_to_pay_again(store: Store, stage: str, output: Path, teachers: Collection[str]) -> None:
    """Raise `InputError` if a finished run had one of the paid teachers asked, of whom the store has no answer.

    So a study that somebody else finished with other teachers stands in nobody's way. A dvc.lock that cannot be read
    is an `InputError` too.
    """
    strange = set(teachers) - store.teachers() if teachers else set()
    again = sorted(strange & _asked_on_record(stage)) if strange else []
    if again:
        raise InputError(
            f"the answer store {store.path} holds no answer of {again[0]}, but {LOCK} records a finished {stage} with "
            f"it: its answers would be paid for again. Bring them back with 'dvc pull {output}' and 'distil store "
            f"import {output}', or set runtime.pay_again: true to buy them anew"
        )


def _asked_on_record(stage: str) -> set[str]:
    """The teachers behind endpoints that the stage's last finished run asked: annotate's, or compare's candidates."""
    try:
        lock = load_yaml(LOCK.read_text(encoding="utf-8")) or {}
        sections = lock.get("stages", {}).get(stage, {}).get("params", {}).get("params.yaml", {})
        section = sections.get("annotate", {})
        asked = [_change(section, one) for one in section.get("teachers") or [section.get("model")]]
        if stage != "annotate":
            own = {one["model"]: one for one in asked}
            candidates = sections.get(stage, {}).get("candidates") or []
            asked = [_change(own.get(one.get("model", section.get("model")), section), one) for one in candidates]
        return {one["model"] for one in asked if one.get("server") != "local" and not one.get("recording")}
    except FileNotFoundError:
        return set()
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        fault = " ".join(str(error).split())
    raise InputError(f"{LOCK} cannot be read ({fault}); 'git checkout {LOCK}' brings it back")


def _change(section: dict[str, Any], own: dict[str, Any] | str | None) -> dict[str, Any]:
    """A section on record as it reads for one model, as `AnnotateParams.change` has it; unchecked, it may be old."""
    own = own if isinstance(own, dict) else {"model": own}
    if own.get("protocol", "recorded") != "recorded":
        section = section | {"recording": None}
    return section | own


@contextmanager
def one_run_at_a_time(store: Store, plans: Sequence[Plan], stage: str, *, wait: bool = True) -> Iterator[None]:
    """Wait until no other run asks a teacher of these the same of texts on this store; nothing is asked twice so.

    There is a lock for each plan, and all runs take theirs in one order, so that none waits for one that waits for it.
    Raises `filelock.Timeout` where another run does, and this shall not `wait` for it.
    """
    with ExitStack() as locks:
        for name in sorted({plan.request("", 1).key[:16] for plan in plans}):
            lock = FileLock(store.path.with_name(f"{store.path.name}.{name}.lock"))
            try:
                if wait:
                    _wait_for(lock, stage)
                else:
                    lock.acquire(blocking=False)
            except Timeout:  # which is an OSError too
                raise
            except OSError as error:
                raise InputError(
                    f"the folder of the answer store {store.path} cannot be written ({error.strerror}); mend its "
                    "rights, or name another file in DISTIL_STORE"
                ) from None
            locks.callback(lock.release)
        yield


def _wait_for(lock: BaseFileLock, stage: str) -> None:
    try:
        lock.acquire(blocking=False)
    except Timeout:
        print(f"{stage}: waiting for another run that asks the same", file=sys.stderr)
        lock.acquire()
