"""Score sets of labels against known ones: precision, recall, F1, exact match and Jaccard, and whether systems differ.

Each text and label is one decision. Micro figures count decisions, so common labels weigh most; macro figures are means
over the labels that occur. An answer may be missing (the system abstained): nothing is then found, which lowers recall;
and exact match and Jaccard are 0 even where no label applies, since that was not said.

Texts with the same labels and the same answer score alike. They are counted, so that a bootstrap is a product of
matrices.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distil.kinds.multi_label.labelling.canonical.label import tabulate
from distil.quality.bootstrap import UNKNOWN, Bootstrap, Bounds
from distil.quality.counted import divide, score_counts
from distil.quality.paired import compare_sums

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

HEADLINE: tuple[str, ...] = ("micro_f1", "macro_f1", "exact_match")
SHARES_OF_TEXTS = ("exact_match", "jaccard")


class Pairs(NamedTuple):
    """The different pairs of known labels and answer: how many texts have each, and what it counts for.

    `counts` is of shape (pairs,), `right`, `known` and `said` of (pairs, labels), 1 where a label is named by both, by
    the one, by the other; `exact` and `jaccard` are of shape (pairs,).
    """

    counts: Counts
    right: Floats
    known: Floats
    said: Floats
    exact: Floats
    jaccard: Floats


def score_labels(actual: Sequence[str], predicted: Sequence[str | None], labels: Sequence[str]) -> dict[str, Any]:
    """Return the scores of `score_samples` as numbers, and in per_class those of each label that occurs."""
    pairs = _count_pairs(actual, predicted, labels)
    right, known, said = (pairs.counts @ part for part in (pairs.right, pairs.known, pairs.said))
    by_label = zip(labels, *score_counts(right, known, said), known, said, strict=True)
    scores: dict[str, Any] = {name: float(value[0]) for name, value in score_samples(pairs, pairs.counts[None]).items()}
    scores["per_class"] = {
        label: {"precision": float(precision), "recall": float(recall), "f1": float(f1), "support": int(support)}
        for label, precision, recall, f1, support, answers in by_label
        if support or answers
    }
    return scores


def score_samples(pairs: Pairs, counts: Counts) -> dict[str, Floats]:
    """Return the scores of samples of texts, of shape (samples,) each, from how many of each pair a sample has.

    Micro and macro precision, recall and F1; exact_match, the share of texts whose set is the known one; jaccard, the
    mean over texts of the share of the labels named by either that both name, 1 where both name none (Tsoumakas &
    Katakis 2007, Multi-Label Classification: An Overview). Macro figures are means over the labels that occur in a
    sample, known or said. What would be divided by zero is zero.
    """
    drawn = counts.astype(np.float64)
    texts = drawn.sum(axis=1)
    right, known, said = (drawn @ part for part in (pairs.right, pairs.known, pairs.said))
    in_all = score_counts(right.sum(axis=1), known.sum(axis=1), said.sum(axis=1))
    by_label = score_counts(right, known, said)
    occurring = (known + said) > 0
    scores: dict[str, Floats] = {}
    for name, micro, of_labels in zip(("precision", "recall", "f1"), in_all, by_label, strict=True):
        scores[f"micro_{name}"] = micro
        scores[f"macro_{name}"] = divide((of_labels * occurring).sum(axis=1), occurring.sum(axis=1))
    return scores | {"exact_match": drawn @ pairs.exact / texts, "jaccard": drawn @ pairs.jaccard / texts}


def bound_scores(
    actual: Sequence[str],
    predicted: Sequence[str | None],
    labels: Sequence[str],
    bootstrap: Bootstrap,
) -> dict[str, Bounds]:
    """Return the bounds of the scores of `score_samples`, by resampling texts as `distil.quality.bootstrap` does."""
    pairs = _count_pairs(actual, predicted, labels)
    bounds = bootstrap.bound(pairs.counts, lambda counts: score_samples(pairs, counts))
    for name in SHARES_OF_TEXTS:
        share = float(pairs.counts @ getattr(pairs, name.removesuffix("_match"))) / len(actual)
        if bounds[name] == UNKNOWN and share in (0, 1):
            bounds[name] = bootstrap.bound_all_or_none(share, len(actual))
    return bounds


def compare_paired(
    actual: Sequence[str],
    predicted: Sequence[str | None],
    other: Sequence[str | None],
    labels: Sequence[str],
    bootstrap: Bootstrap,
) -> dict[str, float | None]:
    """Set a system's micro F1 beside that of another on the same texts, as `distil.quality.paired` has it."""
    named = tabulate(actual, labels)
    one, versus = (_count_decisions(named, tabulate(answers, labels)) for answers in (predicted, other))
    return compare_sums(one, versus, _score_sums, bootstrap)


def _count_pairs(actual: Sequence[str], predicted: Sequence[str | None], labels: Sequence[str]) -> Pairs:
    pairs = pd.Series(list(zip(actual, predicted, strict=True))).value_counts(sort=False)
    known, said = (tabulate(side, labels) for side in zip(*pairs.index, strict=True))
    answered = np.array([answer is not None for _, answer in pairs.index])
    right = known * said
    named = known.sum(axis=1) + said.sum(axis=1) - right.sum(axis=1)
    same = answered & (known == said).all(axis=1)
    return Pairs(
        counts=pairs.to_numpy(dtype=np.int64),
        right=right,
        known=known,
        said=said,
        exact=same.astype(np.float64),
        jaccard=np.where(named > 0, divide(right.sum(axis=1), named), answered.astype(np.float64)),
    )


def _count_decisions(known: Floats, said: Floats) -> Floats:
    """How many labels of each text are right, known and said: shape (texts, 3)."""
    return np.column_stack([(known * said).sum(axis=1), known.sum(axis=1), said.sum(axis=1)])


def _score_sums(sums: Floats) -> Floats:
    """Micro F1 from what is right, known and said."""
    return divide(2 * sums[..., 0], sums[..., 1] + sums[..., 2])
