"""The section `gates`: what a study has to reach before one merges it. No stage reads it, so an edit reruns nothing."""

from typing import Self

from pydantic import Field, model_validator

from distil.core.params import Number, Params


class GateParams(Params):
    """The limits; those left out, or null, are not checked. Scores are those of the served file on test rows."""

    min_student_score: Number | None = Field(default=None, ge=0, le=1)  # accuracy, or micro F1, by people's labels
    max_points_below_teacher: Number | None = Field(default=None, ge=0, le=100)  # at the lower end of the interval
    min_points_above_baseline: Number | None = Field(default=None, ge=-100, le=100)  # over the best of them
    max_abstained_share: Number | None = Field(default=None, ge=0, le=1)  # of the texts, left without a label
    max_usd_per_million: Number | None = Field(default=None, ge=0)  # texts, by the student
    min_times_pipeline: Number | None = Field(default=None, ge=0)  # texts a second, to the transformers pipeline's

    @model_validator(mode="after")
    def _check_any(self) -> Self:
        if not self.list_set():
            raise ValueError(
                f"no gate is set, so nothing would be checked; set some of {', '.join(type(self).model_fields)}"
            )
        return self

    def list_set(self) -> dict[str, float]:
        """The limits that are set, by name."""
        return {name: limit for name in type(self).model_fields if (limit := getattr(self, name)) is not None}
