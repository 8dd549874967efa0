"""Score predicted spans against known ones, and say whether two systems differ.

THE score is exact F1 over all spans of all texts: a span counts if start, end and label are right, as in CoNLL 2003 and
in seqeval. Beside it stand the four of SemEval 2013, task 9.1 (Segura-Bedmar et al. 2013), as nervaluate counts them:
`strict` (ends and label; the same as exact F1, since no two spans of a text overlap), `exact` (ends, whatever the
label), `partial` (ends; an overlap is worth half) and `type` (label; an overlap is enough).

A prediction may be missing (the system abstained): it counts as one that found nothing. All scores are sums over texts
of what is right and wrong in each, so that resampling texts is a product of matrices.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distil.kinds.token_classification.labelling.canonical.label import read_label
from distil.kinds.token_classification.labelling.canonical.spans import Span
from distil.quality.bootstrap import UNKNOWN, Bootstrap, Bounds
from distil.quality.counted import divide, mean_of
from distil.quality.paired import compare_sums

HEADLINE: tuple[str, ...] = ("micro_f1", "macro_f1", "partial_f1")
SCHEMES = ("strict", "exact", "partial", "type")
OUTCOMES = 3  # worth of what is right, spans known, spans said

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


def score_labels(actual: Sequence[str], predicted: Sequence[str | None], labels: Sequence[str]) -> dict[str, Any]:
    """The scores as numbers from 0 to 1, and in per_class those of each label that occurs.

    micro_: over all spans; macro_: means over the labels that occur, known or predicted; strict_f1, exact_f1,
    partial_f1, type_f1; exact_match: the share of texts of which all spans are right.
    """
    counts = _tabulate(actual, predicted, labels)
    weights = np.ones((1, len(counts)))
    scores: dict[str, Any] = {name: float(value[0]) for name, value in _score(weights, counts, len(labels)).items()}
    right, known, said = counts[:, : len(labels) * OUTCOMES].sum(axis=0).reshape(len(labels), OUTCOMES).T
    by_label = zip(
        labels, divide(right, said), divide(right, known), divide(2 * right, known + said), known, said, strict=True
    )
    scores["per_class"] = {
        label: {"precision": float(precision), "recall": float(recall), "f1": float(f1), "support": int(support)}
        for label, precision, recall, f1, support, predictions in by_label
        if support or predictions
    }
    return scores


def bound_scores(
    actual: Sequence[str],
    predicted: Sequence[str | None],
    labels: Sequence[str],
    bootstrap: Bootstrap,
) -> dict[str, Bounds]:
    """The bounds of each of the scores by a bootstrap over texts; (None, None) where every sample scores the same.

    Those of exact_match are then the exact binomial ones.
    """
    kinds, texts = np.unique(_tabulate(actual, predicted, labels), axis=0, return_counts=True)
    bounds = bootstrap.bound(texts, lambda drawn: _score(drawn, kinds, len(labels)))
    share = float(texts @ kinds[:, -1] / len(actual))
    if bounds["exact_match"] == UNKNOWN:
        bounds["exact_match"] = bootstrap.bound_all_or_none(share, len(actual))
    return bounds


def compare_paired(
    actual: Sequence[str],
    predicted: Sequence[str | None],
    other: Sequence[str | None],
    labels: Sequence[str],
    bootstrap: Bootstrap,
) -> dict[str, float | None]:
    """The difference of exact F1 of two systems on the same texts, as `distil.quality.paired` has it."""
    one, versus = (_sum_labels(_tabulate(actual, said, labels), len(labels)) for said in (predicted, other))
    return compare_sums(one, versus, _score_sums, bootstrap)


def _sum_labels(counts: Counts, labels: int) -> Counts:
    """The spans that are right, known and said in each text, whatever the label: shape (texts, 3)."""
    summed: Counts = counts[:, : labels * OUTCOMES].reshape(-1, labels, OUTCOMES).sum(axis=1)
    return summed


def _score_sums(sums: Counts) -> Floats:
    """F1 from what is right, known and said."""
    return divide(2 * sums[..., 0], sums[..., 1] + sums[..., 2])


def _tabulate(actual: Sequence[str], predicted: Sequence[str | None], labels: Sequence[str]) -> Counts:
    """What is right and wrong in each text, shape (texts, 3 * labels + 3 * schemes + 1).

    Of each label the spans that are right, known and said; of each scheme twice the worth of what was said, and the
    spans known and said; whether all is right.
    """
    places = {label: place for place, label in enumerate(labels)}
    rows = []
    for known_form, said_form in zip(actual, predicted, strict=True):
        known, said = read_label(known_form), read_label(said_form) if said_form is not None else []
        by_label = np.zeros((len(labels), OUTCOMES), dtype=np.int64)
        for column, spans in enumerate((set(known) & set(said), known, said)):
            for label, many in Counter(span.label for span in spans).items():
                by_label[places[label], column] = many
        schemes = [
            number for scheme in SCHEMES for number in (_double_right(scheme, known, said), len(known), len(said))
        ]
        rows.append([*by_label.ravel(), *schemes, known == said and said_form is not None])
    return np.array(rows, dtype=np.int64).reshape(len(rows), OUTCOMES * (len(labels) + len(SCHEMES)) + 1)


def _score(weights: Any, counts: Counts, labels: int) -> dict[str, Floats]:
    """The scores of samples in which each text stands so often: weights of shape (samples, texts)."""
    sums = weights @ counts
    cut = labels * OUTCOMES
    right, known, said = np.moveaxis(sums[:, :cut].reshape(-1, labels, OUTCOMES), 2, 0)
    all_right, all_known, all_said = (part.sum(axis=1) for part in (right, known, said))
    occurring = known + said > 0
    scores = {
        "micro_f1": divide(2 * all_right, all_known + all_said),
        "micro_precision": divide(all_right, all_said),
        "micro_recall": divide(all_right, all_known),
        "macro_f1": mean_of(divide(2 * right, known + said), occurring),
        "macro_precision": mean_of(divide(right, said), occurring),
        "macro_recall": mean_of(divide(right, known), occurring),
    }
    for place, scheme in enumerate(SCHEMES):
        double, wanted, given = sums[:, cut + OUTCOMES * place : cut + OUTCOMES * (place + 1)].T
        scores[f"{scheme}_f1"] = divide(double, wanted + given)
    scores["exact_match"] = divide(sums[:, -1], np.asarray(weights).sum(axis=1))
    return scores


def _double_right(scheme: str, known: Sequence[Span], said: Sequence[Span]) -> int:
    """Twice the worth of what was said by a scheme: 2 for a span that is right, 1 for half of one.

    What is said takes, in the order of the text, the first known span that is right, else the first that it overlaps,
    which no other can take any more; by `type` the one of its label whose ends are nearest.
    """
    ends = [other.end for other in known]
    taken: set[Span] = set()
    worth = 0
    for span in said:
        over = known[bisect_right(ends, span.start) : bisect_left(known, (span.end,))]
        over = [other for other in over if other not in taken]
        best = min(over, key=lambda other: _rank(scheme, span, other), default=None)
        if best is not None:
            taken.add(best)
            worth += _worth(scheme, span, best)
    return worth


def _rank(scheme: str, span: Span, other: Span) -> tuple[bool, int]:
    distance = abs(span.start - other.start) + abs(span.end - other.end)
    if scheme == "type":
        return span.label != other.label, distance if span.label == other.label else 0
    return _worth(scheme, span, other) < 2, 0


def _worth(scheme: str, span: Span, other: Span) -> int:
    """Twice the worth of a span that overlaps a known one."""
    same_ends, same_label = (span.start, span.end) == (other.start, other.end), span.label == other.label
    right = {"strict": same_ends and same_label, "exact": same_ends, "partial": same_ends, "type": same_label}[scheme]
    return 2 * right or int(scheme == "partial")
