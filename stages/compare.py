"""Compare: have candidates for the teacher label the same rows, and score each by people's labels.

A candidate is a prompt and a model (or a recording), with votes, temperature and so on of its own. Answers go through
the store that annotate uses, so a candidate that is added pays for itself alone, and one that annotate asks as well
pays nothing. Without candidates nothing is asked and nothing is needed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from distil.annotate.answers import ask_missing, check_failures, write_answers
from distil.annotate.budget import Till, open_tills
from distil.annotate.questions import Job
from distil.annotate.rows import RowMaker
from distil.annotate.summary import AnsweringTime, measure_run, summarise
from distil.compare.job import COMPARED, check_recordings, make_comparison
from distil.compare.params import CompareParams, find_chosen
from distil.compare.prices import price_by_model, price_candidate
from distil.compare.scores import decide_candidates, find_drift, list_scores, make_scoring, score_candidates
from distil.compare.summary import describe_comparison, list_lines
from distil.core.command import run
from distil.core.errors import InputError
from distil.core.metrics import write_csv, write_metrics
from distil.core.params import TaskParams, load_params
from distil.core.runtime import RuntimeParams
from distil.core.tables import read_rows, write_rows
from distil.cost.basis import load_basis
from distil.cost.params import CostParams
from distil.cost.prices import PriceParams
from distil.forms.labelling import load_labelling
from distil.forms.labels import LabelForm
from distil.labels.params import AggregateParams, SplitParams
from distil.prompting.params import AnnotateParams
from distil.quality.judging import load_judging
from distil.store.guards import one_run_at_a_time, refuse_to_pay_again
from distil.store.opening import open_store, store_path

Record = dict[str, Any]


def main(
    texts: Annotated[Path, "table: one row a text, with people's label where there is one"],
    prompts: Annotated[Path, "folder: the prompts that candidates may name"],
    prices: Annotated[Path, "folder: dated tables of prices, hardware and electricity"],
    assets: Annotated[Path, "packages that hold models or data, pinned by hash"],
    answers: Annotated[Path, "table: one row a text, candidate and vote"],
    metrics: Annotated[Path, "json: the best score, and all that is told of each candidate"],
    scores: Annotated[Path, "csv: each candidate's score"],
) -> None:
    """Write the answers of all candidates, their scores, and what is plotted of these."""
    params = load_params("compare", CompareParams)
    if not params.candidates:
        write_nothing(answers, metrics, scores)
        return
    task, annotate = load_params("task", TaskParams), load_params("annotate", AnnotateParams)
    scoring, labelling = make_scoring(load_judging(task.kind), task.labels), load_labelling(task.kind)
    check_published(params, task, scoring.score_name)
    runtime, split = load_params("runtime", RuntimeParams), load_params("split", SplitParams)
    compared = make_comparison(params, annotate, task, split, texts, prompts, assets, runtime.device)
    candidates, rows, job = compared.candidates, compared.rows, compared.job
    basis, aggregate = load_basis(load_params("cost", CostParams), prices), load_params("aggregate", AggregateParams)
    given = price_by_model(load_params("cost", PriceParams), annotate)
    asked = ask(
        job, labelling.form, open_tills(job.plans, runtime, given), annotate.max_failed_share, runtime, answers, assets
    )
    decided = decide_candidates(
        read_rows(answers, COMPARED), candidates, rows.table["id"], task.labels, aggregate, labelling.votes
    )
    scored = score_candidates(rows.table["gold"].tolist(), decided, scoring)
    drift = find_drift(decided, chosen := find_chosen(candidates, annotate), scoring)
    found = {
        name: asked[name] | scored[name] | {"drift": drift[name]} | price_candidate(basis, section, asked[name], given)
        for name, section in candidates.items()
    }
    published = {one.name: one.published for one in params.candidates}
    summary = describe_comparison(rows, found, published, chosen, scoring)
    write_csv(scores, list_scores(summary["candidates"], scoring.score_name))
    write_metrics(metrics, {"best": found[summary["best"]][scoring.score_name]}, summary)
    print(*list_lines(summary), f"compare: -> {metrics}", sep="\n")


def check_published(params: CompareParams, task: TaskParams, score: str) -> None:
    """Refuse published figures, which are accuracies, where the score is another."""
    named = [one.name for one in params.candidates if one.published]
    if named and score != "accuracy":
        raise InputError(
            f"compare.candidates: {named[0]!r} has a published accuracy, and the score of task.kind = {task.kind!r} is "
            f"{score}, which is no accuracy; leave published out"
        )


def write_nothing(answers: Path, metrics: Path, scores: Path) -> None:
    """Write what stands for no candidate."""
    write_rows(answers, COMPARED, [])
    write_csv(scores, list_scores({}, "accuracy"))
    write_metrics(metrics, {}, {"candidates": {}})
    print("compare: no candidates (compare.candidates in params.yaml), so nothing was asked")


def ask(
    job: Job,
    form: LabelForm,
    tills: Mapping[str, Till],
    max_failed_share: float,
    runtime: RuntimeParams,
    answers: Path,
    assets: Path,
) -> dict[str, Record]:
    """Ask what is missing and write all answers; returns of each candidate what annotate tells of a teacher."""
    paid = {plan.params.name for plan in job.plans if tills[plan.name].paid}
    makers = {plan.name: RowMaker(plan, form) for plan in job.plans}
    times = {plan.name: AnsweringTime(one_by_one=plan.params.server == "local") for plan in job.plans}
    with open_store(store_path()) as store:
        check_recordings(job, store, assets)
        if not runtime.pay_again:
            refuse_to_pay_again(store, "compare", answers, paid)
        with one_run_at_a_time(store, job.plans, "compare"):
            outcome = ask_missing(job, store, tills, runtime, assets, "compare")
        check_failures(outcome, max_failed_share)
        write_answers(answers, COMPARED, job, store, makers, times, outcome)
    spent = sum(till.spent for till in tills.values())
    print(
        f"compare: {outcome.answered:,} requests answered, {outcome.retries:,} retries, {outcome.known:,} answers "
        "already in the store" + (f"; ${spent:,.4f} for all of them" if spent else "")
    )
    return {
        plan.name: summarise(plan.params, {plan.params.name: makers[plan.name]}, job.text_count)
        | {"run": measure_run(times[plan.name], job.text_count)}
        for plan in job.plans
    }


if __name__ == "__main__":
    run(main)
