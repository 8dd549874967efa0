"""What differs between kinds of task while texts are labelled: how gold, answers and votes become labels.

Each kind has the modules form, gold, answers and votes in a room of its own, with the same functions. Labels stand in
tables as strings of one canonical form a kind, so that what only carries labels knows no kind.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

from distil.core.errors import InputError
from distil.core.params import Kind
from distil.forms.gold import GoldForm
from distil.forms.labels import LabelForm, VoteForm
from distil.forms.reading import AnswerForm, PartForm


@dataclass(frozen=True)
class Labelling:
    """The four ways of a kind."""

    form: LabelForm
    gold: GoldForm
    answers: AnswerForm
    votes: VoteForm


def load_labelling(kind: Kind) -> Labelling:
    """The ways of a kind."""
    form, gold, answers, votes = (_load(kind, name) for name in ("form", "gold", "answers", "votes"))
    return Labelling(form, gold, answers, votes)


def load_parts(kind: Kind) -> PartForm:
    """How a kind asks about each label by itself; raises `InputError` for one that gives a text one label."""
    if kind == "classification":
        raise InputError("annotate.ask = 'each' asks whether each label applies, and here one does; set ask: together")
    return cast("PartForm", _load(kind, "parts"))


def _load(kind: Kind, name: str) -> Any:
    return import_module(f"distil.kinds.{kind}.labelling.{name}")
