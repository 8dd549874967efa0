"""How a kind of task has its labels, and how it comes to one from votes."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray


class LabelForm(Protocol):
    """A kind's canonical form of a label."""

    def name_labels(self, label: str) -> list[str]:
        """The labels of the task that it names, one as often as it does."""

    def check_label(self, label: str, labels: Sequence[str], text: str) -> str | None:
        """What is wrong with a string that should be a label of the text in this form, or null."""

    def soften(self, label: str, labels: Sequence[str]) -> NDArray[np.float64]:
        """The shares (`soft`) of a label that is certain."""

    def read_cell(self, cell: str, labels: Sequence[str]) -> str:
        """The label that a person wrote into a cell of a csv; raises `ValueError` with what is wrong."""


class VoteForm(Protocol):
    """A kind's way from votes to a label."""

    def decide_labels(
        self, annotations: pd.DataFrame, labels: Sequence[str], min_agreement: float, *, calibrated: bool
    ) -> pd.DataFrame:
        """Sum up rows of `tables.ANNOTATIONS`: indexed by id, sorted.

        The columns are votes (usable ones), soft (an array, or null without a usable vote), failure (without one: the
        commonest status), teacher_label (or missing), and abstained (why it is).
        """

    def measure_agreement(
        self, annotations: pd.DataFrame, decided: pd.DataFrame, labels: Sequence[str]
    ) -> dict[str, float | None]:
        """mean_agreement, unanimous and krippendorff_alpha; null what is undefined.

        `decided` are the rows that no person corrected, by which a kind may measure the first.
        """
