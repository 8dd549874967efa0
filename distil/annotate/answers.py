"""Have a job's missing requests answered, and write a row for each answer: what annotate and compare have in common."""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from distil.annotate.budget import Till
from distil.annotate.questions import Job
from distil.annotate.rows import RowMaker
from distil.annotate.summary import AnsweringTime, count_statuses
from distil.annotate.waves import Asking
from distil.annotate.workers import Outcome
from distil.core.errors import EndpointError, InputError
from distil.core.runtime import RuntimeParams
from distil.core.tables import row_writer
from distil.store.answer_store import Store

TEXTS_A_ROW_GROUP = 5000


def ask_missing(
    job: Job, store: Store, tills: Mapping[str, Till], runtime: RuntimeParams, assets: Path, stage: str
) -> Outcome:
    """Have the missing requests answered; `stage` is the one that asks."""
    asking = Asking(job, store, tills, runtime, assets, stage)
    try:
        asyncio.run(asking.ask_all())
    except (KeyboardInterrupt, SystemExit):  # the second: SIGTERM
        left = asking.outcome.left
        print(f"{stage}: stopped with {left:,} requests to go; every answer so far is kept", file=sys.stderr)
        raise
    return asking.outcome


def check_failures(outcome: Outcome, max_failed_share: float) -> None:
    """Refuse to look done when too many requests failed on the way; those that the endpoint refused may stay."""
    failed = outcome.failed_on_the_way
    requests = outcome.known + outcome.answered + len(outcome.failed)
    if failed > max_failed_share * requests:
        raise EndpointError(
            f"{failed:,} of {requests:,} requests failed on the way, the first with: {outcome.first_fault}; every "
            "answer that came is kept, run again to ask for the rest (or raise annotate.max_failed_share)"
        )


def write_answers(
    path: Path,
    schema: pa.Schema,
    job: Job,
    store: Store,
    makers: Mapping[str, RowMaker],
    times: Mapping[str, AnsweringTime],
    outcome: Outcome,
    *,
    all_may_abstain: bool = False,
) -> None:
    """Write a row for each text, plan and vote from the store, in this order.

    `makers` and `times`, by the plan's name, count what they are shown. `schema` is that of annotations, with the
    plan's name as `candidate` if it has such a column. Raises `InputError` if none of the answers names a label, unless
    `all_may_abstain`.
    """
    plans = sorted(job.plans, key=lambda plan: plan.name)
    with row_writer(path, schema) as writer:
        for batch in job.questions(TEXTS_A_ROW_GROUP):
            rows: list[dict[str, Any]] = []
            for of_one_text in zip(*(job.asked(plan, store, batch) for plan in plans), strict=True):
                for plan, asked in zip(plans, of_one_text, strict=True):
                    for vote, requests in enumerate(plan.by_vote(asked.due), start=1):
                        wave = plan.name, max(0, vote - plan.params.votes.min)
                        found = [asked.stored.get(request.key) for request in requests]
                        for one in found:
                            times[plan.name].add(one, recorded=plan.params.recording is not None, wave=wave)
                        row = makers[plan.name].row(asked.id, requests, [one and one.answer for one in found])
                        rows.append({"candidate": plan.name} | row)
                for time in set(times.values()):
                    time.end_text()
            writer.write_table(pa.Table.from_pylist(rows, schema))
        if not all_may_abstain and not any(maker.statuses["ok"] for maker in makers.values()):
            raise InputError(_explain_unusable(job, makers, outcome))


def _explain_unusable(job: Job, makers: Mapping[str, RowMaker], outcome: Outcome) -> str:
    """Say in one line why none of the answers names a label."""
    unread = next((maker.unread for maker in makers.values() if maker.unread), "")
    refused = outcome.first_refusal
    said = f"the endpoint refused them with: {refused}" if refused else f"the first says {unread[:80]!r}"
    plan = job.plans[0]
    return (
        f"none of the teacher's answers names one of {', '.join(plan.labels)} ({count_statuses(makers)}); {said}; "
        f"mend the prompt {plan.params.prompt} or annotate.max_tokens"
    )
