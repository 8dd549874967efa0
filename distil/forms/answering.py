"""What a system says of texts, in one form for all kinds of task, and how a kind has its systems asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, cast

from numpy.typing import NDArray

from distil.core.params import Kind

DIGITS = 6  # of the probabilities that are written

Labels = Sequence[str | None]


@dataclass(frozen=True)
class Answers:
    """A system's label for each row, null where it abstained, and its probabilities, null where it has none.

    Labels are in their kind's canonical form, and probabilities as `soft` of the tables has them.
    """

    labels: Labels
    probabilities: Sequence[NDArray[Any] | None]

    def select(self, rows: Sequence[int]) -> "Answers":
        """The answers to some of the rows, by their numbers."""
        return Answers([self.labels[row] for row in rows], [self.probabilities[row] for row in rows])


class AskForm(Protocol):
    """How a kind asks what labels texts: a student in any form, or a baseline."""

    def ask(self, classifier: Any, texts: Sequence[str], labels: Sequence[str]) -> Answers:
        """Have texts labelled; `labels` are those of the task. NaN in a probability is passed on."""


def load_asking(kind: Kind) -> AskForm:
    """How a kind's students and baselines are asked."""
    return cast("AskForm", import_module(f"distil.kinds.{kind}.scoring.asking"))
