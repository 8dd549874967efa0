"""Load one section of params.yaml, or a file of prices/, and check it, key by key.

Strings stay strings: YAML reads an unquoted yes, no, on or 1 as something else, and a strict model says so instead of
guessing. Numbers are lenient in one way: PyYAML reads `1e-3` as text where DVC reads a number, so text that spells a
number is one.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails

from distil.core.errors import InputError
from distil.core.harmless import printable
from distil.core.secrets import hide_credentials
from distil.core.yaml_files import UnsafeYamlError, load_yaml

PARAMS_FILE = Path("params.yaml")
KEY_FIELD = "api_key_env"  # of which no value is shown: it may be the key itself
LONGEST_VALUE = 60  # characters of a mapping or a list that a message shows
LONGEST_TEXT = 200  # of any other value


class Params(BaseModel):
    """A section of params.yaml, a file of prices/, or a part of one: unknown keys and ill-typed values are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


Section = TypeVar("Section", bound=Params)


def _read_number(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


Number = Annotated[float, BeforeValidator(_read_number), Field(allow_inf_nan=False)]
"""A float that may be written as 3, 0.5, 1e-3 or 1.0e-3; neither NaN nor infinity."""


Kind = Literal["classification", "multi_label", "token_classification"]
"""What a text gets: one label, a set of labels, or spans with a label each."""


class TaskParams(Params):
    """The section `task`: what is labelled, and as what."""

    name: str = Field(min_length=1)
    kind: Kind = "classification"
    description: str = Field(min_length=1)
    language: str = Field(min_length=2)
    labels: list[str]

    @field_validator("labels")
    @classmethod
    def _check_labels(cls, labels: list[str], info: ValidationInfo) -> list[str]:
        if len(labels) < 2 and info.data.get("kind") == "classification":
            raise ValueError("a classifier needs at least two labels")
        if not labels:
            raise ValueError("there is no label")
        if len(set(labels)) < len(labels):
            raise ValueError("a label stands twice")
        if info.data.get("kind") != "classification" and "none" in map(str.casefold, labels):
            raise ValueError("none is what a text without any label gets; name the label otherwise")
        if any(label != label.strip() or not label for label in labels):
            raise ValueError("a label is empty or has a blank at its ends")
        if any(printable(label) != label for label in labels):
            raise ValueError("a label has a control character, or one that changes the direction of writing")
        return labels


def load_params(section: str, model: type[Section], path: Path = PARAMS_FILE, *, optional: bool = False) -> Section:
    """Return the section of the params file as a checked model; one that is `optional` and not there is an empty one.

    Raises `InputError` with the file, the key, the value and what is allowed, for the first thing that is wrong; an
    unknown key goes first.
    """
    sections = _read_yaml(path, "run from the project's folder, or copy one of presets/ there")
    if section not in sections and not optional:
        raise InputError(f"{path} has no section '{section}'; it has: {', '.join(map(str, sections)) or 'none'}")
    return _check(sections.get(section) or {}, model, path, section)


def load_file(path: Path, model: type[Section], remedy: str) -> Section:
    """Return a whole file as a checked model.

    Raises `InputError` as `load_params` does; `remedy` says what to do if the file is missing.
    """
    return _check(_read_yaml(path, remedy), model, path)


def load_rows(path: Path, model: type[Section], remedy: str) -> dict[str, Section]:
    """Return a file's rows, each under a key of its own, as checked models; raises `InputError` as `load_file` does."""
    return {str(key): _check(row or {}, model, path, str(key)) for key, row in _read_yaml(path, remedy).items()}


def _check(values: Any, model: type[Section], path: Path, *place: str) -> Section:
    """The values that stand at a place in a file as a model."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        found = error.errors()
        first = next((detail for detail in found if detail["type"] == "extra_forbidden"), found[0])
        raise InputError(f"{path}: {_explain(place, first, model)}") from None  # a key misspelt is also one missing


def _read_yaml(path: Path, remedy: str) -> dict[str, Any]:
    try:
        sections = load_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} is missing; {remedy}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); {remedy}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8; save it as UTF-8") from None
    except UnsafeYamlError as error:
        raise InputError(f"{path}{error.where} is not YAML: {error.problem}") from None
    if not isinstance(sections, dict):
        raise InputError(f"{path} must hold sections (key: value), not {type(sections).__name__}")
    return sections


def _explain(place: Sequence[str], detail: ErrorDetails, model: type[BaseModel]) -> str:
    key = ".".join([*place, *map(str, detail["loc"])])
    if detail["type"] == "extra_forbidden":
        parent = _keys_beside(detail, model)
        return f"unknown key {key}" + (f"; allowed here: {', '.join(parent)}" if parent else "")
    if detail["type"] == "missing":
        return f"{key} is missing"
    hint = " (write it in quotes)" if detail["type"] == "string_type" else ""
    problem = detail["msg"].removeprefix("Value error, ")
    if detail["type"] in ("model_type", "dict_type"):
        problem = "write a mapping of keys and values"
    shown = "" if KEY_FIELD in detail["loc"] else show_value(detail["input"])
    return f"{key}{shown}: {problem}{hint}"


def show_value(value: Any) -> str:
    """A value as a message shows it after its key: of a long text the beginning, of a long mapping or list nothing."""
    shown = hide_credentials(repr(value))
    if isinstance(value, dict | list):
        return f" = {shown}" if len(shown) <= LONGEST_VALUE else ""
    return f" = {shown}" if len(shown) <= LONGEST_TEXT else f" = {shown[:LONGEST_TEXT]}..."


def _keys_beside(detail: ErrorDetails, model: type[BaseModel]) -> list[str]:
    """The keys that are known at the place of an unknown one."""
    inner: type[BaseModel] | None = model
    for part in detail["loc"][:-1]:
        if inner and part in inner.model_fields:  # else it is a place in a list or a mapping of such models
            inner = _find_model(inner.model_fields[str(part)].annotation)
    return list(inner.model_fields) if inner else []


def _find_model(annotation: Any) -> type[BaseModel] | None:
    """The model in an annotation, which may be one of it, of a list or mapping of it, or of it or nothing."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_find_model, get_args(annotation))), None)
