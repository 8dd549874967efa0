"""Each section of params.yaml against its model, also of stages that a run comes to when the teacher is paid already.

What a stage checks of a section beside that is checked here too, if it needs neither texts nor a model.
"""

from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path

from distil.compare.params import CompareParams, list_candidates
from distil.core.params import PARAMS_FILE, Params, TaskParams, load_file, load_params
from distil.core.runtime import RuntimeParams
from distil.cost.basis import load_basis
from distil.cost.params import CostParams
from distil.export.params import ExportParams
from distil.gates.params import GateParams
from distil.labels.params import AggregateParams, SplitParams
from distil.planning.checks import check_prompts
from distil.prompting.params import AnnotateParams
from distil.quality.params import EvaluateParams
from distil.report.params import ReportParams
from distil.revisions.opening import find_commit
from distil.selective.params import CascadeParams
from distil.speed.params import BenchmarkParams
from distil.student.params import TrainParams
from distil.texts.sources import load_source

MODELS: dict[str, type[Params]] = {
    "annotate": AnnotateParams,
    "compare": CompareParams,
    "aggregate": AggregateParams,
    "split": SplitParams,
    "train": TrainParams,
    "export": ExportParams,
    "evaluate": EvaluateParams,
    "benchmark": BenchmarkParams,
    "cost": CostParams,
    "report": ReportParams,
}
"""By the stage that reads the section of its name; the model of `fetch` goes by the source."""


class GatesAlone(Params, extra="ignore"):
    """A params file in which `gates` may be missing, since no stage reads it."""

    gates: GateParams | None = None


def list_checks(stages: Collection[str], prices: Path | None) -> Iterator[Callable[[], object]]:
    """What raises `InputError` if a section is wrong that one of the stages reads, or that all do.

    `prices` is the folder of prices of stage cost.
    """
    yield partial(load_params, "task", TaskParams)
    yield partial(load_params, "runtime", RuntimeParams)
    if "fetch" in stages:
        yield load_source
    for stage, model in MODELS.items():
        if stage in stages:
            yield partial(load_params, stage, model)
    yield partial(load_file, PARAMS_FILE, GatesAlone, "run from the project's folder")
    if "export" in stages:
        yield _check_cascade
    if "compare" in stages:
        yield _check_candidates
    if prices is not None:
        yield lambda: load_basis(load_params("cost", CostParams), prices)
    if "report" in stages:
        yield _check_against


def _check_cascade() -> None:
    load_params("cascade", CascadeParams).check_rows(load_params("split", SplitParams).calibration_share)


def _check_candidates() -> None:
    task, annotate = load_params("task", TaskParams), load_params("annotate", AnnotateParams)
    for section in list_candidates(load_params("compare", CompareParams), annotate).values():
        check_prompts(task, section)


def _check_against() -> None:
    against = load_params("report", ReportParams).against
    if against is not None:
        find_commit(against)
