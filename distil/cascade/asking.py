"""Ask the study's teacher about texts of which a student is not sure enough, as `annotate` asks it about texts.

Answers go through the same store, so that what was paid for is never paid for again; prompt, votes, budget and the
reading of answers are those of the sections `annotate`, `aggregate` and `runtime`.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from distil.annotate.answers import ask_missing, check_failures, write_answers
from distil.annotate.budget import open_tills
from distil.annotate.questions import make_job
from distil.annotate.rows import RowMaker
from distil.annotate.summary import AnsweringTime
from distil.core.params import TaskParams, load_params
from distil.core.runtime import RuntimeParams
from distil.core.tables import ANNOTATIONS, read_rows
from distil.cost.prices import PriceParams
from distil.kinds.labelling import load_labelling
from distil.labels.params import AggregateParams
from distil.prompting.params import AnnotateParams
from distil.store.guards import one_run_at_a_time
from distil.store.opening import open_store, store_path

COMMAND = "predict"  # what messages call the run
LEAST_USD = 1e-9  # of a budget, which is above 0


@dataclass
class Teacher:
    """The study's teacher: what it is asked, how its votes are reduced, and how it is reached from here.

    `annotations` are what it said of the study's texts: log-probabilities are centred over all that it was asked.
    `spent_usd` is what the answers cost that were asked for so far: the budget holds for all of them.
    """

    task: TaskParams
    params: AnnotateParams
    aggregate: AggregateParams
    runtime: RuntimeParams
    prices: PriceParams
    assets: Path
    annotations: Path
    spent_usd: float = 0.0

    @property
    def sha256(self) -> str:
        """The hash of all that its labels depend on, but for the texts."""
        sections = [one.model_dump(mode="json") for one in (self.task, self.params, self.aggregate)]
        told = json.dumps(sections, sort_keys=True).encode() + Path(self.params.prompt).read_bytes()
        return hashlib.sha256(told).hexdigest()

    def ask(self, texts: Path) -> dict[str, str]:
        """The teacher's label of each text of a table of `tables.TEXTS`, by id, but for those on which it abstains.

        Raises the errors of `annotate`; every answer that came is in the store, and the next call asks for the rest.
        """
        labelling = load_labelling(self.task.kind)
        job = make_job(self.task, self.params, texts, self.assets, self.runtime.device)
        runtime = self._leave_budget()
        tills = open_tills(job.plans, runtime, self.prices)
        makers = {plan.name: RowMaker(plan, labelling.form) for plan in job.plans}
        times = dict.fromkeys(makers, AnsweringTime())
        with open_store(store_path()) as store, TemporaryDirectory() as folder:
            with one_run_at_a_time(store, job.plans, COMMAND):
                outcome = ask_missing(job, store, tills, runtime, self.assets, COMMAND)
            self.spent_usd += sum(till.spent for till in tills.values())
            check_failures(outcome, self.params.max_failed_share)
            path = Path(folder) / "annotations.parquet"
            write_answers(path, ANNOTATIONS, job, store, makers, times, outcome, all_may_abstain=True)
            rows = read_rows(path, ANNOTATIONS)
        asked = set(rows["id"])
        if self.params.method == "score":
            rows = pd.concat([rows, read_rows(self.annotations, ANNOTATIONS)])
        settings = self.aggregate.min_agreement, self.aggregate.calibrate
        decided = labelling.votes.decide_labels(rows, self.task.labels, settings[0], calibrated=settings[1])
        found: dict[str, str] = decided.loc[decided.index.isin(asked), "teacher_label"].dropna().to_dict()
        return found

    def _leave_budget(self) -> RuntimeParams:
        """The section `runtime` with what is left of the budget."""
        budget = self.runtime.budget_usd
        if budget is None:
            return self.runtime
        return self.runtime.model_copy(update={"budget_usd": max(budget - self.spent_usd, LEAST_USD)})


def load_teacher(assets: Path, annotations: Path) -> Teacher:
    """The teacher of the study in the working folder; raises `InputError` if a section is missing or wrong."""
    return Teacher(
        task=load_params("task", TaskParams),
        params=load_params("annotate", AnnotateParams),
        aggregate=load_params("aggregate", AggregateParams),
        runtime=load_params("runtime", RuntimeParams),
        prices=load_params("cost", PriceParams),
        assets=assets,
        annotations=annotations,
    )
