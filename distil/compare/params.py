"""The section `compare`: candidates for the teacher, what is asked of each, and the rows that all of them label.

What a candidate does not name it takes from the section `annotate`, or from the teacher of that model in
`annotate.teachers`.
"""

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator

from distil.core.errors import InputError
from distil.core.params import PARAMS_FILE, Number, Params
from distil.prompting.params import ONE_RECORDING, AnnotateParams, OwnParams, Votes, explain_first

OF_COMPARE_ALONE = {"name", "published"}  # of a candidate's keys


class PublishedParams(Params):
    """What somebody published of a candidate, to stand beside what is measured here."""

    accuracy: Number = Field(ge=0, le=1)
    difference: str | None = None  # why it is not what is measured here, in words


class CandidateParams(OwnParams):
    """One candidate: a name of its own, and what is asked of it otherwise than of the study's teacher."""

    name: str = Field(min_length=1)
    prompt: str | None = None
    model: str | None = None
    method: Literal["score", "generate"] | None = None
    votes: Votes | None = None
    top_logprobs: int | None = Field(default=None, ge=2)
    published: PublishedParams | None = None


class CompareParams(Params):
    """The candidates, and the rows that they label: dev, test, gold, or a pinned csv with a column id or text."""

    rows: str = Field(default="dev", min_length=1)
    candidates: list[CandidateParams] = Field(default_factory=list)

    @field_validator("candidates")
    @classmethod
    def _check_names(cls, candidates: list[CandidateParams]) -> list[CandidateParams]:
        names = [candidate.name for candidate in candidates]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"the name {twice!r} stands twice; give each candidate its own")
        return candidates


def list_candidates(params: CompareParams, annotate: AnnotateParams) -> dict[str, AnnotateParams]:
    """The section `annotate` as it reads for each candidate, by its name.

    Raises `InputError` with the candidate's place if it cannot be asked so, has another model's recording, or would
    get the same answers as one before it.
    """
    found: dict[str, AnnotateParams] = {}
    for number, candidate in enumerate(params.candidates):
        try:
            section = _complete(candidate, annotate)
            _check_answers(section, found)
        except (ValidationError, ValueError) as error:
            problem = explain_first(error) if isinstance(error, ValidationError) else str(error)
            place = f"{PARAMS_FILE}: compare.candidates.{number} ({candidate.name})"
            raise InputError(f"{place}: {problem}") from None
        found[candidate.name] = section
    return found


def find_chosen(candidates: Mapping[str, AnnotateParams], annotate: AnnotateParams) -> str | None:
    """The candidate that is asked what `annotate` asks of its one teacher; None if there is none."""
    asked = _identify(annotate) if annotate.teachers is None else None
    return next((name for name, section in candidates.items() if _identify(section) == asked), None)


def _complete(candidate: CandidateParams, annotate: AnnotateParams) -> AnnotateParams:
    own = candidate.model_dump(exclude_unset=True, exclude=OF_COMPARE_ALONE)
    model = own.get("model", annotate.model)
    if model is None:
        raise ValueError("it names no model, and annotate has several teachers; name one")
    base = next((alone for alone in annotate.each_teacher() if alone.model == model), annotate)
    section = base.change({"model": model} | own)
    if section.recording and "recording" not in own and model != base.model:
        raise ValueError(
            f"annotate.recording has what {base.model} answered, not {model}; give it a recording of its own, or a "
            "protocol to ask it by"
        )
    return section


def _check_answers(section: AnnotateParams, others: Mapping[str, AnnotateParams]) -> None:
    """Refuse what would get the same answers as another candidate, and pass for a comparison."""
    for name, other in others.items():
        if _identify(section) == _identify(other):
            raise ValueError(f"it asks the same as {name!r}, so it would get the same answers; change or drop one")
        if section.recording and section.recording == other.recording and section.model != other.model:
            raise ValueError(f"{section.model} and {other.model} ({name!r}) have {ONE_RECORDING}")


def _identify(section: AnnotateParams) -> str:
    """What the labels depend on: of a recording nothing but itself and the number of votes."""
    fields: dict[str, Any] = section.model_dump(exclude={"max_failed_share", "teachers"})
    if section.recording:
        fields = {key: fields[key] for key in ("recording", "votes")}
    return json.dumps(fields, sort_keys=True)
