"""Read a prompt file: the turn in which a text is asked about, and what goes before it.

The file may begin with front matter, YAML between two lines `---`, of which each key may be left out:

    ---
    system: You know products well. Answer with one of {labels}.
    examples:
      - text: the strap tore on the first walk
        label: negative
        reason: A strap that tears at once is of no use.
    ---
    Sentence: {text}
    Sentiment:

Only `{text}` and `{labels}` are filled in, and `{label}` where `annotate.ask` is each; every other brace is text, in
the prompt and in what is filled in. The body is shown once for each example, so an instruction is better said once, as
the system message.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

from distil.core.errors import InputError
from distil.core.links import check_ends
from distil.core.params import Params, show_value
from distil.core.yaml_files import UnsafeYamlError, load_yaml

FENCE = "---"


def _trim(text: str) -> str:
    if not text.strip():
        raise ValueError("is blank")
    return text.rstrip("\n")


Text = Annotated[str, AfterValidator(_trim)]
"""Some text, without the newlines that a YAML block leaves at its end."""


def _check_written(label: Any) -> Any:
    if not isinstance(label, str | list | dict):
        raise ValueError("should be text, or a list (write it in quotes)")  # noqa: TRY004 (pydantic takes a ValueError)
    return label


class Example(Params):
    """A text with its label, and perhaps the reason for it, to be shown to the teacher.

    The label is as its file has it, until the kind of task reads it.
    """

    text: Text
    label: Annotated[Any, AfterValidator(_check_written)]
    reason: Text | None = None


class FrontMatter(Params):
    """What may stand before a prompt's body."""

    system: Text | None = None
    examples: list[Example] = Field(default_factory=list)

    @field_validator("system")
    @classmethod
    def _check_system(cls, system: str | None) -> str | None:
        if system and "{text}" in system:
            raise ValueError("{text} belongs below the front matter")
        return system


@dataclass(frozen=True)
class Prompt:
    """A prompt as its file says it, nothing filled in: the body holds `{text}`, the system message does not."""

    body: str
    system: str | None = None
    examples: tuple[Example, ...] = ()


def read_prompt(path: Path, named_by: str = "annotate.prompt") -> Prompt:
    """Read a prompt file; newlines around the body are dropped. `named_by` is the key in params.yaml that names it.

    Raises `InputError` if the file is missing or not UTF-8, if its front matter is not as above, or if the body does
    not say where the text goes.
    """
    check_ends(path, f"the prompt {path}")
    try:
        content = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"the prompt {path} is missing; {named_by} in params.yaml names it") from None
    except OSError as error:
        raise InputError(f"the prompt {path} cannot be read ({error.strerror}); {named_by} names it") from None
    except UnicodeDecodeError as error:
        raise InputError(f"the prompt {path} is not UTF-8 at byte {error.start}; save it as UTF-8") from None
    front, body = _split(content, path)
    if "{text}" not in body:
        raise InputError(f"the prompt {path} has no {{text}}; write it where each text should go")
    matter = _read_front_matter(front, path)
    return Prompt(body, matter.system, tuple(matter.examples))


def check_reason(reason: str | None, place: str) -> None:
    """Raise `InputError`, with the place, if an example lacks the reason that `annotate.json_schema` asks for."""
    if not reason:
        raise InputError(f"{place}: no reason, which annotate.json_schema asks for; add one, or set it to false")


def check_label_place(prompt: Prompt, path: str) -> None:
    """Raise `InputError` if a prompt that is to ask about each label by itself does not say where the label goes."""
    if "{label}" not in prompt.body + (prompt.system or ""):
        raise InputError(
            f"the prompt {path} has no {{label}}, which annotate.ask = 'each' fills in; write it where each label "
            "should go, or set ask: together"
        )


def fill_labels(template: str, labels: Sequence[str], label: str | None = None) -> list[str]:
    """Fill in the labels, separated by commas, and cut the template where the text goes.

    `{label}` becomes the `label`, if there is one. `text.join(...)` of what is returned fills in a text, braces and
    all.
    """
    filled = {"{labels}": ", ".join(labels)} | ({} if label is None else {"{label}": label})
    holes = re.compile("|".join(map(re.escape, filled)))
    return [holes.sub(lambda hole: filled[hole[0]], piece) for piece in template.split("{text}")]


def _split(content: str, path: Path) -> tuple[str, str]:
    """The front matter, on the lines where it stands and empty where there is none, and the body."""
    lines = content.split("\n")
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    if lines[first].rstrip() != FENCE:
        return "", content.rstrip("\n")
    for number, line in enumerate(lines[first + 1 :], start=first + 1):
        if line.rstrip() == FENCE:
            blank = [""] * (first + 1)
            return "\n".join([*blank, *lines[first + 1 : number]]), "\n".join(lines[number + 1 :]).strip("\n")
    raise InputError(f"the prompt {path} begins with {FENCE}, but no other line {FENCE} ends its front matter; add one")


def _read_front_matter(front: str, path: Path) -> FrontMatter:
    try:
        values = load_yaml(front)
    except UnsafeYamlError as error:
        raise InputError(f"the prompt {path}{error.where}: the front matter is not YAML: {error.problem}") from None
    try:
        return FrontMatter.model_validate({} if values is None else values)
    except ValidationError as error:
        raise InputError(f"the prompt {path}: {_explain(error.errors()[0])}") from None


def _explain(detail: ErrorDetails) -> str:
    model: type[Params] = FrontMatter
    place = [str(part) for part in detail["loc"]]
    if len(place) > 1:
        place, model = [f"example {int(place[1]) + 1}", *place[2:]], Example
    name = ", ".join(place) or "the front matter"
    if detail["type"] == "extra_forbidden":
        return f"{name}: unknown key; allowed here: {', '.join(model.model_fields)}"
    if detail["type"] == "missing":
        return f"{name} is missing"
    hint = " (write it in quotes)" if detail["type"] == "string_type" else ""
    return f"{name}{show_value(detail['input'])}: {detail['msg'].removeprefix('Value error, ')}{hint}"
