"""How a kind of task has its labels scored."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Protocol, cast

from distil.core.params import Kind


class ScoreForm(Protocol):
    """A kind's scores of labels in its canonical form."""

    HEADLINE: tuple[str, ...]  # the scores that one compares between branches; the first is the score

    def score_labels(
        self, actual: Sequence[str], predicted: Sequence[str | None], labels: Sequence[str]
    ) -> dict[str, Any]:
        """Score predicted labels, null where there is none, against known ones; those of HEADLINE are among them."""


def load_scores(kind: Kind) -> ScoreForm:
    """How a kind's labels are scored."""
    return cast("ScoreForm", import_module(f"distil.kinds.{kind}.scoring.scores"))
