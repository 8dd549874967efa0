"""Annotate: ask the teacher, or several, for a label of each text.

Answers go into the store as they come, so a run that is killed goes on where it stopped and nothing is paid for twice.
The table is then written from the store alone: a row a text, teacher and vote, each with a status.
"""

import gc
from pathlib import Path
from typing import Annotated

from distil.annotate.answers import ask_missing, check_failures, write_answers
from distil.annotate.budget import open_tills
from distil.annotate.held_out import check_examples
from distil.annotate.questions import make_job
from distil.annotate.rows import RowMaker
from distil.annotate.summary import AnsweringTime, count_statuses, measure_run, summarise
from distil.core.command import run
from distil.core.metrics import write_metrics
from distil.core.params import TaskParams, load_params
from distil.core.runtime import RuntimeParams
from distil.core.tables import ANNOTATIONS
from distil.cost.prices import PriceParams
from distil.forms.labelling import load_labelling
from distil.labels.params import SplitParams
from distil.prompting.params import AnnotateParams
from distil.selective.params import CascadeParams
from distil.store.guards import one_run_at_a_time, refuse_to_pay_again
from distil.store.opening import open_store, store_path

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
    form = load_labelling(task.kind).form
    split = load_params("split", SplitParams, optional=True)
    if (cascade := load_params("cascade", CascadeParams, optional=True)).target:  # before anything is paid for
        cascade.check_rows(split.calibration_share)
    check_examples(task, params, texts, split)
    job = make_job(task, params, texts, assets, runtime.device)
    tills = open_tills(job.plans, runtime, load_params("cost", PriceParams))
    makers = {plan.name: RowMaker(plan, form) for plan in job.plans}
    time = AnsweringTime()
    with open_store(store_path()) as store:
        paid = [name for name, till in tills.items() if till.paid]
        if not runtime.pay_again:
            refuse_to_pay_again(store, "annotate", annotations, paid)
        with one_run_at_a_time(store, job.plans, "annotate"):
            outcome = ask_missing(job, store, tills, runtime, assets, "annotate")
        check_failures(outcome, params.max_failed_share)
        write_answers(annotations, ANNOTATIONS, job, store, makers, dict.fromkeys(makers, time), outcome)
        up_s = time.count_up_s(store)
    summary = summarise(params, makers, job.text_count)
    run_figures = measure_run(time, job.text_count, up_s)
    if text_seconds := time.tell_texts():
        run_figures |= {"text_seconds": text_seconds}
    write_metrics(metrics, {"requests": summary["requests"]}, summary | {"run": run_figures})
    spent = sum(till.spent for till in tills.values())
    print(
        f"annotate: {outcome.answered:,} requests answered, {outcome.retries:,} retries, "
        f"{outcome.known:,} answers already in the store; {count_statuses(makers)}"
        + (f"; ${spent:,.4f} for all of them" if spent else "")
    )


if __name__ == "__main__":
    run(main)
