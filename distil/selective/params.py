"""The section `cascade`: the target that student and teacher have to reach together, and the risk of missing it."""

from typing import NamedTuple, Self

from pydantic import Field, model_validator

from distil.core.errors import InputError
from distil.core.params import PARAMS_FILE, Number, Params

TARGETS = ("accuracy", "agreement", "usd_per_million")
EXAMPLE = "agreement: 0.97"


class Target(NamedTuple):
    """What is to hold: the name of a target, and its value."""

    name: str
    value: float

    def __str__(self) -> str:
        return f"{self.name} {self.value:g}"


class CascadeParams(Params):
    """The target, which is one of three, and how likely it may be missed; nothing at all means no cascade."""

    accuracy: Number | None = Field(default=None, gt=0, lt=1)  # at least: share of the texts with people's label
    agreement: Number | None = Field(default=None, gt=0, lt=1)  # at least: share of the texts with the teacher's label
    usd_per_million: Number | None = Field(default=None, gt=0)  # at most: what the teacher takes for a million texts
    risk: Number = Field(default=0.05, gt=0, lt=1)  # of missing the target, by the draw of the calibration rows

    @model_validator(mode="after")
    def _check_target(self) -> Self:
        named = [name for name in TARGETS if getattr(self, name) is not None]
        if len(named) > 1:
            raise ValueError(f"{' and '.join(named)} exclude each other: keep one target")
        if self.model_fields_set and not named:
            raise ValueError(f"it names no target: give one of {', '.join(TARGETS)}, or take the section out")
        return self

    @property
    def target(self) -> Target | None:
        """The target; null where no cascade is asked for."""
        return next((Target(name, value) for name in TARGETS if (value := getattr(self, name)) is not None), None)

    def check_rows(self, calibration_share: float) -> None:
        """Raise `InputError` if there is a target, and no row to choose a threshold on."""
        if self.target and not calibration_share:
            raise InputError(
                f"{PARAMS_FILE}: cascade.{self.target.name} = {self.target.value:g} needs rows of its own to choose a "
                "threshold on, and split.calibration_share is 0; give a share such as 0.2, or set cascade: null"
            )

    def check_gold(self, rows_with_gold: int) -> None:
        """Raise `InputError` if the target is accuracy, and there is no row with people's label to know it by."""
        if self.accuracy is not None and not rows_with_gold:
            raise InputError(
                f"{PARAMS_FILE}: cascade.accuracy = {self.accuracy:g} needs calibration rows that people labelled, "
                "and there are none; set agreement in its place, or bring gold labels"
            )
