"""The section `train`: which labels to learn, from what base, and how."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from distil.core.params import Number, Params

Epochs = Annotated[int, Field(ge=1)]


class TrainParams(Params):
    """How the student is trained; what a key without a comment here does, params.yaml says."""

    base: str = Field(min_length=1)
    recipe: Literal["auto", "fixed"] = "auto"
    rung: Literal["auto", "frozen", "fine_tuned"] = "auto"
    pooling: Literal["base", "mean"] = "base"  # what the head reads: as the base has it, or the mean of the tokens
    head_learning_rate: Annotated[Number, Field(gt=0)] | None = None  # of the new head; null: that of the rest
    targets: Literal["soft", "hard"] = "soft"
    min_agreement: Number = Field(default=0.0, ge=0, le=1)
    class_weights: Literal["none", "balanced"] = "none"
    label_smoothing: Number = Field(default=0.0, ge=0, lt=1)  # share of each answer, spread over all labels
    noise: Literal["keep", "drop", "reweight"] = "keep"
    suspects: Literal["none", "embeddings", "student"] = "embeddings"
    folds: int = Field(default=5, ge=2)
    epochs: Epochs | Annotated[list[Epochs], Field(min_length=2)] = 3
    batch_size: int = Field(default=16, ge=1)
    gradient_accumulation: int = Field(default=2, ge=1)
    learning_rate: Number = Field(default=1e-4, gt=0)
    schedule: Literal["linear", "cosine", "constant"] = "linear"  # of the learning rate, after warm-up: how it falls
    warmup_share: Number = Field(default=0.1, ge=0, lt=1)  # of the steps, in which the learning rate rises
    weight_decay: Number = Field(default=0.01, ge=0)
    max_grad_norm: Number = Field(default=1.0, gt=0)  # to which a longer gradient is cut
    max_length: Annotated[int, Field(ge=3)] | Literal["auto"] = 128  # tokens, special ones included
    freeze_word_embeddings: bool = True
    base_share: Annotated[Number, Field(ge=0, le=1)] | None = (
        None  # of the base's weights in the student (held_back.py)
    )
    recall_target: Annotated[Number, Field(gt=0, le=1)] | None = None  # spans: share of their words to be found
    dropout: Annotated[Number, Field(ge=0, lt=1)] | None = 0.0
    precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
    compile: bool = False  # torch.compile
    seeds: int = Field(default=1, ge=1)
    distill_ensemble: bool = False
    seed: int = Field(default=0, ge=0, lt=2**31)

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
