"""Presets of teachers: small files of what the sections `annotate` and `runtime` need for one kind of endpoint.

What a preset says is checked by the models of these sections. The study brings the rest: the prompt, and how long an
answer of its kind may be, unless the preset says so. Its comments go along into the study's params.yaml.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from distil.core.errors import InputError
from distil.core.params import Params, load_file
from distil.core.runtime import RuntimeParams
from distil.core.yaml_files import UnsafeYamlError, load_yaml
from distil.new_study.inline import write_inline
from distil.prompting.params import AnnotateParams, explain_first

FOLDER = "presets/teachers"
SUFFIX = ".yaml"
OF_THE_STUDY = {"prompt", "examples"}
BESIDE = "beside"  # a key that stands for those of the study
MODEL = re.compile(
    r"""^(\ \ model:)\ +
    (?: "(?:[^"\\\n]|\\.)*" | '(?:[^'\n]|'')*' | [^"'\s][^\n]*? )
    (?= \ +\# | \ *$ )""",
    re.MULTILINE | re.VERBOSE,
)


class PresetAnnotate(AnnotateParams):
    """The section `annotate` without what a study brings."""

    prompt: str = "prompts/task.md"
    max_tokens: int = Field(default=1, ge=1)


class PresetParams(Params):
    """A file of presets/teachers."""

    annotate: PresetAnnotate
    runtime: RuntimeParams = RuntimeParams()


@dataclass(frozen=True)
class TeacherPreset:
    """A preset that was read: its name, what it says of itself at its head, its values, its sections' lines."""

    name: str
    about: list[str]
    params: PresetParams
    annotate: str
    runtime: str


def load_preset(name: str, project: Path, model: str | None = None) -> TeacherPreset:
    """Read a preset of the project by its name, or any by its path; `model` takes the place of its model.

    Raises `InputError` if there is none of that name, or for the first thing that is wrong in it.
    """
    path = Path(name) if name.endswith(SUFFIX) else project / FOLDER / f"{name}{SUFFIX}"
    known = ", ".join(list_presets(project))
    params = load_file(path, PresetParams, f"--teacher takes the path of a preset, or one of: {known}")
    text = path.read_text(encoding="utf-8")
    if own := params.annotate.model_fields_set & OF_THE_STUDY:
        raise InputError(f"{path}: annotate.{min(own)} is the study's own, which distil new writes; take it out")
    if model is not None:
        text = _replace_model(text, model, path)
        params = _name_model(params, model)
    about = [line.lstrip("# ") for line in takewhile(lambda line: line.startswith("#"), text.splitlines())]
    annotate, runtime = (_read_lines(text, section, path) for section in ("annotate", "runtime"))
    return TeacherPreset(path.stem, about, params, annotate, runtime)


def list_presets(project: Path) -> list[str]:
    """The names of the project's presets."""
    return sorted(path.stem for path in (project / FOLDER).glob(f"*{SUFFIX}"))


def _replace_model(text: str, model: str, path: Path) -> str:
    """The preset's text with another model; raises `InputError` if it has no line for it alone."""
    changed, found = MODEL.subn(lambda found: f"{found[1]} {write_inline(model)}", text)
    with suppress(UnsafeYamlError):
        if found == 1 and load_yaml(changed)["annotate"].get("model") == model:
            return changed
    raise InputError(f"{path} has no line of its own for annotate.model, in whose place --model would go")


def _name_model(params: PresetParams, model: str) -> PresetParams:
    """The preset with another model; raises `InputError` if it can have none of that name."""
    if not model.strip() or not model.isprintable():
        raise InputError(f"--model {model!r} names no model: it is blank, or has a control character; write it anew")
    said = params.annotate.model_dump(exclude_unset=True)
    try:
        changed = PresetAnnotate.model_validate(said | {"model": model})
    except ValidationError as error:
        raise InputError(f"--model {model!r} does not fit the preset ({explain_first(error)}); leave it out") from None
    return params.model_copy(update={"annotate": changed})


def _read_lines(text: str, section: str, path: Path) -> str:
    """The lines of a section with their comments, indented by two; raises `InputError` if it is not written so."""
    values: Any = load_yaml(text).get(section)
    if values is None:
        return ""
    found = re.search(rf"^{section}:[^\n]*\n((?:(?: [^\n]*)?\n)+)", f"{text}\n", re.MULTILINE)
    lines = found[1].rstrip() if found else ""
    with suppress(UnsafeYamlError):
        if load_yaml(f"{section}:\n  {BESIDE}: 0\n{lines}\n") == {section: {BESIDE: 0} | values}:
            return lines
    raise InputError(f"{path}: write the keys of {section} on lines of their own, indented by two blanks")
