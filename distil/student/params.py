"""The section `train`: which labels to learn, from what base, and how."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from distil.core.params import Number, Params

Epochs = Annotated[int, Field(ge=1)]


class TrainParams(Params):
    """How the student is trained; the comments in params.yaml say what each key does."""

    base: str = Field(min_length=1)
    targets: Literal["soft", "hard"]
    min_agreement: Number = Field(ge=0, le=1)
    class_weights: Literal["none", "balanced"]
    label_smoothing: Number = Field(ge=0, lt=1)
    noise: Literal["keep", "drop", "reweight"]
    suspects: Literal["none", "embeddings", "student"]
    folds: int = Field(ge=2)
    epochs: Epochs | Annotated[list[Epochs], Field(min_length=2)]
    batch_size: int = Field(ge=1)
    gradient_accumulation: int = Field(ge=1)
    learning_rate: Number = Field(gt=0)
    schedule: Literal["linear", "cosine", "constant"]
    warmup_share: Number = Field(ge=0, lt=1)
    weight_decay: Number = Field(ge=0)
    max_grad_norm: Number = Field(gt=0)
    max_length: Annotated[int, Field(ge=3)] | Literal["auto"]  # tokens, special ones included
    freeze_word_embeddings: bool
    dropout: Annotated[Number, Field(ge=0, lt=1)] | None
    precision: Literal["auto", "bf16", "fp16", "fp32"]
    compile: bool
    seeds: int = Field(ge=1)
    distill_ensemble: bool
    seed: int = Field(ge=0)

    @model_validator(mode="after")
    def _check_together(self) -> "TrainParams":
        if self.batch_size % self.gradient_accumulation:
            raise ValueError(
                f"batch_size {self.batch_size} is no multiple of gradient_accumulation {self.gradient_accumulation}"
            )
        if self.noise != "keep" and self.suspects == "none":
            raise ValueError(f"noise: {self.noise} acts on suspects; write suspects: embeddings or student")
        if self.distill_ensemble and self.seeds < 2:
            raise ValueError("distill_ensemble needs seeds of 2 or more")
        return self
