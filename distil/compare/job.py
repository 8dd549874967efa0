"""The job of a comparison: a plan a candidate, all over the same rows, checked before anything is asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from distil.annotate.questions import Job, find_examples, form_of_answers, form_of_parts
from distil.assets.references import resolve
from distil.compare.params import CompareParams, list_candidates
from distil.compare.rows import ComparedRows, choose_rows
from distil.core.errors import InputError
from distil.core.params import TaskParams
from distil.core.tables import ANNOTATIONS, TEXTS, read_labelled
from distil.forms.labelling import load_labelling
from distil.labels.params import SplitParams
from distil.prompting.params import AnnotateParams
from distil.prompting.prompt_files import read_prompt
from distil.prompting.requests import Plan
from distil.store.answer_store import Store
from distil.teacher.connect import identify
from distil.teacher.recording import Recording

COMPARED = pa.schema([pa.field("candidate", pa.string(), nullable=False), *ANNOTATIONS])
"""Annotations, with the name of the candidate that gave each; `teacher` is its model."""


@dataclass(frozen=True)
class Comparison:
    """The candidates in full, by name, the rows, and the job of asking about these."""

    candidates: dict[str, AnnotateParams]
    rows: ComparedRows
    job: Job


def make_comparison(
    params: CompareParams,
    annotate: AnnotateParams,
    task: TaskParams,
    split: SplitParams,
    texts: Path,
    prompts: Path,
    assets: Path,
    device: str,
) -> Comparison:
    """The comparison that the sections describe, which name candidates; `check_recordings` is left to the caller.

    Raises `InputError` if a candidate cannot be asked so, a prompt is missing, not in `prompts` or without a place for
    the text, a model is not there, or the rows cannot be as they are named.
    """
    candidates = list_candidates(params, annotate)
    _check_prompt_places(candidates, annotate.prompt, prompts)
    name_labels = load_labelling(task.kind).form.name_labels
    rows = choose_rows(read_labelled(texts, TEXTS, "gold", task.labels, name_labels), params.rows, split, assets)
    plans = []
    for name, section in candidates.items():
        prompt = read_prompt(Path(section.prompt), f"the candidate {name!r}")
        form, parts = form_of_answers(task, section), form_of_parts(task, section)
        plans.append(Plan(section, task.labels, form, prompt, identify(section, assets), name, parts))
    job = Job(plans, texts, find_examples(annotate, plans, assets, device), set(rows.table["id"]))
    return Comparison(candidates, rows, job)


def _check_prompt_places(candidates: Mapping[str, AnnotateParams], known: str, prompts: Path) -> None:
    """Refuse a prompt, but for the `known` one, outside the folder that the stage depends on: DVC would not see it."""
    for name, params in candidates.items():
        if params.prompt != known and prompts.resolve() not in Path(params.prompt).resolve().parents:
            raise InputError(
                f"the prompt {params.prompt} of the candidate {name!r} is not in {prompts}/, so a change of it would "
                "run nothing; put it there"
            )


def check_recordings(job: Job, store: Store, assets: Path) -> None:
    """Refuse a recording that lacks an answer to one of the rows, where the store does not have it either."""
    for plan in job.plans:
        if not plan.params.recording:
            continue
        missing = {request.text for request in job.missing(plan, store)}
        if not missing:
            continue
        files = [resolve(file, assets) for file in plan.params.recording.files]
        recording = Recording(plan.params.recording, files)
        absent = sorted(text for text in missing if text not in recording)
        if absent:
            raise InputError(
                f"the recording of the candidate {plan.name!r} has no answer to {len(absent):,} of {job.text_count:,} "
                f"rows, the first is {absent[0][:60]!r}; name rows that it has in compare.rows, or add its files"
            )
