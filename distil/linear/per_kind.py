"""What differs between kinds of task where a student has to beat something cheaper: the baselines of each kind."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

import pandas as pd

from distil.core.params import Kind


class Baselines(Protocol):
    """A kind's baselines; what they answer is asked for as the kind's students are."""

    def make_baselines(self, labels: Sequence[str], reference: str, pins: Path, device: str) -> Mapping[str, Any]:
        """Return those that are kept and timed, untrained, by name; `reference` is that of the frozen encoder."""

    def train_baselines(
        self, timed: Mapping[str, Any], lessons: pd.DataFrame, few: pd.DataFrame, labels: Sequence[str]
    ) -> dict[str, Any]:
        """Train these on the student's training rows (text, label), and others that are not kept; returns all by name.

        `few` are the few rows (text, gold) that people labelled, for a baseline that learns from these alone.
        """

    def write_baselines(self, path: Path, timed: Mapping[str, Any]) -> None:
        """Keep trained baselines in one file; the same ones give the same bytes."""

    def load_baselines(self, path: Path, device: str) -> Mapping[str, Any]:
        """Read them again; raises `InputError` if the file is missing or damaged."""


def load_baselines_of(kind: Kind) -> Baselines:
    """The baselines of a kind."""
    return cast("Baselines", import_module(f"distil.kinds.{kind}.learning.baselines"))
