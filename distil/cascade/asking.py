"""Ask the study's teacher about texts of which a student is not sure enough, as `annotate` asks it about texts.

Answers go through the same store, so that what was paid for is never paid for again; prompt, votes, budget and the
reading of answers are those of the sections `annotate`, `aggregate` and `runtime`. A text's label does not depend on
the texts beside it: log-probabilities are centred by what the teacher gave each label on the study's texts alone.
"""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distil.annotate.answers import ask_missing, write_answers
from distil.annotate.budget import Till, open_tills
from distil.annotate.questions import Job, find_examples, make_plans
from distil.annotate.rows import RowMaker
from distil.annotate.summary import AnsweringTime
from distil.annotate.workers import Outcome
from distil.assets.packages import file_sha256
from distil.core.errors import EndpointError, InputError
from distil.core.params import TaskParams, load_params
from distil.core.runtime import RuntimeParams
from distil.core.tables import ANNOTATIONS, TEXTS, read_rows
from distil.cost.prices import PriceParams
from distil.forms.labelling import load_labelling
from distil.labels.params import AggregateParams
from distil.prompting.examples import NearestExamples
from distil.prompting.params import AnnotateParams
from distil.prompting.requests import Plan
from distil.store.guards import one_run_at_a_time
from distil.store.opening import open_store, store_path

COMMAND = "predict"  # what messages call the run
BEFORE = ""  # no teacher's name: the till of what was spent before

Means = dict[str, NDArray[np.float64]]


@dataclass
class Teacher:
    """The study's teacher: what it is asked, how its votes are reduced, and how it is reached from here.

    `means` are the mean log-probabilities of the labels over the study's texts, by the name of the teacher; null where
    nothing is centred. `spent_usd` is what the answers cost so far: the budget holds for all of them. `said` has the
    labels so far, by the text's id, null where it abstained: no text is asked about, or charged, twice.
    """

    task: TaskParams
    params: AnnotateParams
    aggregate: AggregateParams
    runtime: RuntimeParams
    prices: PriceParams
    assets: Path
    plans: list[Plan]
    nearest: NearestExamples | None
    means: Means | None
    spent_usd: float = 0.0
    said: dict[str, str | None] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """The hash of all that its labels depend on, but for the texts."""
        told = [one.model_dump(mode="json") for one in (self.task, self.params, self.aggregate)]
        told.append({"prompt": file_sha256(Path(self.params.prompt))})
        if self.nearest is not None and self.params.examples is not None:
            told.append({"examples": file_sha256(Path(self.params.examples.file))})
        if self.means is not None:
            told.append({name: means.tolist() for name, means in self.means.items()})
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def ask(self, texts: Path) -> dict[str, str]:
        """The teacher's label of each text of a table of `tables.TEXTS`, by id, but for those on which it abstains.

        Raises the errors of `annotate`, and `EndpointError` if any request failed on the way; every answer that came is
        in the store, and the next call asks for the rest.
        """
        ids = read_rows(texts, TEXTS)["id"].to_list()
        if new := set(ids).difference(self.said):
            self.said |= dict.fromkeys(new) | self.decide(self._ask(Job(self.plans, texts, self.nearest, new)))
        return {key: label for key in ids if (label := self.said[key]) is not None}

    def _ask(self, job: Job) -> pd.DataFrame:
        """The answers to a job, as rows of `tables.ANNOTATIONS`."""
        tills = open_tills(job.plans, self.runtime, self.prices) | {BEFORE: Till(None, 1, paid=False)}
        tills[BEFORE].spent = self.spent_usd
        makers = {plan.name: RowMaker(plan, load_labelling(self.task.kind).form) for plan in job.plans}
        times = dict.fromkeys(makers, AnsweringTime())
        with open_store(store_path()) as store, TemporaryDirectory() as folder:
            with one_run_at_a_time(store, job.plans, COMMAND):
                outcome = ask_missing(job, store, tills, self.runtime, self.assets, COMMAND)
            _check_all_came(outcome)
            path = Path(folder) / "annotations.parquet"
            write_answers(path, ANNOTATIONS, job, store, makers, times, outcome, all_may_abstain=True)
            rows = read_rows(path, ANNOTATIONS)
        self.spent_usd = sum(till.spent for till in tills.values())
        return rows

    def decide(self, rows: pd.DataFrame) -> dict[str, str]:
        """The labels by id of rows of `tables.ANNOTATIONS`; log-probabilities are centred first, where they are."""
        if self.means is not None:
            centred = [
                None if scores is None else np.asarray(scores) - self.means[name]
                for scores, name in zip(rows["label_logprobs"], rows["teacher"], strict=True)
            ]
            rows = rows.assign(label_logprobs=centred)
        votes = load_labelling(self.task.kind).votes
        decided = votes.decide_labels(rows, self.task.labels, self.aggregate.min_agreement, calibrated=False)
        found: dict[str, str] = decided["teacher_label"].dropna().to_dict()
        return found


def _check_all_came(outcome: Outcome) -> None:
    """Refuse to take a text for one on which the teacher abstained that it was never asked about."""
    if failed := outcome.failed_on_the_way:
        raise EndpointError(
            f"{failed:,} of {outcome.missing:,} requests failed on the way, the first with: {outcome.first_fault}; "
            "every answer that came is kept"
        )


def load_teacher(assets: Path, annotations: Path) -> Teacher:
    """The teacher of the study in the working folder, with all that it takes to ask it.

    Raises `InputError` if a section is missing or wrong, the teacher is a recording, the budget cannot be kept to, or
    what is asked for, or centred by, is not there.
    """
    task, params = load_params("task", TaskParams), load_params("annotate", AnnotateParams)
    aggregate, runtime = load_params("aggregate", AggregateParams), load_params("runtime", RuntimeParams)
    prices = load_params("cost", PriceParams)
    plans = make_plans(task, params, assets)
    if any(plan.params.recording for plan in plans):
        raise InputError(
            "--unsure-to teacher: annotate.protocol is recorded, and a recording has no answers to other texts; use "
            "--unsure-to file, or a study whose teacher can be asked"
        )
    open_tills(plans, runtime, prices)
    nearest = find_examples(params, plans, assets, runtime.device)
    scored = params.method == "score" and aggregate.calibrate
    means = _average(annotations, plans) if scored else None
    return Teacher(task, params, aggregate, runtime, prices, assets, plans, nearest, means)


def _average(annotations: Path, plans: list[Plan]) -> Means:
    """The mean log-probabilities of the labels over the study's texts, by teacher."""
    rows = read_rows(annotations, ANNOTATIONS)
    rows = rows[(rows["status"] == "ok") & rows["label_logprobs"].notna()]
    means = {
        str(name): np.stack(some.to_list()).mean(axis=0) for name, some in rows.groupby("teacher")["label_logprobs"]
    }
    if missing := next((plan.name for plan in plans if plan.name not in means), None):
        raise InputError(
            f"{annotations} has no log-probabilities of {missing}, by which its answers are centred; run 'dvc repro "
            "annotate'"
        )
    return means
