"""What a student says in the form that labels have in the tables, and such a label as its shares, by kind of task."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from distil.core.params import Kind


def load_writer(kind: Kind) -> Callable[[Any], str]:
    """What writes the canonical form: of a name, of names in their order, or of spans as start, end and label."""
    return cast("Callable[[Any], str]", _load(kind).write_label)


def load_softener(kind: Kind) -> Callable[[str, Sequence[str]], NDArray[np.float64]]:
    """What writes a canonical label as shares of all labels, as `soft` of the tables has them."""
    return cast("Callable[..., NDArray[np.float64]]", _load(kind).soften)


def _load(kind: Kind) -> Any:
    return import_module(f"distil.kinds.{kind}.labelling.canonical.label")
