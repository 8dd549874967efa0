"""Reduce a teacher's votes on each text to a set of labels and one share per label.

Votes are counted label by label: a label is in the set if more than half of the usable votes name it. If just half of
them do, the text is a tie and gets no set, as with two votes that differ where a text has one label: to leave the label
out would teach that it does not apply, and nobody knows. Votes of several teachers count alike.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distil.kinds.multi_label.labelling.canonical.label import tabulate, write_label

Floats = NDArray[np.float64]

TIE = "tie"
TOO_LITTLE_AGREEMENT = "agreement"
HALF = 0.5
ROUNDING = 1e-12
AT_ONCE = 1000  # sets of which the distances to all others are held


def decide_labels(
    annotations: pd.DataFrame, labels: Sequence[str], min_agreement: float, *, calibrated: bool
) -> pd.DataFrame:
    """Sum up the votes of each text and choose its labels.

    Args:
        annotations: rows of `tables.ANNOTATIONS`.
        labels: all labels, in the order of the shares.
        min_agreement: the share of the usable votes that have to agree about each label, whether it is in or not.
        calibrated: of no effect; sets of labels are not asked for by log-probabilities.

    Returns:
        Indexed by id, sorted: `votes` (usable ones), `soft` (an array with each label's share of the usable votes, or
        None without one), `failure` (without a usable vote: the commonest status of the text's votes),
        `teacher_label`, the labels in their canonical form, or why there are none in `abstained`.
    """
    ids = pd.Index(annotations["id"].unique()).sort_values()
    usable = annotations[annotations["status"] == "ok"]
    rows = ids.get_indexer(usable["id"])
    totals = np.zeros((len(ids), len(labels)))
    np.add.at(totals, rows, tabulate(usable["label"], labels))
    votes = np.bincount(rows, minlength=len(ids))
    shares = totals / np.maximum(votes, 1)[:, None]
    failures = annotations[~annotations["id"].isin(usable["id"])].groupby("id")["status"].agg(_commonest)
    decided = pd.DataFrame({"votes": votes, "failure": failures.reindex(ids)}, index=ids)
    decided["soft"] = pd.Series(
        [row if count else None for row, count in zip(shares, votes, strict=True)], index=ids, dtype=object
    )
    choices = [
        choose_labels(soft, failure, labels, min_agreement)
        for soft, failure in zip(decided["soft"], decided["failure"], strict=True)
    ]
    decided["teacher_label"] = pd.Series([label for label, _ in choices], index=ids, dtype="str")
    decided["abstained"] = pd.Series([why for _, why in choices], index=ids, dtype="str")
    return decided


def choose_labels(
    soft: Floats | None, failure: str, labels: Sequence[str], min_agreement: float
) -> tuple[str | None, str | None]:
    """The labels that most votes name, or None and why: a tie, too little agreement, or the status of failed votes."""
    if soft is None:
        return None, failure
    if np.isclose(soft, HALF, rtol=0, atol=ROUNDING).any():
        return None, TIE
    if measure_consent(soft) < min_agreement - ROUNDING:
        return None, TOO_LITTLE_AGREEMENT
    return write_label(label for label, share in zip(labels, soft, strict=True) if share > HALF), None


def measure_consent(soft: Floats) -> float:
    """The share of votes that agree about the label that is disputed most: what `min_agreement` is compared with."""
    return float(np.maximum(soft, 1 - soft).min())


def measure_agreement(
    annotations: pd.DataFrame, decided: pd.DataFrame, labels: Sequence[str]
) -> dict[str, float | None]:
    """Say how much the votes agree.

    Returns:
        mean_agreement, the mean of `measure_consent` over the texts with two votes or more; unanimous, of the same the
        share on which all name the same set; krippendorff_alpha, see `measure_alpha`. None where there is nothing to
        measure.
    """
    told = zip(decided["soft"], decided["votes"], strict=True)
    shares = [measure_consent(soft) for soft, count in told if count > 1]
    usable = annotations[annotations["status"] == "ok"]
    sizes = usable.groupby("id")["label"].agg(["size", "nunique"])
    several = sizes[sizes["size"] > 1]
    return {
        "mean_agreement": float(np.mean(shares)) if shares else None,
        "unanimous": float((several["nunique"] == 1).mean()) if len(several) else None,
        "krippendorff_alpha": measure_alpha(usable[["id", "label"]], labels),
    }


def measure_alpha(votes: pd.DataFrame, labels: Sequence[str]) -> float | None:
    """Krippendorff's alpha of votes that are sets: 1 is full agreement, 0 what chance would give, below 0 is less.

    The distance of two sets is that of MASI (Passonneau 2006, Measuring Agreement on Set-valued Items for Semantic and
    Pragmatic Annotation): one less their Jaccard index times 1 if they are the same, 2/3 if one is within the other,
    1/3 if they overlap. A mean over labels would follow the rare ones, of which a vote or two decide. Alpha is over
    the texts with two votes at least (Krippendorff 2004, Content Analysis).

    Args:
        votes: id and canonical label of each usable vote.
        labels: all labels.

    Returns:
        None where alpha is not defined: no text has two votes, or all of those that do name the same set.
    """
    sizes = votes.groupby("id")["label"].transform("size").to_numpy()
    pairable, sizes = votes[sizes > 1], sizes[sizes > 1]
    numbers, sets = pd.factorize(pairable["label"])
    if len(sets) < 2:
        return None
    named, counts = tabulate(sets, labels), np.bincount(numbers)
    sizes_of_sets = named.sum(axis=1)
    by_chance = 0.0
    for start in range(0, len(sets), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        distances = measure_distances(named[some] @ named.T, sizes_of_sets[some, None], sizes_of_sets)
        by_chance += float(counts[some] @ distances @ counts)
    votes_of_texts = pd.DataFrame({"id": pairable["id"].to_numpy(), "set": numbers, "others": sizes - 1})
    pairs = votes_of_texts.merge(votes_of_texts, on="id")
    one, other = pairs["set_x"].to_numpy(), pairs["set_y"].to_numpy()
    common = (named[one] * named[other]).sum(axis=1)
    distances = measure_distances(common, sizes_of_sets[one], sizes_of_sets[other])
    observed = float((distances / pairs["others_x"].to_numpy()).sum())
    return 1 - observed * (len(pairable) - 1) / by_chance


def measure_distances(common: Floats, of_one: Floats, of_other: Floats) -> Floats:
    """MASI's distances of pairs of sets, by the labels that both name and those that each does, of any shape."""
    together = of_one + of_other - common
    jaccard = np.divide(common, together, out=np.ones_like(together), where=together > 0)  # no labels are no labels
    same, within = common == np.maximum(of_one, of_other), common == np.minimum(of_one, of_other)
    distances: Floats = 1 - jaccard * np.select([same, within], [1.0, 2 / 3], 1 / 3)
    return distances


def _commonest(statuses: pd.Series) -> str:
    return str(statuses.value_counts(sort=True).index[0])
