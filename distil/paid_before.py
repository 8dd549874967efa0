"""Notice that answers which were paid for once are about to be paid for again."""

from pathlib import Path

import yaml

from distil.errors import InputError
from distil.store import Store

LOCK = Path("dvc.lock")


def refuse_to_pay_again(store: Store, stage: str, output: Path) -> None:
    """Raise `InputError` if the store is empty although DVC has a finished run of the stage on record."""
    if len(store) or not _is_on_record(stage):
        return
    raise InputError(
        f"the answer store {store.path} is empty, but {LOCK} records a finished {stage}: its answers would be paid for "
        f"again. Bring them back with 'dvc pull {output}' and 'distil store import {output}', or set "
        "runtime.pay_again: true to buy them anew"
    )


def _is_on_record(stage: str) -> bool:
    try:
        lock = yaml.safe_load(LOCK.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{LOCK} cannot be read ({error}); 'git checkout {LOCK}' brings it back") from None
    return isinstance(lock, dict) and stage in (lock.get("stages") or {})
