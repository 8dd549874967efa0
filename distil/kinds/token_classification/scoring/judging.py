"""How answers that are spans are judged: each span that is known or said is a decision."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distil.forms.answering import Answers
from distil.kinds.token_classification.labelling.canonical.label import (
    NUMBERS_OF_A_SPAN,
    name_labels,
    read_label,
    read_soft,
)
from distil.kinds.token_classification.labelling.canonical.spans import Span
from distil.kinds.token_classification.scoring.scores import HEADLINE, bound_scores, compare_paired, score_labels
from distil.quality.calibration import measure_calibration
from distil.quality.decisions import NONE, leave_out_few, list_what_is_untold, tabulate_decisions, word_f1
from distil.quality.judging import Scoring, add_bounds

__all__ = [
    "COMPARED",
    "HEADLINE",
    "JUDGED",
    "WORDING",
    "compare",
    "draw_few",
    "judge",
    "list_notes",
    "measure_consent",
    "name_labels",
    "pair_decisions",
    "score",
    "score_labels",
]

COMPARED: tuple[str, ...] = HEADLINE
WORDING = word_f1("exact F1", "an")
JUDGED = "precision"


def score(actual: Sequence[str], answers: Answers, scoring: Scoring) -> dict[str, Any]:
    """Return the scores, each with its bounds NAME_low and NAME_high, and calibration; `confusion` is null."""
    found = score_labels(actual, answers.labels, scoring.labels)
    bounds = bound_scores(actual, answers.labels, scoring.labels, scoring.bootstrap)
    return add_bounds(found, bounds) | {
        "confusion": None,
        "calibration": measure_calibration(judge(actual, answers, scoring), scoring.bootstrap),
    }


def judge(actual: Sequence[str], answers: Answers, scoring: Scoring) -> pd.DataFrame:
    """A row for each span that is said and has a probability: whether the text has just this one."""
    return tabulate_decisions(_list_said(actual, answers, scoring.labels), scoring.calibration_bins)


def compare(actual: Sequence[str], answers: Answers, other: Answers, scoring: Scoring, name: str) -> dict[str, Any]:
    """Set a system's exact F1 beside the `other`'s, as `distil.quality.paired` has it."""
    return compare_paired(actual, answers.labels, other.labels, scoring.labels, scoring.bootstrap)


def pair_decisions(actual: Sequence[str], answers: Answers) -> Iterable[tuple[str, str | None]]:
    """The labels of each place that is known or said, `none` on the side that has no span there.

    A text without any is one of (none, none).
    """
    for known, said in zip(map(read_label, actual), _read_all(answers), strict=True):
        of_known, of_said = ({(span.start, span.end): span.label for span in spans} for spans in (known, said))
        places = dict.fromkeys([*of_known, *of_said])
        yield from [(of_known.get(place, NONE), of_said.get(place, NONE)) for place in places] or [(NONE, NONE)]


def measure_consent(soft: NDArray[np.float64]) -> float:
    """The share of votes that agree about the span that is disputed most; 1 where no vote names any."""
    shares = soft[NUMBERS_OF_A_SPAN - 1 :: NUMBERS_OF_A_SPAN]
    return float(np.maximum(shares, 1 - shares).min(initial=1))


def list_notes(
    actual: Sequence[str], systems: Mapping[str, Answers], labels: Sequence[str], score_name: str
) -> list[str]:
    """Say which labels no row has, and of which systems resampling tells nothing."""
    named = {name for label in set(actual) for name in name_labels(label)}
    micro_f1 = {name: score_labels(actual, said.labels, labels)["micro_f1"] for name, said in systems.items()}
    return list_what_is_untold(named, micro_f1, labels, score_name)


def draw_few(
    texts: pd.DataFrame, test_ids: pd.Series, labels: Sequence[str], per_label: int, seed: int
) -> tuple[pd.DataFrame, list[str]]:
    """No rows: so many of each label would teach that nearly every text has a span."""
    return leave_out_few(texts, "rows drawn by their labels do not tell how many texts have no span")


def _read_all(answers: Answers) -> list[list[Span]]:
    return [[] if label is None else read_label(label) for label in answers.labels]


def _list_said(actual: Sequence[str], answers: Answers, labels: Sequence[str]) -> Iterator[tuple[int, float, bool]]:
    rows = zip(map(read_label, actual), _read_all(answers), answers.probabilities, strict=True)
    for text, (known, said, soft) in enumerate(rows):
        shares = {} if soft is None else read_soft(soft, labels)
        yield from ((text, shares[span], span in known) for span in said if span in shares)
