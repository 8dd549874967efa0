"""What a model answers with: a number by name for each text or for each token, of which one applies or several may.

A folder says it in config.json in the words of transformers, so that every tool knows it: `id2label`, `architectures`
(one for token classification ends so) and `problem_type`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from distil.core.errors import InputError

PER_TOKEN = "ForTokenClassification"  # noqa: S105 - how transformers names such classes
SEVERAL = "multi_label_classification"  # its `problem_type` where labels do not exclude each other


class Outputs(NamedTuple):
    """The names of the outputs; whether each token has its own; whether several may apply at once."""

    names: tuple[str, ...]
    per_token: bool = False
    several: bool = False


def read_outputs(path: Path, config: Mapping[str, Any]) -> Outputs:
    """What a config.json says; raises `InputError`, which names the `path`, if it does not name the outputs."""
    names = config.get("id2label")
    if not isinstance(names, dict) or not names or set(names) != {str(number) for number in range(len(names))}:
        raise InputError(f"{path} has no id2label that names output 0 and up; export a classifier there")
    classes = config.get("architectures")
    per_token = isinstance(classes, list) and any(str(name).endswith(PER_TOKEN) for name in classes)
    in_order = tuple(str(names[str(number)]) for number in range(len(names)))
    return Outputs(in_order, per_token, config.get("problem_type") == SEVERAL)
