"""What the store takes for an answer: one form for its own rows and for files of answers, whoever wrote them."""

import json
from typing import Annotated

from pydantic import Field, InstanceOf, Strict, ValidationError

from distil.core.params import Params
from distil.prompting.answers import Answer

Finite = Annotated[float, Field(allow_inf_nan=False)]
Moment = Annotated[float, Field(ge=0, lt=1e11)]  # unix seconds
Text = InstanceOf[str]  # any string of JSON, also one that UTF-8 cannot hold
Count = Annotated[int, Field(ge=0, lt=2**63)]
Pair = Annotated[tuple[Text, Finite], Strict(False)]  # JSON has lists for tuples


class AnswerFields(Params):
    """The fields of an `Answer`, as JSON has them."""

    reply: Text | None = None
    finish_reason: Text | None = None
    refused: bool = False
    top_logprobs: Annotated[tuple[Pair, ...], Strict(False)] | None = None
    input_tokens: Count | None = None
    cached_tokens: Count | None = None
    output_tokens: Count | None = None
    reasoning_tokens: Count | None = None


class Row(Params):
    """A request's key and how its answer came, as the columns of the store have it; see `Stored`."""

    key: str
    teacher: str
    run: str | None
    sent_at: Moment | None
    received_at: Moment | None
    retries: Count


def read_answer(line: str) -> Answer:
    """Read what `Answer.to_json` wrote; raises `ValueError` or `RecursionError` for anything else."""
    return Answer(**dict(AnswerFields.model_validate(json.loads(line))))


def explain(error: Exception) -> str:
    """Why something is no answer, in a few words."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if not isinstance(error, ValidationError):
        return f"not JSON: {error}"
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else "not an object"
