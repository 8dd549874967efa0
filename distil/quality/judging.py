"""How answers are judged, whatever the kind of task: what a kind says of its scores, and what all kinds reckon by."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distil.core.params import Kind
from distil.forms.answering import Answers
from distil.forms.scores import ScoreForm
from distil.quality.bootstrap import Bootstrap, Bounds


class Wording(NamedTuple):
    """How the score is told: `The student {gold} 90.0% {of} 500 test texts, its teacher {other} 95.0%`.

    Without gold `teacher` stands in the place of `gold`; `agrees` follows upon `agrees with the teacher`.
    """

    score: str  # its name
    gold: str
    teacher: str
    of: str
    other: str
    agrees: str
    test: str  # by which two systems are compared


class JudgeForm(ScoreForm, Protocol):
    """A kind's way of judging answers; labels are in its canonical form, and probabilities as `soft` has them."""

    COMPARED: tuple[str, ...]  # the scores that are told of candidates for the teacher
    JUDGED: str  # the score that the share of right decisions of `judge` is
    WORDING: Wording

    def name_labels(self, label: str) -> list[str]:
        """The labels of the task that a label names; raises `ValueError` or `LookupError` if it is none of the form."""

    def score(self, actual: Sequence[str], answers: Answers, scoring: "Scoring") -> dict[str, Any]:
        """All scores, each with its bounds NAME_low and NAME_high, per_class, confusion (or null) and calibration."""

    def judge(self, actual: Sequence[str], answers: Answers, scoring: "Scoring") -> pd.DataFrame:
        """A row for each decision that has a probability, as `distil.quality.calibration` has them."""

    def compare(
        self, actual: Sequence[str], answers: Answers, other: Answers, scoring: "Scoring", name: str
    ) -> dict[str, Any]:
        """How a system's score differs from the `other`'s, of this name: difference, its bounds, p_value, and more."""

    def pair_decisions(self, actual: Sequence[str], answers: Answers) -> Iterable[tuple[str, str | None]]:
        """What is known and what is said, decision by decision, to be counted."""

    def measure_consent(self, soft: NDArray[np.float64]) -> float:
        """The share of votes that agree about a text, or about what is disputed most of it."""

    def list_notes(
        self, actual: Sequence[str], systems: Mapping[str, Answers], labels: Sequence[str], score_name: str
    ) -> list[str]:
        """What the rows do not tell of the labels, and of which systems resampling tells nothing.

        `score_name` is what THE score is called, which depends on what it is against.
        """

    def draw_few(
        self, texts: pd.DataFrame, test_ids: pd.Series, labels: Sequence[str], per_label: int, seed: int
    ) -> tuple[pd.DataFrame, list[str]]:
        """The rows (id, text, gold) of a baseline that learns from people's few labels, and what is to be said of it.

        `texts` are rows of `tables.TEXTS`; none of those with `test_ids` is drawn.
        """


def load_judging(kind: Kind) -> JudgeForm:
    """How answers of a kind are judged."""
    return cast("JudgeForm", import_module(f"distil.kinds.{kind}.scoring.judging"))


@dataclass(frozen=True)
class Scoring:
    """The kind's way, the labels that there are, the bins of the calibration error, and how intervals are drawn."""

    form: JudgeForm
    labels: Sequence[str]
    calibration_bins: int
    bootstrap: Bootstrap

    @property
    def score_name(self) -> str:
        """THE score of the kind."""
        return self.form.HEADLINE[0]

    def score(self, actual: Sequence[str], answers: Answers) -> dict[str, Any]:
        """Return the scores as the kind has them."""
        return self.form.score(actual, answers, self)

    def reckon(self, actual: Sequence[str], answers: Answers) -> float:
        """Return THE score of a system."""
        return float(self.form.score_labels(actual, answers.labels, self.labels)[self.score_name])

    def judge(self, actual: Sequence[str], answers: Answers) -> pd.DataFrame:
        """Compare a system's probabilities with the reference."""
        return self.form.judge(actual, answers, self)

    def compare(self, actual: Sequence[str], answers: Answers, other: Answers, name: str) -> dict[str, Any]:
        """Set a system's score beside that of another, of this name, on the same texts."""
        return self.form.compare(actual, answers, other, self, name)


def add_bounds(found: Mapping[str, Any], bounds: Mapping[str, Bounds]) -> dict[str, Any]:
    """Return the scores, each that has bounds followed by NAME_low and NAME_high."""
    scores: dict[str, Any] = {}
    for name, value in found.items():
        scores[name] = value
        if name in bounds:
            scores[f"{name}_low"], scores[f"{name}_high"] = bounds[name]
    return scores
