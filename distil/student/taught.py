"""What a student was taught, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distil.student.rungs import Ladder
from distil.student.seeds import Trial

Recipe = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Lessons:
    """Targets for all of the tuner's texts, and the places of those that are learnt.

    `epochs_agreement` is what cross-validation found for each number of epochs that it tried, null if it tried none;
    `suspects` are rows of `tables.SUSPECTS`, `health` the share of all labels that held-out predictions take for right
    (cleanlab's overall label health); both null if nobody looked.
    """

    targets: Any
    places: NDArray[np.intp]
    epochs: int
    epochs_agreement: Mapping[int, float] | None
    suspects: list[dict[str, object]] | None
    health: float | None = None


@dataclass(frozen=True)
class Taught:
    """The student that is kept, what it comes from, and how it was chosen; `ladder` and `recipe` null if it was not.

    `figures` are what else the kind tells in metrics/train.json.
    """

    rung: str
    kept: Trial
    trials: Sequence[Trial]
    lessons: Lessons
    ladder: Ladder | None
    recipe: Recipe | None
    figures: Mapping[str, Any] = field(default_factory=dict)
