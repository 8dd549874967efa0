"""The command `distil plan`: what `dvc repro` would run now and why, what that would ask and cost, what would fail."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from distil.annotate.held_out import check_examples
from distil.annotate.questions import Job
from distil.assets.packages import file_sha256
from distil.cli.project import list_stages, open_comparison, open_job, stage_path
from distil.core.errors import DistilError, InputError, describe_error
from distil.core.metrics import read_details
from distil.core.params import TaskParams, load_params
from distil.core.runtime import RuntimeParams
from distil.cost.prices import PriceParams
from distil.labels.params import SplitParams
from distil.planning.checks import (
    Finding,
    attempt,
    check_budget,
    check_cache,
    check_endpoints,
    check_labels,
    check_missing,
    check_prompts,
    knock,
)
from distil.planning.forecasts import Outlay, forecast_job
from distil.planning.pipeline import Step, read_pipeline
from distil.planning.prospect import RUNS, Asking, Prospect, Whole, answers_differ, reckon_whole
from distil.planning.reasons import explain, open_history
from distil.planning.sections import list_checks
from distil.planning.telling import tell_prospect
from distil.prompting.params import AnnotateParams
from distil.revisions.opening import find_commit
from distil.revisions.tracked import read_tracked
from distil.store.answer_store import Store
from distil.store.opening import open_store, store_path
from distil.texts.sources import load_source

Found = TypeVar("Found")
KEEPS = ("unchanged", "frozen")  # states of a stage whose outputs stay as they lie here
FAILED = 2  # as git diff ends, where 1 says that there is a difference


def plan(
    revision: Annotated[
        str | None, typer.Argument(help="Against what a branch, tag or commit has computed; else what is here.")
    ] = None,
    *,
    check: Annotated[bool, typer.Option("--check", help="Ask each endpoint for its models, which is free.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for scripts.")] = False,
) -> None:
    """Say what `dvc repro` would run now and why, what it would ask and cost, and what would fail. Runs nothing.

    Exit codes are those of `git diff --exit-code`: 0 no stage would run, 1 one would or may, 2 something would fail.
    """
    try:
        prospect, runtime = look_ahead(revision, check=check)
    except DistilError as error:
        typer.echo(f"error: {describe_error(error)}", err=True)
        raise typer.Exit(FAILED) from None
    typer.echo(prospect.as_json() if as_json else "\n".join(tell_prospect(prospect, runtime)))
    raise typer.Exit(prospect.exit_code)


def look_ahead(revision: str | None, *, check: bool) -> tuple[Prospect, RuntimeParams]:
    """The plan; raises `InputError` where there is no project, or no such revision."""
    commit = find_commit(revision) if revision is not None else None
    lock = None if commit is None else (read_tracked(commit, "dvc.lock") or b"").decode("utf-8", "replace")
    study = Study()
    steps = read_pipeline(lock, differs=lambda step: study.find_differing(step, commit))
    findings = [*study.findings, *check_missing(steps), *check_cache(steps)]
    if lock == "":
        findings.append(Finding("note", f"revision {revision!r} has no dvc.lock, so it has computed nothing"))
    by_name = {step.name: step for step in steps}
    asking = study.forecast(by_name, findings)
    fetched = study.read_fetched(by_name.get("fetch"))
    findings += study.check(asking, fetched)
    if check:
        findings += knock(study.teachers_of("annotate", "compare"), study.runtime)
    reasons = list(explain(steps, open_history(commit)))
    against = (revision, commit) if revision is not None and commit is not None else None
    return Prospect(reasons, asking, reckon_all(asking, fetched), list(dict.fromkeys(findings)), against), study.runtime


class Study:
    """What the params say, as far as they are sound; what is wrong with them is among the `findings`."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        stages = list_stages()
        self.task = self._load(lambda: load_params("task", TaskParams))
        self.annotate = self._load(lambda: load_params("annotate", AnnotateParams))
        self.runtime = self._load(lambda: load_params("runtime", RuntimeParams)) or RuntimeParams()
        self._load(lambda: load_params("cost", PriceParams))
        self.source = self._load(load_source)
        if self.task and self.annotate:
            task, annotate = self.task, self.annotate
            self._load(lambda: check_prompts(task, annotate))
        self.job = self.candidates = None
        texts = stage_path("annotate", "--texts")
        if self.task and self.annotate and not self.findings and texts.is_file():
            task, annotate = self.task, self.annotate
            self._load(lambda: check_examples(task, annotate, texts, load_params("split", SplitParams, optional=True)))
            self.job = self._load(lambda: open_job()[0])
            self.candidates = self._load(open_comparison) if "compare" in stages else None
        for check in list_checks(stages, stage_path("cost", "--prices") if "cost" in stages else None):
            self._load(check)

    def _load(self, load: Callable[[], Found]) -> Found | None:
        return attempt(load, self.findings)

    def teachers_of(self, *stages: str) -> list[AnnotateParams]:
        """Each teacher that annotate asks, and each candidate that compare does."""
        teachers = self.annotate.each_teacher() if self.annotate and "annotate" in stages else []
        candidates = self.candidates.plans if self.candidates and "compare" in stages else []
        return [*teachers, *(plan.params for plan in candidates)]

    def find_differing(self, step: Step, commit: str | None) -> list[str]:
        """The outputs of fetch and annotate that cannot come out as they were: others are asked, or otherwise."""
        options: list[str] = []
        if step.name == "fetch" and commit is None:
            told, texts = self._read(stage_path("fetch", "--metrics")).get("texts"), self._count_texts_then(step)
            options = ["--texts", "--metrics"] if texts not in (None, told) else []
        if step.name == "annotate" and self.annotate:
            differing = self._compare_asking(self._read(stage_path("annotate", "--metrics"), commit), self.annotate)
            options = ["--metrics"] if differing else []
            table = stage_path("annotate", "--annotations")
            if differing & {"votes", "teacher"} or (commit is None and self.job and answers_differ(self.job, table)):
                options.append("--annotations")
        return [stage_path(step.name, option).as_posix() for option in options]

    def _compare_asking(self, told: Mapping[str, Any], params: AnnotateParams) -> set[str]:
        """What the metrics of annotate tell otherwise than the params now do."""
        votes = params.votes
        now = params.model_dump(include={"prompt", "method", "protocol"}) | {
            "prompt_sha256": file_sha256(Path(params.prompt)),
            "votes": votes.min if votes.fixed else votes.model_dump(),
            "teacher": params.name,
        }
        return {key for key, value in now.items() if told.get(key, value) != value}

    def forecast(self, steps: Mapping[str, Step], findings: list[Finding]) -> list[Asking]:
        """What annotate has before it, and compare if it names candidates."""
        asking = []
        sent: set[str] = set()
        with open_store(store_path()) as store:
            for name, job in (("annotate", self.job), ("compare", self.candidates)):
                if name not in steps or (name == "compare" and job is None):
                    continue
                state = steps[name].state
                outlay = self._count(name, job, store, sent, findings) if job else None
                if name == "annotate" and state in RUNS and self.job and self.candidates:
                    sent = find_shared(self.job, self.candidates)
                asking.append(Asking(name, outlay, state, *self._foresee_texts(steps), self._find_rate(name)))
        return asking

    def _count(
        self, name: str, job: Job, store: Store, sent: Collection[str], findings: list[Finding]
    ) -> Outlay | None:
        if name == "compare":
            return attempt(lambda: forecast_comparison(job, store, self.runtime, sent), findings)
        return attempt(lambda: forecast_job(job, store, self.runtime, load_params("cost", PriceParams)), findings)

    def read_fetched(self, fetch: Step | None) -> Mapping[str, Any]:
        """What fetch told of the texts; empty where it may tell something else when its turn comes."""
        stays = fetch is None or fetch.state in KEEPS or _differs_in_limit_alone(fetch)
        return self._read(stage_path("fetch", "--metrics")) if stays else {}

    def check(self, asking: Sequence[Asking], fetched: Mapping[str, Any]) -> Iterator[Finding]:
        """What would fail, or be of no use, by what is known without a network."""
        if self.task:
            yield from check_labels(fetched, self.task.labels)
        for one in asking:
            if one.bounds != (0, 0):
                yield from check_endpoints(self.teachers_of(one.stage), self.runtime)
                yield from check_budget(one.outlay) if one.outlay else ()

    def _foresee_texts(self, steps: Mapping[str, Step]) -> tuple[bool, int | None]:
        """Whether the texts that lie here are those that will be asked about, and else how many there will be."""
        fetch = steps.get("fetch")
        if fetch is None or fetch.state in KEEPS:
            return True, None
        return False, self._count_texts_then(fetch)

    def _count_texts_then(self, fetch: Step) -> int | None:
        """How many texts there will be, where nothing but `fetch.limit` changes; None where nobody knows."""
        told = self._read(stage_path("fetch", "--metrics"))
        in_all = told.get("in_all", told.get("texts"))
        if not self.source or not in_all or not _differs_in_limit_alone(fetch):
            return None
        return min(self.source.limit or int(in_all), int(in_all))

    def _find_rate(self, stage: str) -> float | None:
        """Answers a second of the last run that asked the same teacher."""
        told = self._read(stage_path(stage, "--metrics")) if stage == "annotate" else {}
        is_same = self.annotate is not None and told.get("teacher") == self.annotate.name
        return (told.get("run") or {}).get("answers_per_s") if is_same else None

    def _read(self, metrics: Path, commit: str | None = None) -> dict[str, Any]:
        """Details of a metric file, also at a commit; empty where it cannot be read, which is for the stage to tell."""
        try:
            if commit is None:
                return dict(read_details(metrics))
            (details,) = json.loads(read_tracked(commit, metrics.as_posix()) or b"{}")["details"]
            return dict(details)
        except (InputError, LookupError, TypeError, ValueError):
            return {}


