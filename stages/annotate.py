"""Annotate: ask the teacher for a label of each text.

Answers go into the store as they come, so a run that is killed goes on where it stopped and nothing is paid for twice.
The table is then written from the store alone: a row a text and vote, each with a status.
"""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from distil.annotation_rows import RowMaker
from distil.annotator import Failures, answer_all, missing_requests
from distil.command import run
from distil.errors import EndpointError, InputError
from distil.metrics import write_metrics
from distil.params import TaskParams, load_params
from distil.plan import Plan
from distil.prompts import read_prompt
from distil.rows import ANNOTATIONS, TEXTS, count_rows, iter_rows, row_writer
from distil.runtime import RuntimeParams
from distil.store import AnsweringTime, Store, open_store, store_path
from distil.teacher_params import AnnotateParams
from distil.teachers import identify, open_teacher, requests_in_flight

BATCH = 1000  # texts that are looked up and written together


def main(texts: Path, assets: Path, annotations: Path, metrics: Path, run_metrics: Path) -> None:
    """Write the annotations of all texts, their counts, and how the answering went."""
    task = load_params("task", TaskParams)
    params = load_params("annotate", AnnotateParams)
    runtime = load_params("runtime", RuntimeParams)
    plan = Plan(params, task.labels, read_prompt(Path(params.prompt)), identify(params, assets))
    maker = RowMaker(params.model, params.method, task.labels, keep_cached=params.server != "local")
    with open_store(store_path()) as store:
        missing = sum(1 for _ in missing_requests(plan, store, text_batches(texts)))
        failures, retries = answer_missing(plan, store, texts, missing, runtime, assets)
        check_failures(failures, count_rows(texts) * params.votes, params.max_failed_share)
        time = write_annotations(annotations, texts, plan, store, maker, failures)
    write_metrics(metrics, summarise(params, maker))
    write_metrics(run_metrics, measure_run(time, params))
    kept = time.answers - (missing - len(failures))
    print(
        f"annotate: {missing:,} requests sent, {retries:,} retries, {kept:,} answers already in the store; "
        f"{count_statuses(maker)}"
    )


def text_batches(texts: Path) -> Iterator[list[str]]:
    """The texts alone, in batches."""
    for rows in iter_rows(texts, TEXTS, BATCH):
        yield [row["text"] for row in rows]


def answer_missing(
    plan: Plan, store: Store, texts: Path, count: int, runtime: RuntimeParams, assets: Path
) -> tuple[Failures, int]:
    """Have the missing requests answered; returns those that failed, and the number of retries."""

    async def answer() -> tuple[Failures, int]:
        async with open_teacher(plan, runtime, assets) as teacher:
            requests = missing_requests(plan, store, text_batches(texts))
            in_flight = requests_in_flight(plan.params, runtime)
            failures = await answer_all(requests, count, teacher, store, in_flight)
            return failures, getattr(teacher, "retries", 0)

    if not count:
        return {}, 0
    try:
        return asyncio.run(answer())
    except KeyboardInterrupt:
        left = sum(1 for _ in missing_requests(plan, store, text_batches(texts)))
        print(f"annotate: stopped with {left:,} requests to go; every answer so far is kept", file=sys.stderr)
        raise


def check_failures(failures: Failures, requests: int, max_failed_share: float) -> None:
    """Refuse to look done when too many requests failed on the way; those that the endpoint refused may stay."""
    failed = [error for error in failures.values() if not error.rejected]
    if len(failed) > max_failed_share * requests:
        raise EndpointError(
            f"{len(failed):,} of {requests:,} requests failed on the way, the first with: {failed[0]}; every answer "
            "that came is kept, run again to ask for the rest (or raise annotate.max_failed_share)"
        )


def write_annotations(
    annotations: Path, texts: Path, plan: Plan, store: Store, maker: RowMaker, failures: Failures
) -> AnsweringTime:
    """Write a row for each text and vote from the store, in the order of the texts' ids."""
    time = AnsweringTime()
    with row_writer(annotations, ANNOTATIONS) as writer:
        for batch in iter_rows(texts, TEXTS, BATCH):
            planned = [(row["id"], request) for row in batch for request in plan.requests(row["text"])]
            stored = store.get([request.key for _, request in planned])
            rows: list[dict[str, Any]] = []
            for text_id, request in planned:
                found = stored.get(request.key)
                if found:
                    time.add(found)
                rows.append(maker.row(text_id, request, found.answer if found else None))
            writer.write_table(pa.Table.from_pylist(rows, ANNOTATIONS))
        if not maker.statuses["ok"]:
            raise InputError(explain_unusable(maker, plan, failures))
    return time


def explain_unusable(maker: RowMaker, plan: Plan, failures: Failures) -> str:
    """Say in one line why none of the answers names a label."""
    refused = next((str(error) for error in failures.values()), None)
    said = f"the endpoint refused them with: {refused}" if refused else f"the first says {(maker.unread or '')[:80]!r}"
    return (
        f"none of the teacher's answers names one of {', '.join(plan.labels)} ({count_statuses(maker)}); {said}; "
        f"mend the prompt {plan.params.prompt} or annotate.max_tokens"
    )


def count_statuses(maker: RowMaker) -> str:
    """The statuses in words, the commonest first."""
    return ", ".join(f"{count:,} {status}" for status, count in maker.statuses.most_common())


def summarise(params: AnnotateParams, maker: RowMaker) -> dict[str, Any]:
    """The counts of the annotations: the same answers give the same figures."""
    requests = maker.statuses.total()
    return {
        "teacher": params.model,
        "server": "recorded" if params.recording else params.server,
        "method": params.method,
        "protocol": params.protocol,
        "prompt": params.prompt,
        "texts": requests // params.votes,
        "votes": params.votes,
        "requests": requests,
        "status": dict(sorted(maker.statuses.items())),
        "labels": {label: maker.named[label] for label in maker.labels},
        **maker.tokens,
    }


def measure_run(time: AnsweringTime, params: AnnotateParams) -> dict[str, Any]:
    """How fast the answers came, whichever runs brought them; a recording has no speed."""
    rate = time.answers / time.seconds if time.seconds and not params.recording else None
    return {
        "answers": time.answers,
        "seconds": None if params.recording else time.seconds,
        "answers_per_s": rate,
        "texts_per_s": rate and rate / params.votes,
    }


if __name__ == "__main__":
    run(main)
