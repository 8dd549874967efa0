"""Notice that answers which were paid for once are about to be paid for again."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, Field, ValidationError

from distil.errors import InputError
from distil.store import Store

LOCK = Path("dvc.lock")


class LockedTeacher(BaseModel):
    """One of several teachers, as dvc.lock has it."""

    model: str
    server: str | None = None


class LockedSection(BaseModel):
    """Who was asked, of a stage's section of params.yaml as dvc.lock has it."""

    model: str | None = None
    teachers: list[str | LockedTeacher] | None = None
    server: str = "endpoint"
    recording: dict[str, Any] | None = None

    def asked_elsewhere(self) -> set[str]:
        """The names of the teachers that were behind an endpoint."""
        if self.recording is not None:
            return set()
        named = [LockedTeacher(model=one) if isinstance(one, str) else one for one in self.teachers or []]
        if self.model is not None:
            named.append(LockedTeacher(model=self.model))
        return {one.model for one in named if (one.server or self.server) != "local"}


class LockedStage(BaseModel):
    """A stage's params of each file, by section."""

    params: dict[str, dict[str, Any]] = Field(default_factory=dict)


class Lock(BaseModel):
    """The stages that ran to their end."""

    stages: dict[str, Any] = Field(default_factory=dict)


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
        lock = Lock.model_validate(yaml.safe_load(LOCK.read_text(encoding="utf-8")) or {})
        locked = LockedStage.model_validate(lock.stages.get(stage, {}))
        section = locked.params.get("params.yaml", {}).get(stage, {})
        return LockedSection.model_validate(section).asked_elsewhere()
    except FileNotFoundError:
        return set()
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        fault = f"{place}: {first['msg']}" if place else first["msg"]
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        fault = " ".join(str(error).split())
    raise InputError(f"{LOCK} cannot be read ({fault}); 'git checkout {LOCK}' brings it back")
