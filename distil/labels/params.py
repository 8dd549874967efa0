"""The sections `aggregate` and `split`: how votes become a label, and how rows are divided."""

from typing import Annotated, Literal

from pydantic import Field

from distil.core.params import Number, Params

Share = Annotated[Number, Field(ge=0, le=1)]


class AggregateParams(Params):
    """How votes become a label."""

    calibrate: bool = True  # scores only
    min_agreement: Number = Field(default=0.0, ge=0, le=1)  # share of the votes, or calibrated probability, that wins
    label_shares: dict[str, Share] = Field(default_factory=dict)  # of the texts with an answer, as they are expected


class SplitParams(Params):
    """How rows are divided."""

    test_share: Number = Field(default=0.2, gt=0, lt=1)
    validation_share: Number = Field(default=0.1, ge=0, lt=1)
    calibration_share: Number = Field(default=0, ge=0, lt=1)  # of what is neither: to choose a cascade's threshold on
    salt: str = "distil"
    near_duplicates: Literal["keep", "together"] = "keep"  # keep: where the hash puts each | together: on one side
