"""The section `report`: what page and model card show and say."""

from typing import Self

from pydantic import Field, model_validator

from distil.core.params import Params

OWN_TERMS = "other"  # the Hub's name for a licence that it has no name for
CONDITIONS = {"nc": "not for commercial use", "sa": "only under the same licence"}  # as Creative Commons names them


class CardParams(Params):
    """What the section `report` says for the model card; licences are identifiers that the Hub knows."""

    license: str = Field(min_length=1)  # of the student
    base_license: str = Field(min_length=1)  # of what it was fine-tuned from
    texts: str = Field(min_length=1)  # what the texts are, and where they are from
    texts_license: str = Field(min_length=1)
    dataset: str | None = Field(default=None, pattern=r"^[\w.-]+/[\w.-]+$")  # of the texts on the Hub, owner/name

    @model_validator(mode="after")
    def _check_conditions(self) -> Self:
        """Refuse a licence that drops a condition by name; what else a licence asks for is for its reader to judge."""
        for key in ("base_license", "texts_license"):
            lost = _conditions(getattr(self, key)) - _conditions(self.license)
            if lost and self.license != OWN_TERMS:
                described = ", ".join(CONDITIONS[name] for name in sorted(lost))
                raise ValueError(
                    f"license = {self.license!r} is looser than {key} = {getattr(self, key)!r} ({described}); "
                    f"take that one or {OWN_TERMS!r}"
                )
        return self


class ReportParams(CardParams):
    """The section `report`."""

    examples: int = Field(default=20, ge=0)  # disagreements to show, and changed labels of teacher and student each
    against: str | None = Field(default=None, min_length=1)  # a revision of git


def _conditions(license_id: str) -> set[str]:
    return set(CONDITIONS) & set(license_id.split("-"))
