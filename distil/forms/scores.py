"""How a kind of task has its labels scored."""

from collections.abc import Sequence
from typing import Any, Protocol


class ScoreForm(Protocol):
    """A kind's scores of labels in its canonical form."""

    HEADLINE: tuple[str, ...]  # the scores that one compares between branches; the first is the score

    def score_labels(
        self, actual: Sequence[str], predicted: Sequence[str | None], labels: Sequence[str]
    ) -> dict[str, Any]:
        """Score predicted labels, null where there is none, against known ones; those of HEADLINE are among them."""
