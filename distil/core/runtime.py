"""The machine at hand: the section `runtime`, the cores there are, and the user's cache folder.

The section says how this machine reaches the teacher and what it may use and spend. It belongs to no stage's `params`,
so editing it reruns nothing; nothing in it may change a tracked result.
"""

import os
from pathlib import Path
from typing import Any, Self

from platformdirs import user_cache_path
from pydantic import Field, model_validator

from distil.core.params import Number, Params


class EndpointParams(Params):
    """Where one model is served, if it is not at `runtime.base_url`."""

    base_url: str
    api_key_env: str | None = None


class HfEndpointParams(Params):
    """A dedicated Inference Endpoint of Hugging Face, which is paid by the hour while it is up."""

    name: str = Field(pattern=r"^[\w-]+$")
    namespace: str | None = Field(default=None, pattern=r"^[\w.-]+$")  # user or organization; null: the token's user
    pause_after: bool = True  # also if it was up before the run
    ready_within_s: Number = Field(default=1800.0, gt=0)  # the longest to wait until it is up


class RuntimeParams(Params):
    """Endpoint, patience, budget and hardware of the machine at hand."""

    base_url: str | None = None  # of an OpenAI-compatible API (ends in /v1) or of TGI
    api_key_env: str | None = None  # name of the environment variable that holds the key
    endpoints: dict[str, EndpointParams] = Field(default_factory=dict)  # by model, where they differ
    hf_endpoint: HfEndpointParams | None = None  # in place of base_url: resumed for the run
    max_in_flight: int = Field(default=16, ge=1)  # requests at once; fewer while the endpoint cannot take as many
    requests_per_minute: Number | None = Field(default=None, gt=0)
    tokens_per_minute: Number | None = Field(default=None, gt=0)  # input and output together
    timeout_s: Number = Field(default=120.0, gt=0)
    max_reply_mb: Number = Field(default=2.0, gt=0)  # of a reply, unpacked; the request of a longer one fails
    max_retries: int = Field(default=6, ge=0)  # of a request, and of the endpoint as a whole when nothing gets through
    retry_wait_s: Number = Field(default=0.5, ge=0)  # before the first retry; doubles, with jitter
    patience_s: Number = Field(default=900.0, gt=0)  # the longest that an endpoint may make the run wait by its limits
    budget_usd: Number | None = Field(default=None, gt=0)  # for all answers of a stage, those in the store included
    pay_again: bool = False  # ask a priced endpoint although a finished annotate is on record and the store is empty
    device: str = "auto"  # auto, cpu, cuda, cuda:1, mps
    threads: int | None = Field(default=None, ge=1)  # null: all cores
    threads_per_batch: int = Field(default=1, ge=1)  # of the ONNX student
    spinning: bool = False  # whether the threads of a batch wait busily for each other
    report_to: list[str] = Field(default_factory=list)  # where training logs to, as transformers names it: dvclive, ...

    @model_validator(mode="after")
    def _check_address(self) -> Self:
        if self.base_url and self.hf_endpoint:
            raise ValueError("base_url and hf_endpoint exclude each other: the endpoint's address is asked of its name")
        return self

    @property
    def most_bytes(self) -> int:
        """How long a reply may be."""
        return int(self.max_reply_mb * 1e6)

    @property
    def threading(self) -> dict[str, Any]:
        """How the ONNX student uses the cores, in the arguments of `OnnxClassifier`."""
        return self.model_dump(include={"threads", "threads_per_batch", "spinning"})

    def address_of(self, model: str) -> str | None:
        """The base URL of a model's API."""
        own = self.endpoints.get(model)
        return own.base_url if own else self.base_url

    def is_asleep(self, model: str) -> bool:
        """Whether a model is served by `hf_endpoint`, which has no address before it is up."""
        return self.hf_endpoint is not None and self.base_url is None and model not in self.endpoints

    def at(self, base_url: str) -> Self:
        """The same for what `hf_endpoint` serves, awake at an address; of `endpoints`, which are others, nothing.

        `base_url` beside `hf_endpoint`, which nobody can write, is the address that the Hub's API told.
        """
        return self.model_copy(update={"base_url": base_url, "endpoints": {}})


def count_cores() -> int:
    """The cores that this process may use, which in a container can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cache_folder() -> Path:
    """Return distil's own folder in the user's cache; the environment variable DISTIL_CACHE moves it as a whole."""
    moved = os.environ.get("DISTIL_CACHE")
    return Path(moved).expanduser().absolute() if moved else user_cache_path("distil", appauthor=False)
