"""Answers that a teacher gave earlier, read from a table and given again."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pandas as pd

from distil.core.errors import InputError
from distil.forms.answers import Answer
from distil.prompting.params import RecordingParams
from distil.prompting.requests import Request
from distil.teacher.answerer import Asked, FailedRequestError
from distil.teacher.counting import TokenCounter


class Recording:
    """Answers by text and vote, from csv files with a header.

    The reply of a vote is a JSON object made of the columns that `annotate.recording.votes` lists for it. A `counter`
    counts the tokens of prompt and reply; a reply of one column is taken to have been that word, without JSON.
    """

    def __init__(self, params: RecordingParams, files: list[Path], counter: TokenCounter | None = None) -> None:
        self._votes = params.votes
        self._counter = counter
        columns = {params.text, *(column for vote in params.votes for column in vote.values())}
        tables = [_read_table(file, columns) for file in files]
        table = pd.concat(tables).drop_duplicates(params.text).set_index(params.text)
        self._rows: dict[Any, dict[Any, str]] = table.to_dict(orient="index")

    pause_s = 0.0

    async def ask(self, request: Request) -> Asked:
        """Return the recorded answer; raises `FailedRequestError` for a text that is not in the recording."""
        await asyncio.sleep(0)  # let Ctrl-C through
        row = self._rows.get(request.text)
        if row is None:
            raise FailedRequestError(f"the recording has no text {request.text[:60]!r}", rejected=True)
        reply = {key: row[column] for key, column in self._votes[request.vote - 1].items()}
        written = json.dumps(reply, ensure_ascii=False)
        if self._counter is None:
            return Asked(Answer(reply=written, finish_reason="stop"))
        tokens_in = self._counter.count_messages(request.messages)
        tokens_out = self._counter.count_text(written if len(reply) > 1 else "".join(reply.values()))
        return Asked(Answer(written, finish_reason="stop", input_tokens=tokens_in, output_tokens=tokens_out))

    def __contains__(self, text: str) -> bool:
        """Whether the recording has an answer to a text."""
        return text in self._rows

    def stop(self) -> None:
        """Nothing is under way."""


def _read_table(file: Path, columns: set[str]) -> pd.DataFrame:
    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8")
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(f"the recording {file} cannot be read as csv: {error}") from None
    missing = columns - set(table.columns)
    if missing:
        raise InputError(
            f"the recording {file} has no column {', '.join(sorted(missing))} (annotate.recording); "
            f"it has: {', '.join(table.columns)}"
        )
    return table
