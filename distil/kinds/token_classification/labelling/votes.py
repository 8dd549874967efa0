"""Reduce a teacher's votes on the spans of a text to one label, and say how far they agree.

A span is in if more than half of the usable votes name it: with this start, this end and this label. No two of these
can overlap, since some vote would have named both. A text abstains, as one of a single label does where votes tie, if
exactly half of them name a span, or if more than half name something at a place but no span has a majority there: the
votes agree that there is a name, and not which. It abstains for too little agreement if for a span that some vote names
neither those for it nor those against it reach the share that is asked for.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distil.kinds.token_classification.labelling.canonical.label import read_label, write_label
from distil.kinds.token_classification.labelling.canonical.spans import Span

Floats = NDArray[np.float64]
Votes = list[list[Span]]
Shares = dict[Span, float]

TIE = "tie"
TOO_LITTLE_AGREEMENT = "agreement"
HALF = 0.5
ROUNDING = 1e-12


def decide_labels(
    annotations: pd.DataFrame, labels: Sequence[str], min_agreement: float, *, calibrated: bool
) -> pd.DataFrame:
    """Reduce the votes of each text.

    Args:
        annotations: rows of `tables.ANNOTATIONS`.
        labels: all labels; `soft` has their places in it.
        min_agreement: share of the usable votes that has to be for or against each span.
        calibrated: of no use here, since spans are never scored by log-probabilities.

    Returns:
        Indexed by id, sorted: `votes` (usable ones), `soft` (four numbers a span, as `form.py` has it, of all spans
        that a vote names; None without a usable vote), `failure` (without a usable vote: the commonest status of the
        text's votes), `teacher_label` or why there is none in `abstained`.
    """
    ids = pd.Index(annotations["id"].unique()).sort_values()
    votes = _collect(annotations)
    failed = annotations[~annotations["id"].isin(list(votes))]
    failures = failed.groupby("id")["status"].agg(lambda statuses: str(statuses.value_counts().index[0])).reindex(ids)
    shares = [_share(votes[text]) if text in votes else None for text in ids]
    choices = [
        choose_label(votes[text], found, min_agreement) if found is not None else (None, failure)
        for text, found, failure in zip(ids, shares, failures, strict=True)
    ]
    return pd.DataFrame(
        {
            "votes": [len(votes.get(text, [])) for text in ids],
            "soft": [None if found is None else _flatten(found, labels) for found in shares],
            "failure": failures,
            "teacher_label": pd.Series([label for label, _ in choices], index=ids, dtype="str"),
            "abstained": pd.Series([why for _, why in choices], index=ids, dtype="str"),
        },
        index=ids,
    )


def choose_label(votes: Votes, shares: Shares, min_agreement: float) -> tuple[str | None, str | None]:
    """The canonical form of the spans that have a majority; or None, and why."""
    chosen = [span for span, share in shares.items() if share > HALF + ROUNDING]
    is_split = any(abs(share - HALF) <= ROUNDING for share in shares.values())
    if is_split or _name_something_else(votes, chosen):
        return None, TIE
    if any(max(share, 1 - share) < min_agreement - ROUNDING for share in shares.values()):
        return None, TOO_LITTLE_AGREEMENT
    return write_label(chosen), None


def measure_agreement(
    annotations: pd.DataFrame, decided: pd.DataFrame, labels: Sequence[str]
) -> dict[str, float | None]:
    """How far the votes agree, over the texts with at least two; each None where there are none.

    `mean_agreement` is the mean F1 of two votes on one text (Hripcsak & Rothschild 2005, doi 10.1197/jamia.M1733: what
    kappa comes to where that which nobody names cannot be counted); two votes that name nothing agree. `unanimous` is
    the share of texts on which all votes are the same. `krippendorff_alpha` sets that F1 against what two votes on any
    two texts have: alpha of sets, a text a unit, the distance 1 - F1 (Passonneau 2006, Measuring Agreement on
    Set-valued Items, who takes other distances of sets; Krippendorff 2004). It is None too where all votes are the
    same.
    """
    votes = [several for several in _collect(annotations).values() if len(several) > 1]
    if not votes:
        return {"mean_agreement": None, "unanimous": None, "krippendorff_alpha": None}
    similar = [sum_f1(several) for several in votes]
    pairs = [len(several) * (len(several) - 1) / 2 for several in votes]
    same = [all(vote == several[0] for vote in several) for several in votes]
    return {
        "mean_agreement": float(np.mean([f1 / count for f1, count in zip(similar, pairs, strict=True)])),
        "unanimous": float(np.mean(same)),
        "krippendorff_alpha": _measure_alpha(votes, similar),
    }


def sum_f1(votes: Iterable[Sequence[Any]]) -> float:
    """The sum of F1 over all pairs of votes; of two that are empty it is 1.

    Of a pair it is 2 |A and B| / (|A| + |B|), so each span adds 2 / (|A| + |B|) for each pair that names it: pairs are
    counted by the sizes of the votes, and never listed.
    """
    sizes: dict[Any, Counter[int]] = defaultdict(Counter)
    empty = 0
    for vote in votes:
        empty += not vote
        for span in vote:
            sizes[span][len(vote)] += 1
    total = empty * (empty - 1) / 2
    for count in sizes.values():
        by_size = list(count.items())
        for place, (size, many) in enumerate(by_size):
            total += many * (many - 1) / 2 / size
            total += sum(many * others * 2 / (size + other) for other, others in by_size[place + 1 :])
    return total


def _measure_alpha(votes: Sequence[Votes], similar: Sequence[float]) -> float | None:
    """Krippendorff's alpha of votes, of the distance 1 - F1; `similar` has the sum of F1 over each text's pairs."""
    count = sum(map(len, votes))
    observed = sum(
        (len(several) * (len(several) - 1) - 2 * f1) / (len(several) - 1)
        for several, f1 in zip(votes, similar, strict=True)
    )
    by_chance = (count * (count - 1) - 2 * sum_f1(vote for several in votes for vote in several)) / (count - 1)
    return float(1 - observed / by_chance) if by_chance > ROUNDING * count else None


def _collect(annotations: pd.DataFrame) -> dict[str, Votes]:
    """By id, the spans of each usable vote."""
    usable = annotations[annotations["status"] == "ok"]
    votes: dict[str, Votes] = defaultdict(list)
    for text, label in zip(usable["id"], usable["label"], strict=True):
        votes[text].append(read_label(label))
    return dict(votes)


def _share(votes: Votes) -> Shares:
    """The share of the votes that name each span, sorted by start."""
    counts = Counter(span for vote in votes for span in vote)
    return {span: counts[span] / len(votes) for span in sorted(counts)}


def _flatten(shares: Shares, labels: Sequence[str]) -> Floats:
    numbers = [(span.start, span.end, labels.index(span.label), share) for span, share in shares.items()]
    return np.array(sorted(numbers), dtype=np.float64).ravel()


def _name_something_else(votes: Votes, chosen: Sequence[Span]) -> bool:
    """Whether more than half of the votes name something at a place where no span was chosen."""
    starts, ends = (np.sort([span[side] for vote in votes for span in vote]) for side in (0, 1))
    taken = [np.sort([span[side] for span in chosen]) for side in (0, 1)]
    naming = np.searchsorted(starts, starts, "right") - np.searchsorted(ends, starts, "right")
    chosen_there = np.searchsorted(taken[0], starts, "right") - np.searchsorted(taken[1], starts, "right")
    return bool(((naming > len(votes) / 2) & (chosen_there == 0)).any())
