"""Notice that answers which were paid for once are about to be paid for again."""

from collections.abc import Collection
from pathlib import Path

import yaml

from distil.errors import InputError
from distil.store import Store

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
    """The teachers behind endpoints that the stage's last finished run asked."""
    try:
        lock = yaml.safe_load(LOCK.read_text(encoding="utf-8")) or {}
        locked = lock.get("stages", {}).get(stage, {})
        section = locked.get("params", {}).get("params.yaml", {}).get(stage, {})
        if section.get("recording"):
            return set()
        listed = section.get("teachers") or [section.get("model")]
        teachers = [one if isinstance(one, dict) else {"model": one} for one in listed]
        return {one["model"] for one in teachers if one.get("server", section.get("server")) != "local"}
    except FileNotFoundError:
        return set()
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, yaml.YAMLError) as error:
        fault = " ".join(str(error).split())
    raise InputError(f"{LOCK} cannot be read ({fault}); 'git checkout {LOCK}' brings it back")
