"""How a kind of task has its outcome told: the words of its scores, and what of a text its examples show.

Words are parts of sentences that the page, the tables and the model card have for all kinds; what stands in braces is
filled in. Titles begin with a capital, all else is written to stand within a sentence. Each kind has a room with the
modules words and examples, and the templates usage.md and examples.html beside them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, NamedTuple, Protocol, cast

from numpy.typing import NDArray

from distil.core.params import Kind


@dataclass(frozen=True)
class ScoreWords:
    """How the score is told: against people's labels, or where there are none against the teacher's."""

    key: str  # in the metric files
    second: str  # the key of the score beside it in the table
    heading: str  # of its column
    second_heading: str
    title: str
    spoken: str
    measured: str  # what it is, and against whose labels
    explained: str  # in full, in a sentence
    outcome: str  # with {student} and {rows}, without an end
    versus: str  # what follows with {teacher}
    in_groups: str  # what is told of groups of texts, which may be another score
    in_groups_title: str


@dataclass(frozen=True)
class LadderWords:
    """What is told of the ways to a student, by labels of the teacher that were held out."""

    verb: str  # a way ... a share
    held_out: str  # after the share
    axis: str
    heading: str
    chart: str  # the title of the chart of all ways
    ways: str  # what is told of each, after "Each way to a student by"
    curve: str  # what a linear head is told to reach
    card: str  # after "Ways to a student, by"


@dataclass(frozen=True)
class VoteWords:
    """What is told of the teacher's votes."""

    mean: str  # mean agreement in the card, with {share}
    mean_on_page: str  # the same in a sentence, with {share}
    groups: str  # by what texts are grouped
    axis: str
    shares: str  # what the shares of the labels are shares of


@dataclass(frozen=True)
class CalibrationWords:
    """What is told of probabilities."""

    explained: str  # with {right}
    brier: str
    axis: str
    counted: str  # a heading: what was judged
    weighted: str  # what weighs in a mean


@dataclass(frozen=True)
class CardWords:
    """What only the model card says, and what the Hub reads in it."""

    tag: str  # the Hub's name of the task
    task: str  # the same for people
    model: str  # what the student is
    answers: str  # before the list of the labels
    metrics: Sequence[tuple[str, str, str]]  # the Hub's name, the key in the metric files, the title
    unknown: str  # what scores against the teacher's labels tell
    limit: str  # what becomes of a question that is another one
    beyond: str  # what becomes of the rest of a text that is longer than the model reads


@dataclass(frozen=True)
class DatasetWords:
    """What only the card of the labels as a dataset says."""

    label: str  # what the column `label` holds
    shares: str  # what the column `shares` holds, before the labels in their order


@dataclass(frozen=True)
class Words:
    """All that is told otherwise from kind to kind."""

    by_people: ScoreWords
    by_teacher: ScoreWords
    ladder: LadderWords
    votes: VoteWords
    calibration: CalibrationWords
    card: CardWords
    dataset: DatasetWords
    answer: str  # what a text gets
    another: str  # than that
    marked: str  # what is marked in examples
    paired: str  # the test of two systems on the same texts
    unanswered: str  # what becomes of a text that the teacher did not label
    right: str  # before the share of texts
    both_wrong: str  # before the number of texts
    same_wrong: str  # after how many of them
    alarm: str  # a baseline does better by the teacher's labels
    teacher_first: str  # with {teacher} and {few_shot}
    baselines: Mapping[str, str]  # the titles of those that only this kind has, or calls so
    legends: Mapping[str, str]  # what a title leaves open, by system
    more_scores: Mapping[str, str] = field(default_factory=dict)  # headings by key, beside those of the results
    more_explained: str = ""


class Piece(NamedTuple):
    """A part of an example: words of the text, or a label; `wrong` if the reference has it not."""

    text: str
    label: str | None = None
    wrong: bool = False


class ExampleForm(Protocol):
    """What examples show of a text and its labels, which are canonical strings."""

    def find_confidence(self, label: str | None, shares: NDArray[Any] | None, labels: Sequence[str]) -> float:
        """How sure a system is of a label, from 0 to 1; 0 without probabilities (`soft`)."""

    def choose_excerpt(self, text: str, given: Sequence[str | None], most: int) -> tuple[int, int]:
        """Where the part of a long text begins and ends that is shown; `given` are its labels."""

    def cut_pieces(self, text: str, label: str | None, reference: str | None, excerpt: tuple[int, int]) -> list[Piece]:
        """What is shown for a label of the text; without a reference nothing is wrong."""


@dataclass(frozen=True)
class Telling:
    """The words and examples of a kind, and the package that has its templates."""

    words: Words
    examples: ExampleForm
    package: str


def load_telling(kind: Kind) -> Telling:
    """How a kind's outcome is told."""
    package = f"distil.kinds.{kind}.telling"
    words, examples = (import_module(f"{package}.{name}") for name in ("words", "examples"))
    return Telling(words.WORDS, cast("ExampleForm", examples), package)
