"""What differs between kinds of task where labels are scored; each kind has the modules scores, asking and judging."""

from importlib import import_module
from typing import Any, cast

from distil.core.params import Kind
from distil.forms.answering import AskForm
from distil.forms.scores import ScoreForm
from distil.quality.judging import JudgeForm


def load_scores(kind: Kind) -> ScoreForm:
    """How a kind's labels are scored."""
    return cast("ScoreForm", _load(kind, "scores"))


def load_asking(kind: Kind) -> AskForm:
    """How a kind's students and baselines are asked."""
    return cast("AskForm", _load(kind, "asking"))


def load_judging(kind: Kind) -> JudgeForm:
    """How answers of a kind are judged."""
    return cast("JudgeForm", _load(kind, "judging"))


def _load(kind: Kind, name: str) -> Any:
    return import_module(f"distil.kinds.{kind}.scoring.{name}")
