"""What a model answers with: a number by name for each text or for each token, of which one applies or several may.

A folder says it in config.json in the words of transformers, so that every tool knows it: `id2label`, `architectures`
(one for token classification ends so) and `problem_type`. `thresholds` are our own word: from which probability on a
label applies, by its name.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from distil.core.errors import InputError
from distil.core.params import Kind

PER_TOKEN = "ForTokenClassification"  # noqa: S105 - how transformers names such classes
SEVERAL = "multi_label_classification"  # its `problem_type` where labels do not exclude each other
HALF = 0.5  # the threshold of a folder that names none, as every other tool has it
NEVER = 1.0 + 1e-6  # no probability reaches it
CLASSES: dict[Kind, str] = {  # that run a folder, after Onnx or Torch
    "classification": "Classifier",
    "multi_label": "MultiLabel",
    "token_classification": "Tagger",
}
TOLD: dict[Kind, str] = {
    "classification": "one label a text",
    "multi_label": "several labels a text",
    "token_classification": "tags of tokens",
}


class Outputs(NamedTuple):
    """The names of the outputs; whether each token has its own; whether several may apply at once."""

    names: tuple[str, ...]
    per_token: bool = False
    several: bool = False

    @property
    def kind(self) -> Kind:
        """The kind of task that it is for."""
        return "token_classification" if self.per_token else "multi_label" if self.several else "classification"


def read_outputs(path: Path, config: Mapping[str, Any]) -> Outputs:
    """What a config.json says; raises `InputError`, which names the `path`, if it does not name the outputs."""
    names = config.get("id2label")
    if not isinstance(names, dict) or not names or set(names) != {str(number) for number in range(len(names))}:
        raise InputError(f"{path} has no id2label that names output 0 and up; export a classifier there")
    in_order = tuple(str(names[str(number)]) for number in range(len(names)))
    return Outputs(in_order, has_tags(config), config.get("problem_type") == SEVERAL)


def has_tags(config: Mapping[str, Any]) -> bool:
    """Whether a config.json is that of a model with outputs for each token."""
    classes = config.get("architectures")
    return isinstance(classes, list) and any(str(name).endswith(PER_TOKEN) for name in classes)


def check_kind(path: Path, outputs: Outputs, kind: Kind, library: str) -> None:
    """Raise `InputError` if config.json, at `path`, is of another kind; it names the class that opens the folder."""
    if outputs.kind != kind:
        raise InputError(
            f"{path} is of a model that answers with {TOLD[outputs.kind]}, not {TOLD[kind]}; open its folder with "
            f"{library}{CLASSES[outputs.kind]}, or with open_{library.lower()}"
        )


def read_thresholds(path: Path, config: Mapping[str, Any], outputs: Outputs) -> NDArray[np.float64]:
    """The thresholds of a config.json, shape (labels,), in the order of the outputs; `HALF` where it has none.

    Raises `InputError`, which names the `path`, if they are not one number from 0 to 1 for each label.
    """
    given = config.get("thresholds")
    if given is None:
        return np.full(len(outputs.names), HALF)
    if not isinstance(given, dict) or set(given) != set(outputs.names):
        raise InputError(f"{path} has thresholds for other labels than id2label names; 'dvc repro' writes it anew")
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= NEVER:
            raise InputError(
                f"{path} has a threshold of {value!r:.40} for {name!r:.40}, no number from 0 to 1; 'dvc repro' writes "
                "it anew"
            )
    return np.array([given[name] for name in outputs.names], dtype=np.float64)
