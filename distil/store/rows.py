"""What the store takes for an answer: one form for its own rows and for files of answers, whoever wrote them."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import ConfigDict, Field, InstanceOf, Strict, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # that of typing is not what pydantic takes before Python 3.12

from distil.forms.answers import Answer

Finite = Annotated[float, Field(allow_inf_nan=False)]
MOST_S = 1e11  # seconds, some 3,000 years
Moment = Annotated[float, Field(ge=0, lt=MOST_S)]  # unix seconds
Span = Annotated[float, Field(ge=0, lt=MOST_S)]  # seconds
Text = InstanceOf[str]  # any string of JSON, also one that UTF-8 cannot hold
Count = Annotated[int, Field(ge=0, lt=2**63)]
Pair = Annotated[tuple[Text, Finite], Strict(False)]  # JSON has lists for tuples
STRICT = ConfigDict(strict=True, extra="forbid")


class AnswerFields(TypedDict, total=False):
    """The fields of an `Answer`, as JSON has them."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    reply: Text | None
    finish_reason: Text | None
    refused: bool
    top_logprobs: Annotated[tuple[Pair, ...], Strict(False)] | None
    input_tokens: Count | None
    cached_tokens: Count | None
    output_tokens: Count | None
    reasoning_tokens: Count | None


ANSWER = TypeAdapter(AnswerFields)
KEY_AND_HOW = TypeAdapter(  # key, teacher, run, sent_at, received_at, retries
    tuple[str, str, str | None, Moment | None, Moment | None, Count], config=ConfigDict(strict=True)
)


def read_answer(line: str) -> Answer:
    """Read what `Answer.to_json` wrote; raises `ValueError`, `TypeError` or `RecursionError` for anything else."""
    return make_answer(ANSWER.validate_python(json.loads(line)))


def make_answer(fields: Mapping[str, Any]) -> Answer:
    """The answer of fields that are sound."""
    return Answer(**{"reply": None, **fields})


def check_how(key: Any, how: Sequence[Any]) -> None:
    """Raise `ValueError` if a row's key, or one of its other columns, is not of its kind."""
    KEY_AND_HOW.validate_python((key, *how))


def explain(error: Exception) -> str:
    """Why something is no answer, in a few words."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if not isinstance(error, ValidationError):
        return f"not JSON: {error}"
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else "not an object"
