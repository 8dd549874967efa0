"""How answers of several labels a text are judged: each label that is known or said is a decision.

Beside the scores of `scores.py` stand mean average precision, whatever the thresholds, and how far the probability of
a label that is given can be believed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distil.forms.answering import Answers
from distil.kinds.multi_label.labelling.canonical.label import name_labels, read_label, soften
from distil.kinds.multi_label.scoring.probabilities import NAME, bound_probabilities, score_probabilities
from distil.kinds.multi_label.scoring.scores import HEADLINE, bound_scores, compare_paired, score_labels
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
WORDING = word_f1("micro F1", "a")
JUDGED = "precision"

Floats = NDArray[np.float64]


def score(actual: Sequence[str], answers: Answers, scoring: Scoring) -> dict[str, Any]:
    """Return the scores, each with its bounds NAME_low and NAME_high, and calibration; `confusion` is null.

    mean_average_precision is null where a system has no probabilities or no text has a label; else each label that a
    text has gets its average_precision in per_class.
    """
    found = score_labels(actual, answers.labels, scoring.labels)
    bounds = bound_scores(actual, answers.labels, scoring.labels, scoring.bootstrap)
    found[NAME] = None
    shares = _fill_shares(answers, scoring.labels)
    if shares is not None and any(map(read_label, set(actual))):
        ranked = score_probabilities(actual, shares, scoring.labels)
        found[NAME] = ranked[NAME]
        bounds |= bound_probabilities(actual, shares, scoring.labels, scoring.bootstrap)
        for label, precision in ranked["per_class"].items():
            found["per_class"][label]["average_precision"] = precision
    return add_bounds(found, bounds) | {
        "confusion": None,
        "calibration": measure_calibration(judge(actual, answers, scoring), scoring.bootstrap),
    }


def judge(actual: Sequence[str], answers: Answers, scoring: Scoring) -> pd.DataFrame:
    """A row for each label that is given and has a probability: whether the text has it."""
    return tabulate_decisions(_list_given(actual, answers, scoring.labels), scoring.calibration_bins)


def compare(actual: Sequence[str], answers: Answers, other: Answers, scoring: Scoring, name: str) -> dict[str, Any]:
    """Set a system's micro F1 beside the `other`'s, as `distil.quality.paired` has it."""
    return compare_paired(actual, answers.labels, other.labels, scoring.labels, scoring.bootstrap)


def pair_decisions(actual: Sequence[str], answers: Answers) -> Iterable[tuple[str, str | None]]:
    """A pair for each label that a text has or is given, `none` on the side that does not name it.

    A text without any is one of (none, none).
    """
    for known, said in zip(map(read_label, actual), _read_all(answers), strict=True):
        named = dict.fromkeys([*known, *said])
        pairs = [(label if label in known else NONE, label if label in said else NONE) for label in named]
        yield from pairs or [(NONE, NONE)]


def measure_consent(soft: Floats) -> float:
    """The share of votes that agree about the label that is disputed most."""
    return float(np.maximum(soft, 1 - soft).min())


def list_notes(
    actual: Sequence[str], systems: Mapping[str, Answers], labels: Sequence[str], score_name: str
) -> list[str]:
    """Say which labels no row has, and of which systems resampling tells nothing."""
    named = {name for label in set(actual) for name in read_label(label)}
    micro_f1 = {name: score_labels(actual, said.labels, labels)["micro_f1"] for name, said in systems.items()}
    return list_what_is_untold(named, micro_f1, labels, score_name)


def draw_few(
    texts: pd.DataFrame, test_ids: pd.Series, labels: Sequence[str], per_label: int, seed: int
) -> tuple[pd.DataFrame, list[str]]:
    """No rows: so many of each label would say little of how often labels apply, or come together."""
    return leave_out_few(texts, "so few rows a label do not tell how many labels a text has")


def _read_all(answers: Answers) -> list[list[str]]:
    return [[] if label is None else read_label(label) for label in answers.labels]


def _list_given(actual: Sequence[str], answers: Answers, labels: Sequence[str]) -> Iterator[tuple[int, float, bool]]:
    places = {label: place for place, label in enumerate(labels)}
    rows = zip(map(read_label, actual), _read_all(answers), answers.probabilities, strict=True)
    for text, (known, said, shares) in enumerate(rows):
        if shares is not None:
            yield from ((text, float(shares[places[label]]), label in known) for label in said)


def _fill_shares(answers: Answers, labels: Sequence[str]) -> Floats | None:
    """Probabilities of shape (texts, labels); where one text has none they are those of its label, or all zero.

    None if no text has any.
    """
    if all(shares is None for shares in answers.probabilities):
        return None
    return np.array(
        [
            shares if shares is not None else np.zeros(len(labels)) if label is None else soften(label, labels)
            for label, shares in zip(answers.labels, answers.probabilities, strict=True)
        ],
        dtype=np.float64,
    )
