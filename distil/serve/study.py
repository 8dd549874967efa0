"""The prompt of the study in the working folder, for `/v1/chat/completions`."""

from collections.abc import Sequence
from pathlib import Path

from distil.core.errors import InputError
from distil.core.params import PARAMS_FILE, Kind, TaskParams, load_params
from distil.forms.labelling import load_labelling, load_parts
from distil.prompting.params import AnnotateParams
from distil.prompting.prompt_files import read_prompt
from distil.prompting.requests import Plan
from distil.serve.chat import Chat


def open_chat(kind: Kind, labels: Sequence[str]) -> Chat:
    """What answers the prompt of the study here; raises `InputError` if it is not the study of such a student."""
    task, params = load_params("task", TaskParams), load_params("annotate", AnnotateParams)
    if task.kind != kind or sorted(task.labels) != sorted(labels):
        raise InputError(
            f"{PARAMS_FILE} is of a study with other labels than the student's; start distil serve in the folder of "
            "its own study"
        )
    answers = load_labelling(kind).answers
    parts = load_parts(kind) if params.ask == "each" else None
    first = params.each_teacher()[0]
    plan = Plan(first, task.labels, answers, read_prompt(Path(params.prompt)), first.name, parts=parts)
    return Chat(task.name, plan, answers, parts)
