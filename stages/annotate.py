"""Annotate: ask the teacher, or several, for a label of each text.

Answers go into the store as they come, so a run that is killed goes on where it stopped and nothing is paid for twice.
The table is then written from the store alone: a row a text, teacher and vote, each with a status.
"""

import asyncio
import gc
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa

from distil.annotate.budget import Till, open_tills
from distil.annotate.questions import Job, make_job
from distil.annotate.rows import RowMaker
from distil.annotate.summary import AnsweringTime, count_statuses, measure_run, summarise
from distil.annotate.waves import Asking
from distil.annotate.workers import Outcome
from distil.core.command import run
from distil.core.errors import EndpointError, InputError
from distil.core.metrics import write_metrics
from distil.core.params import TaskParams, load_params
from distil.core.runtime import RuntimeParams
from distil.core.tables import ANNOTATIONS, row_writer
from distil.cost.prices import PriceParams
from distil.prompting.params import AnnotateParams
from distil.store.answer_store import Store, open_store, store_path
from distil.store.guards import one_run_at_a_time, refuse_to_pay_again

TEXTS_A_ROW_GROUP = 5000
OBJECTS_BETWEEN_COLLECTIONS = 20_000  # Python's 700 cost a fifth of the time, and hardly anything here is cyclic


def main(
    texts: Annotated[Path, "table: one row a text, with people's label where there is one"],
    assets: Annotated[Path, "packages that hold models or data, pinned by hash"],
    annotations: Annotated[Path, "table: one row a text, teacher and vote"],
    metrics: Annotated[Path, "json: requests, rows by status, tokens, and how the answering went"],
) -> None:
    """Write the annotations of all texts, their counts, and how the answering went."""
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    task = load_params("task", TaskParams)
    params = load_params("annotate", AnnotateParams)
    runtime = load_params("runtime", RuntimeParams)
    job = make_job(task, params, texts, assets, runtime.device)
    tills = open_tills(job.plans, runtime, load_params("cost", PriceParams))
    makers = {plan.params.name: RowMaker(plan.params, task.labels) for plan in job.plans}
    with open_store(store_path()) as store:
        paid = [name for name, till in tills.items() if till.paid]
        if not runtime.pay_again:
            refuse_to_pay_again(store, "annotate", annotations, paid)
        with one_run_at_a_time(store, job.plans):
            outcome = ask_missing(job, store, tills, runtime, assets)
        check_failures(outcome, params.max_failed_share)
        time = write_annotations(annotations, job, store, makers, outcome)
        up_s = time.count_up_s(store)
    summary = summarise(params, makers, job.text_count)
    run_figures = measure_run(time, params, job.text_count, up_s)
    write_metrics(metrics, {"requests": summary["requests"]}, summary | {"run": run_figures})
    spent = sum(till.spent for till in tills.values())
    print(
        f"annotate: {outcome.answered:,} requests answered, {outcome.retries:,} retries, "
        f"{outcome.known:,} answers already in the store; {count_statuses(makers)}"
        + (f"; ${spent:,.4f} for all of them" if spent else "")
    )


def ask_missing(job: Job, store: Store, tills: Mapping[str, Till], runtime: RuntimeParams, assets: Path) -> Outcome:
    """Have the missing requests answered."""
    asking = Asking(job, store, tills, runtime, assets)
    try:
        asyncio.run(asking.ask_all())
    except (KeyboardInterrupt, SystemExit):  # the second: SIGTERM
        left = asking.outcome.left
        print(f"annotate: stopped with {left:,} requests to go; every answer so far is kept", file=sys.stderr)
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


def write_annotations(
    annotations: Path, job: Job, store: Store, makers: Mapping[str, RowMaker], outcome: Outcome
) -> AnsweringTime:
    """Write a row for each text, teacher and vote from the store, in this order."""
    time = AnsweringTime()
    plans = sorted(job.plans, key=lambda plan: plan.params.name)
    with row_writer(annotations, ANNOTATIONS) as writer:
        for batch in job.questions(TEXTS_A_ROW_GROUP):
            rows: list[dict[str, Any]] = []
            for of_one_text in zip(*(job.asked(plan, store, batch) for plan in plans), strict=True):
                for plan, asked in zip(plans, of_one_text, strict=True):
                    for request in asked.due:
                        found = asked.stored.get(request.key)
                        time.add(found)
                        rows.append(makers[plan.params.name].row(asked.id, request, found and found.answer))
            writer.write_table(pa.Table.from_pylist(rows, ANNOTATIONS))
        if not any(maker.statuses["ok"] for maker in makers.values()):
            raise InputError(explain_unusable(job, makers, outcome))
    return time


def explain_unusable(job: Job, makers: Mapping[str, RowMaker], outcome: Outcome) -> str:
    """Say in one line why none of the answers names a label."""
    unread = next((maker.unread for maker in makers.values() if maker.unread), "")
    refused = outcome.first_refusal
    said = f"the endpoint refused them with: {refused}" if refused else f"the first says {unread[:80]!r}"
    plan = job.plans[0]
    return (
        f"none of the teacher's answers names one of {', '.join(plan.labels)} ({count_statuses(makers)}); {said}; "
        f"mend the prompt {plan.params.prompt} or annotate.max_tokens"
    )


if __name__ == "__main__":
    run(main)
