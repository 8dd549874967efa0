"""Reduce a teacher's votes on each text to one label and one share per label.

Votes in words are counted: the label with most votes wins, a tie is an abstention. Votes as log-probabilities are
calibrated first, so that no label is favoured by the prompt alone. Votes of several teachers count alike.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

TIE = "tie"
TOO_LITTLE_AGREEMENT = "agreement"


def calibrate(logprobs: Floats, teachers: NDArray[Any]) -> Floats:
    """Centre each label's log-probability by its mean over the rows of the same teacher.

    Batch calibration (Zhou et al. 2023, arXiv 2309.17249) takes a prompt's bias for a label to be what it gives that
    label on average, and takes it out; here the average is over log-probabilities. No gold label is used.

    Args:
        logprobs: shape (rows, labels), natural logarithms.
        teachers: shape (rows,), the teacher's name of each row, since each model has a bias of its own.

    Returns:
        The same shape as `logprobs`; each column has mean 0 over each teacher's rows.
    """
    centred = np.empty_like(logprobs)
    for teacher in set(teachers):
        rows = teachers == teacher
        centred[rows] = logprobs[rows] - logprobs[rows].mean(axis=0, keepdims=True)
    return centred


def softmax(logits: Floats) -> Floats:
    """Probabilities of shape (rows, labels), each row summing to 1."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Floats = exponentials / exponentials.sum(axis=1, keepdims=True)
    return shares


def reduce_votes(annotations: pd.DataFrame, labels: Sequence[str], *, calibrated: bool) -> pd.DataFrame:
    """Sum up the votes of each text.

    Args:
        annotations: rows of `tables.ANNOTATIONS`.
        labels: all labels, in the order of the shares.
        calibrated: whether log-probabilities are calibrated over all texts first, each teacher's on their own.

    Returns:
        Indexed by id, sorted: `votes` (usable ones), `soft` (an array with a share per label, or None without a usable
        vote), `failure` (without a usable vote: the commonest status of the text's votes).
    """
    ids = pd.Index(annotations["id"].unique()).sort_values()
    usable = annotations[annotations["status"] == "ok"]
    rows = ids.get_indexer(usable["id"])
    if usable["label_logprobs"].notna().any():
        logprobs = np.stack(usable["label_logprobs"].tolist())
        weights = softmax(calibrate(logprobs, usable["teacher"].to_numpy()) if calibrated else logprobs)
    else:
        weights = np.eye(len(labels))[pd.Index(labels).get_indexer(usable["label"])]
    totals = np.zeros((len(ids), len(labels)))
    np.add.at(totals, rows, weights)
    votes = np.bincount(rows, minlength=len(ids))
    shares = totals / np.maximum(votes, 1)[:, None]
    failures = annotations[~annotations["id"].isin(usable["id"])].groupby("id")["status"].agg(_commonest)
    return pd.DataFrame(
        {
            "votes": votes,
            "soft": [row if count else None for row, count in zip(shares, votes, strict=True)],
            "failure": failures.reindex(ids),
        },
        index=ids,
    )


def _commonest(statuses: pd.Series) -> str:
    return str(statuses.value_counts(sort=True).index[0])


def choose_label(
    soft: Floats | None, failure: str, labels: Sequence[str], min_agreement: float
) -> tuple[str | None, str | None]:
    """The winning label, or None and why: a tie, too little agreement, or the status of the failed votes."""
    if soft is None:
        return None, failure
    best = float(soft.max())
    winners = [label for label, share in zip(labels, soft, strict=True) if np.isclose(share, best, rtol=0, atol=1e-12)]
    if len(winners) > 1:
        return None, TIE
    if best < min_agreement:
        return None, TOO_LITTLE_AGREEMENT
    return winners[0], None


def decide_labels(
    annotations: pd.DataFrame, labels: Sequence[str], min_agreement: float, *, calibrated: bool
) -> pd.DataFrame:
    """What `reduce_votes` returns, with `teacher_label`, the winning one, or why there is none in `abstained`."""
    decided = reduce_votes(annotations, labels, calibrated=calibrated)
    choices = [
        choose_label(soft, failure, labels, min_agreement)
        for soft, failure in zip(decided["soft"], decided["failure"], strict=True)
    ]
    decided["teacher_label"] = pd.Series([label for label, _ in choices], index=decided.index, dtype="str")
    decided["abstained"] = pd.Series([why for _, why in choices], index=decided.index, dtype="str")
    return decided


def measure_agreement(
    annotations: pd.DataFrame, decided: pd.DataFrame, labels: Sequence[str]
) -> dict[str, float | None]:
    """How much the votes agree: the mean share of the winning label, unanimous texts, and Krippendorff's alpha.

    The first is over the texts with at least two votes, or with log-probabilities: one vote in words agrees with itself
    alone. `decided` are rows that the teacher decided alone, as `decide_labels` has them; null is what is not defined.
    """
    least = 1 if annotations["label_logprobs"].notna().any() else 2
    shares = np.array(
        [soft.max() for soft, count in zip(decided["soft"], decided["votes"], strict=True) if count >= least]
    )
    votes = count_votes(annotations, labels)
    return {
        "mean_agreement": float(shares.mean()) if len(shares) else None,
        "unanimous": share_unanimous(votes),
        "krippendorff_alpha": measure_alpha(votes),
    }


def count_votes(annotations: pd.DataFrame, labels: Sequence[str]) -> Counts:
    """How many usable votes gave each label to each text: shape (texts, labels)."""
    usable = annotations[annotations["status"] == "ok"]
    rows, ids = pd.factorize(usable["id"])
    counts = np.zeros((len(ids), len(labels)), dtype=np.int64)
    np.add.at(counts, (rows, pd.Index(labels).get_indexer(usable["label"])), 1)
    return counts


def share_unanimous(counts: Counts) -> float | None:
    """Of the texts with at least two votes, the share on which all are for one label; None if there are none."""
    sizes = counts.sum(axis=1)
    return float(np.mean((counts.max(axis=1) == sizes)[sizes > 1])) if (sizes > 1).any() else None


def measure_alpha(counts: Counts) -> float | None:
    """Krippendorff's alpha of the votes: 1 is full agreement, 0 what chance would give, below 0 is less.

    The nominal form, over the texts with at least two votes, however many each has (Krippendorff 2004, Content
    Analysis; Hayes & Krippendorff 2007, doi 10.1080/19312450709336664).

    Args:
        counts: shape (texts, labels), as `count_votes` gives them.

    Returns:
        None where alpha is not defined: no text has two votes, or those that do were all given the same label.
    """
    sizes = counts.sum(axis=1)
    pairable, sizes = counts[sizes > 1], sizes[sizes > 1]
    votes, by_label = sizes.sum(), pairable.sum(axis=0)
    by_chance = (votes**2 - (by_label**2).sum()) / max(votes - 1, 1)
    if not by_chance:
        return None
    observed = ((sizes**2 - (pairable**2).sum(axis=1)) / (sizes - 1)).sum()
    return float(1 - observed / by_chance)
