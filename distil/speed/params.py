"""The section `benchmark`: how long to measure, and on what."""

from typing import Annotated

from pydantic import Field

from distil.core.params import Number, Params

Load = Annotated[Number, Field(gt=0, lt=1)]


class BenchmarkParams(Params):
    """How long and on what to measure."""

    rounds: int = Field(default=3, ge=1)
    texts: int = Field(default=400, ge=1)  # of the test set, at most; but offline, which takes all of them
    seconds: Number = Field(default=3.0, gt=0)  # a system, one by one, and at least offline; in all rounds together
    offline_texts: int = Field(default=2000, ge=1)  # in one call
    offline_seconds: Number = Field(default=15.0, gt=0)  # what a call of each round may take, together
    pipeline_batch_size: int = Field(default=8, ge=1)  # offline, for the transformers pipeline
    batch_sizes: list[Annotated[int, Field(ge=1)]] = Field(default=[1, 8, 32, 128], min_length=1)
    batch_seconds: Number = Field(default=1.0, gt=0)  # for each system and size, in all rounds together
    server_loads: list[Load] = Field(default=[0.3, 0.5, 0.7, 0.85], min_length=1)  # shares of the rate one by one
    server_seconds: Number = Field(default=10.0, gt=0)  # at each load
    latency_limit_ms: Number = Field(default=50.0, gt=0)
    seed: int = Field(default=0, ge=0)
