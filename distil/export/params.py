"""The section `export`: which files to write of the student, and how far they may stray from it."""

from typing import Literal

from pydantic import Field

from distil.core.params import Number, Params

Int8Target = Literal["portable", "vnni"]


class ExportParams(Params):
    """What to build, and how far it may stray."""

    int8_target: Int8Target = "portable"
    fp16: bool = False
    unlike: bool = False  # keep what tells texts that are unlike the training texts
    opset: int = Field(default=20, ge=18)  # 20: the first that has GELU as one operator
    max_logit_difference: Number = Field(default=1e-4, gt=0)  # fp32 against torch, on all texts; more fails the stage
    min_label_agreement: Number = Field(default=0.97, ge=0, le=1)  # of int8 and fp16 with fp32
