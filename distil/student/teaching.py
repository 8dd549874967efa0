"""What differs between kinds of task where a student learns; each kind has a module teaching in a room of its own."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

import pandas as pd
import torch

from distil.core.params import Kind
from distil.encoders.outputs import Outputs
from distil.student.fine_tuner import FineTuner
from distil.student.params import TrainParams
from distil.student.taught import Taught


class Teaching(Protocol):
    """A kind's way to a student."""

    def name_outputs(self, labels: Sequence[str]) -> Outputs:
        """What the student's model answers with."""

    def name_labels(self, label: str) -> list[str]:
        """The labels of the task that a canonical label names, one as often as it does."""

    def keep_agreed(self, rows: pd.DataFrame, labels: Sequence[str], min_agreement: float) -> pd.DataFrame:
        """Return the rows on which the votes agree so far; labels by people stay.

        Raises `InputError` if too few are left to learn from, or the rows have other labels than `labels`.
        """

    def make_tuner(
        self,
        base: Path,
        texts: Sequence[str],
        labels: Sequence[str],
        params: TrainParams,
        device: torch.device,
        report_to: Sequence[str],
    ) -> FineTuner:
        """Return what trains students on these texts; raises `InputError` as `FineTuner` does."""

    def list_warnings(self, tuner: Any, rows: pd.DataFrame) -> list[str]:
        """What is to be known of the rows, which are those of the kind's tuner, before it is trained."""

    def teach(self, tuner: Any, rows: pd.DataFrame, held_out: pd.DataFrame) -> Taught:
        """Train a student on `rows`, which are those of the tuner's texts; `held_out` are validation rows.

        The tuner is the kind's own, and its parameters become what the recipe settles them to. Raises `InputError` if
        rows are too few for what the parameters ask, or a parameter asks for what the kind does not know.
        """


def load_teaching(kind: Kind) -> Teaching:
    """A kind's way to a student."""
    return cast("Teaching", import_module(f"distil.kinds.{kind}.learning.teaching"))
