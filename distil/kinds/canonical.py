"""What differs between kinds of task in the form of a label in the tables; each kind has a module label in a room."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

from distil.core.params import Kind


def load_writer(kind: Kind) -> Callable[[Any], str]:
    """What writes the canonical form: of a name, of names in their order, or of spans as start, end and label."""
    return cast("Callable[[Any], str]", import_module(f"distil.kinds.{kind}.canonical.label").write_label)
