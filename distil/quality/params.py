"""The section `evaluate`: the baselines, and how scores are reckoned."""

from pydantic import Field

from distil.core.params import Number, Params


class EvaluateParams(Params):
    """The encoder and the rows of the baselines, and how scores are reckoned."""

    embeddings: str = Field(min_length=1)
    bootstrap_samples: int = Field(default=2000, ge=100)
    confidence: Number = Field(default=0.95, gt=0, lt=1)  # of all intervals
    teacher_margin: Number = Field(default=0.05, ge=0, lt=1)  # of the score, that a student may be behind, unwarned
    few_shot_per_label: int = Field(default=16, ge=0)
    calibration_bins: int = Field(default=15, ge=1)  # of equal width, for the expected calibration error
    seed: int = Field(default=0, ge=0, lt=2**31)