def reckon_all(asking: Sequence[Asking], fetched: Mapping[str, Any]) -> Whole | None:
    """What all texts would take, where `fetch.limit` took some of them."""
    in_all = fetched.get("in_all", 0)
    outlay = asking[0].outlay if asking and asking[0].stage == "annotate" else None
    if not outlay or in_all <= outlay.texts:
        return None
    return reckon_whole(outlay, in_all, asking[0].answers_per_s)


def _differs_in_limit_alone(fetch: Step) -> bool:
    return {change.what for change in fetch.changes} == {"fetch.limit"}


def forecast_comparison(job: Job, store: Store, runtime: RuntimeParams, sent: Collection[str] = ()) -> Outlay:
    """What the candidates would be asked, but for what is `sent` anyway; raises `InputError` where the stage would."""
    from distil.compare.job import check_recordings  # half a second to import, and most studies have no candidates
    from distil.compare.prices import price_by_model

    check_recordings(job, store, stage_path("compare", "--assets"))
    given = price_by_model(load_params("cost", PriceParams), load_params("annotate", AnnotateParams))
    return forecast_job(job, store, runtime, given, sent)


def find_shared(job: Job, candidates: Job) -> set[str]:
    """The keys of what the study's teachers are asked for certain about the compared rows."""
    votes = {plan.name: plan.params.votes.min * len(plan.asked) for plan in job.plans}
    return {
        request.key
        for batch in candidates.questions()
        for question in batch
        for plan in job.plans
        for request in plan.requests(question.text, question.examples)[: votes[plan.name]]
    }
