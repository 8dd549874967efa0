"""All that a plan tells: the stages and why, what they would ask, what the whole would cost, and what would fail."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from distil.annotate.questions import Job
from distil.annotate.rows import join_keys
from distil.cost.prices import Tokens, price_tokens
from distil.planning.checks import Finding
from distil.planning.forecasts import Forecast, Outlay
from distil.planning.pipeline import Change, Step
from distil.planning.reasons import Detail
from distil.planning.shown import make_plain

ROWS_COMPARED = 1000
RUNS = ("will run", "may run")


@dataclass(frozen=True)
class Whole:
    """What labelling all texts would take, by what labelling the sample took; dollars and minutes None if unknown."""

    texts: int
    requests: int
    input_tokens: float
    output_tokens: float
    usd: float | None
    minutes: float | None


@dataclass(frozen=True)
class Asking:
    """What a stage that asks teachers has before it; `outlay` is None where the texts are not there yet.

    `final`: the texts that lie here are those that it will ask about; else there will be `texts_then`, None: nobody
    knows. `answers_per_s` is what was measured last.
    """

    stage: str
    outlay: Outlay | None
    state: str
    final: bool = True
    texts_then: int | None = None
    answers_per_s: float | None = None

    @property
    def bounds(self) -> tuple[int, int] | None:
        """Requests to send at least and at most; None where the texts, and so the requests, will be others."""
        if self.state not in RUNS:
            return 0, 0
        if self.outlay is None or not self.final:
            return None
        most = self.outlay.requests + sum(one.more for one in self.outlay.told)
        return (self.outlay.requests if self.state == "will run" else 0), most

    @property
    def requests_then(self) -> int | None:
        """About how many requests there will be to send for `texts_then`, which hold those here or are among them."""
        if self.texts_then is None or self.outlay is None:
            return None
        texts, missing = self.outlay.texts, self.outlay.requests
        if self.texts_then <= texts:
            return round(missing * self.texts_then / texts)
        a_text = sum(one.plan.params.votes.min * len(one.plan.asked) for one in self.outlay.told)
        return missing + (self.texts_then - texts) * a_text


@dataclass(frozen=True)
class Prospect:
    """A plan, against a revision (its name and commit) or what was computed here."""

    steps: list[tuple[Step, list[tuple[Change, Detail]]]]
    asking: list[Asking] = field(default_factory=list)
    whole: Whole | None = None
    findings: list[Finding] = field(default_factory=list)
    against: tuple[str, str] | None = None

    @property
    def exit_code(self) -> int:
        """0: no stage would run; 1: one would, or may; 2: something would fail."""
        if any(finding.level == "error" for finding in self.findings):
            return 2
        return int(any(step.state in RUNS for step, _ in self.steps))

    def as_json(self) -> str:
        """The plan as one object."""
        told = {
            "against": self.against and {"name": self.against[0], "commit": self.against[1]},
            "stages": [_tell_step(step, reasons) for step, reasons in self.steps],
            "asking": [_tell_asking(one) for one in self.asking],
            "whole": self.whole and asdict(self.whole),
            "checks": [asdict(finding) for finding in self.findings],
            "exit_code": self.exit_code,
        }
        return json.dumps(make_plain(told), indent=2, ensure_ascii=False, allow_nan=False)


def _tell_step(step: Step, reasons: Sequence[tuple[Change, Detail]]) -> dict[str, Any]:
    changes = [asdict(change) | {"detail": detail.words, "lines": detail.lines} for change, detail in reasons]
    return {"name": step.name, "state": step.state, "recorded": step.recorded, "changes": changes}


def _tell_asking(one: Asking) -> dict[str, Any]:
    bounds = one.bounds
    told: dict[str, Any] = {"stage": one.stage, "state": one.state, "final": one.final}
    told["requests_to_send"] = bounds and {"least": bounds[0], "most": bounds[1]}
    told |= {"texts_then": one.texts_then, "requests_then": one.requests_then}
    if one.outlay is None:
        return told
    usd = one.outlay.usd
    return told | {
        "texts": one.outlay.texts,
        "teachers": [_tell_forecast(forecast, one.answers_per_s) for forecast in one.outlay.forecasts],
        "usd": usd and {"low": usd[0], "high": usd[1]},
        "spent_usd": one.outlay.spent_usd,
        "budget_usd": one.outlay.budget_usd,
    }


def _tell_forecast(one: Forecast, answers_per_s: float | None) -> dict[str, Any]:
    usd = None if one.expected.usd is None else {"low": one.expected.usd, "high": one.most.usd}
    minutes = one.expected.minutes
    if minutes is None and answers_per_s:
        minutes = one.outlook.missing / answers_per_s / 60
    return {
        "name": one.plan.name,
        "stored": one.outlook.known,
        "missing": one.outlook.missing,
        "more_where_votes_disagree": one.more,
        "shares_answers_of": one.leader,
        "input_tokens": round(one.expected.input_tokens),
        "output_tokens": round(one.expected.output_tokens),
        "learned_from_answers": one.till.estimate.answers,
        "usd": usd,
        "minutes": minutes,
    }


def reckon_whole(outlay: Outlay, texts: int, answers_per_s: float | None) -> Whole | None:
    """What so many texts would take, if each takes what one of the sample takes; None before there is an answer."""
    factor = texts / outlay.texts
    requests, tokens_in, tokens_out, usd = 0.0, 0.0, 0.0, 0.0
    is_priced = True
    for one in outlay.told:
        mean = one.till.estimate.mean
        if mean is None:
            return None
        asked = (one.outlook.known + one.outlook.missing) * factor
        requests, tokens_in, tokens_out = requests + asked, tokens_in + asked * mean[0], tokens_out + asked * mean[1]
        price = None
        if one.till.prices:
            price = price_tokens(Tokens(round(asked * mean[0]), None, round(asked * mean[1])), one.till.prices)
        is_priced &= price is not None
        usd += price or 0.0
    minutes = requests / answers_per_s / 60 if answers_per_s else None
    return Whole(texts, round(requests), tokens_in, tokens_out, usd if is_priced else None, minutes)


def answers_differ(job: Job, table: Path) -> bool:
    """Whether the table of answers cannot come out as it lies there: its first texts are asked something else now."""
    try:
        with pq.ParquetFile(table) as file:
            first = next(file.iter_batches(batch_size=ROWS_COMPARED, columns=["id", "request"]), None)
    except (OSError, pa.ArrowException, KeyError):
        return False
    rows = first.to_pylist() if first is not None else []
    asked: dict[str, set[str]] = {}
    for row in rows[: _end_of_last_text(rows)]:
        asked.setdefault(row["id"], set()).add(row["request"])
    for question in next(job.questions(), []):
        due, planned = set(), set()
        for plan in job.plans:
            votes = [join_keys(some) for some in plan.by_vote(plan.requests(question.text, question.examples))]
            planned |= set(votes)
            due |= set(votes[: plan.params.votes.min])
        found = asked.get(question.id)
        if found is not None and not due <= found <= planned:
            return True
    return False


def _end_of_last_text(rows: Sequence[dict[str, Any]]) -> int:
    """Where the last text begins, of which some rows may not have been read; all rows if that is all of the table."""
    if len(rows) < ROWS_COMPARED:
        return len(rows)
    return next(number for number, row in enumerate(rows) if row["id"] == rows[-1]["id"])
