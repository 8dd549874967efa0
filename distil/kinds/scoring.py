"""What differs between kinds of task where labels are scored; each kind has a module scores in a room of its own."""

from importlib import import_module
from typing import cast

from distil.core.params import Kind
from distil.forms.scores import ScoreForm


def load_scores(kind: Kind) -> ScoreForm:
    """How a kind's labels are scored."""
    return cast("ScoreForm", import_module(f"distil.kinds.{kind}.scoring.scores"))
