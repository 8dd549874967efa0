"""Turn stored answers into rows of annotations, and count them."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from distil.forms.answers import Answer
from distil.forms.labels import LabelForm
from distil.forms.reading import CUT_OFF, Reading
from distil.prompting.label_logprobs import find_label_logprobs
from distil.prompting.params import STAND_IN, RecordingParams
from distil.prompting.requests import Plan, Request
from distil.teacher.counting import name_tokenizer

TOKEN_COUNTS = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")


def describe_counting(recording: RecordingParams | None) -> dict[str, Any]:
    """Under `counted`: what counts a recording's tokens, and whether it stands in for the teacher's own tokenizer."""
    if recording is None or recording.tokenizer is None:
        return {}
    name = recording.tokenizer
    return {"counted": {"tokenizer": name_tokenizer(name), "stand_in": name == STAND_IN}}


class RowMaker:
    """Makes the rows of one teacher and counts statuses, labels and tokens as it goes.

    The cached tokens of a local server are left out: they depend on the order of the requests, and say nothing of a
    price.
    """

    def __init__(self, plan: Plan, form: LabelForm) -> None:
        params = plan.params
        self.teacher = params.name
        self.method = params.method
        self.labels = plan.labels
        self._plan = plan
        self.label_form = form
        self.server = "recorded" if params.recording else params.server
        self.counted = describe_counting(params.recording)
        self.keep_cached = params.server != "local"
        self.statuses: Counter[str] = Counter()
        self.named: Counter[str] = Counter()
        self.tokens: dict[str, int | None] = dict.fromkeys(TOKEN_COUNTS)
        self.requests = 0
        self.answers = 0
        self.told: Counter[str] = Counter()  # by kind of token, the answers that tell how many
        self.unplaced = 0  # that answers name and labels do not hold
        self.unread: str | None = None  # the first reply that names no label

    def row(self, text_id: str, requests: Sequence[Request], answers: Sequence[Answer | None]) -> dict[str, Any]:
        """The row of a vote, which is one request, or one a label; an answer of None is a request that failed."""
        self.requests += len(requests)
        self.answers += sum(answer is not None for answer in answers)
        given = [answer or Answer(reply=None) for answer in answers]
        logprobs: list[float] | None = None
        if None in answers:
            reading = Reading("http_error")
        elif self.method == "score":
            logprobs = find_label_logprobs(given[0].top_logprobs or (), self.labels)
            reading = self._likeliest(logprobs, given[0])
        else:
            reading = self._plan.read(requests, given)
        self._count(reading, given)
        return {
            "id": text_id,
            "teacher": self.teacher,
            "vote": requests[0].vote,
            "request": join_keys(requests),
            "reply": _join_replies(requests, given),
            "label": reading.label,
            "reason": reading.reason,
            "label_logprobs": logprobs,
            "status": reading.status,
            "finish_reason": _choose_finish(given),
            **self._sum_tokens(given),
        }

    def summary(self) -> dict[str, Any]:
        """Requests, answers, the tokens that these tell (None where none does), and how many of them do, by kind.

        Tokens that no answer told, but a tokenizer counted, have this under `counted`.
        """
        told = {name: self.told[name] for name in TOKEN_COUNTS}
        counts = {"requests": self.requests, "answers": self.answers, **self.tokens, "told": told}
        return {"server": self.server, **counts, **self.counted}

    def _likeliest(self, logprobs: list[float] | None, answer: Answer) -> Reading:
        if logprobs is None:
            return Reading("refused" if answer.refused else "parse_failed")
        return Reading("ok", self.labels[logprobs.index(max(logprobs))])

    def _sum_tokens(self, answers: Sequence[Answer]) -> dict[str, int | None]:
        """The tokens of a vote by kind; None where an answer does not tell."""
        counts = {name: _add_up([getattr(answer, name) for answer in answers]) for name in TOKEN_COUNTS}
        return counts if self.keep_cached else counts | {"cached_tokens": None}

    def _count(self, reading: Reading, answers: Sequence[Answer]) -> None:
        self.statuses[reading.status] += 1
        if reading.label is not None:
            self.named.update(self.label_form.name_labels(reading.label))
            self.unplaced += reading.unplaced
        elif self.unread is None:
            self.unread = next((answer.reply for answer in answers if answer.reply is not None), None)
        for answer in answers:
            for name, count in self._sum_tokens([answer]).items():
                if count is not None:
                    self.tokens[name] = (self.tokens[name] or 0) + count
                    self.told[name] += 1


def _add_up(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _choose_finish(answers: Sequence[Answer]) -> str | None:
    """Why the first of the answers that were cut off ended; if none was, the first."""
    reasons = [answer.finish_reason for answer in answers]
    return next((reason for reason in reasons if reason in CUT_OFF), reasons[0])


def join_keys(requests: Sequence[Request]) -> str:
    """The key of a request; of several, a hash of all."""
    keys = [request.key for request in requests]
    return keys[0] if len(keys) == 1 else hashlib.sha256("".join(keys).encode()).hexdigest()


def _join_replies(requests: Sequence[Request], answers: Sequence[Answer]) -> str | None:
    """The reply to a request; to several, an object with the reply about each label."""
    if requests[0].label is None:
        return answers[0].reply
    return json.dumps(
        {request.label: answer.reply for request, answer in zip(requests, answers, strict=True)}, ensure_ascii=False
    )
