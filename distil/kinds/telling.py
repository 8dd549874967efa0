"""What differs between kinds of task where the outcome is told.

Each kind has a room with the modules words and examples, and the templates usage.md and examples.html beside them.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import cast

from distil.core.params import Kind
from distil.forms.telling import ExampleForm, Words


@dataclass(frozen=True)
class Telling:
    """The words and examples of a kind, and the package that has its templates."""

    words: Words
    examples: ExampleForm
    package: str


def load_telling(kind: Kind) -> Telling:
    """How a kind's outcome is told."""
    package = f"distil.kinds.{kind}.telling"
    words, examples = (import_module(f"{package}.{name}") for name in ("words", "examples"))
    return Telling(words.WORDS, cast("ExampleForm", examples), package)
