"""The section `runtime`: how this machine reaches the teacher and what it may use.

It belongs to no stage's `params`, so editing it reruns nothing; nothing in it may change a tracked result.
"""

from pydantic import Field

from distil.params import Number, Params


class RuntimeParams(Params):
    """Endpoint, patience and hardware of the machine at hand."""

    base_url: str | None = None  # of an OpenAI-compatible API (ends in /v1) or of TGI
    api_key_env: str | None = None  # name of the environment variable that holds the key
    max_in_flight: int = Field(default=16, ge=1)
    timeout_s: Number = Field(default=120.0, gt=0)
    max_retries: int = Field(default=6, ge=0)
    retry_wait_s: Number = Field(default=0.5, ge=0)  # before the first retry; doubles, with jitter
    device: str = "auto"  # auto, cpu, cuda, cuda:1, mps
    threads: int | None = Field(default=None, ge=1)  # null: all cores
