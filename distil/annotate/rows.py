"""Turn stored answers into rows of annotations, and count them."""

from collections import Counter
from typing import Any

from distil.forms.answers import Answer
from distil.forms.labels import LabelForm
from distil.forms.reading import Reading
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
        self.answers_form = plan.form
        self.label_form = form
        self.server = "recorded" if params.recording else params.server
        self.counted = describe_counting(params.recording)
        self.keep_cached = params.server != "local"
        self.statuses: Counter[str] = Counter()
        self.named: Counter[str] = Counter()
        self.tokens: dict[str, int | None] = dict.fromkeys(TOKEN_COUNTS)
        self.answers = 0
        self.told: Counter[str] = Counter()  # by kind of token, the answers that tell how many
        self.unplaced = 0  # that answers name and labels do not hold
        self.unread: str | None = None  # the first reply that names no label

    def row(self, text_id: str, request: Request, answer: Answer | None) -> dict[str, Any]:
        """The row of a request; an answer of None is a request that failed."""
        logprobs: list[float] | None = None
        self.answers += answer is not None
        if answer is None:
            reading, answer = Reading("http_error"), Answer(reply=None)
        elif self.method == "score":
            logprobs = find_label_logprobs(answer.top_logprobs or (), self.labels)
            reading = self._likeliest(logprobs, answer)
        else:
            reading = self.answers_form.read_reply(answer, self.labels, request.text)
        self._count(reading, answer)
        return {
            "id": text_id,
            "teacher": self.teacher,
            "vote": request.vote,
            "request": request.key,
            "reply": answer.reply,
            "label": reading.label,
            "reason": reading.reason,
            "label_logprobs": logprobs,
            "status": reading.status,
            "finish_reason": answer.finish_reason,
            **self._token_counts(answer),
        }

    def summary(self) -> dict[str, Any]:
        """Requests, answers, the tokens that these tell (None where none does), and how many of them do, by kind.

        Tokens that no answer told, but a tokenizer counted, have this under `counted`.
        """
        told = {name: self.told[name] for name in TOKEN_COUNTS}
        counts = {"requests": self.statuses.total(), "answers": self.answers, **self.tokens, "told": told}
        return {"server": self.server, **counts, **self.counted}

    def _likeliest(self, logprobs: list[float] | None, answer: Answer) -> Reading:
        if logprobs is None:
            return Reading("refused" if answer.refused else "parse_failed")
        return Reading("ok", self.labels[logprobs.index(max(logprobs))])

    def _token_counts(self, answer: Answer) -> dict[str, int | None]:
        counts = {name: getattr(answer, name) for name in TOKEN_COUNTS}
        return counts if self.keep_cached else counts | {"cached_tokens": None}

    def _count(self, reading: Reading, answer: Answer) -> None:
        self.statuses[reading.status] += 1
        if reading.label is not None:
            self.named.update(self.label_form.name_labels(reading.label))
            self.unplaced += reading.unplaced
        elif self.unread is None and answer.reply is not None:
            self.unread = answer.reply
        for name, count in self._token_counts(answer).items():
            if count is not None:
                self.tokens[name] = (self.tokens[name] or 0) + count
                self.told[name] += 1
