"""Draw the rows of the audit: at random within strata of predicted label and agreement, each with its probability.

A text has a lot in [0, 1), a hash of the seed and its id. Of each stratum those with the least lots are drawn, which is
a simple random sample of it, and drawing again goes on from there: what was drawn stays, the next lots are added. Where
strata have changed in between, since the teacher's labels did, a row counts with the highest rate that it was ever
under (permanent random numbers: Ohlsson 1995, Coordination of Samples Using Permanent Random Numbers).

Rows fall to strata in proportion to their texts. So no estimate is wider than one of rows drawn simply at random, be it
of the teacher or of a student that nobody knows yet (Cochran 1977, chapter 5). More rows where votes differ would be
better for a teacher that errs there alone, and worse for every system that errs elsewhere.

The audit takes lots below a bound alone, and the repair queue lots above it. So the queue, which looks for errors,
never takes from what the audit draws, now or later.
"""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distil.review.sheets import AuditRow

MOST_LEVELS = 4  # of agreement; more are cut
CUTS = (0.1, 0.25, 0.5)  # shares of the texts, those with the least agreement first
LEAST_ROWS = 5  # that a label's own stratum has
LEAST_RESERVE, MOST_RESERVE, TIMES = 0.25, 0.5, 3  # of the lots; what is wanted now, so many times, fits in

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def cast_lots(ids: Iterable[str], seed: int) -> Floats:
    """The lot of each text, in [0, 1)."""
    hashes = (hashlib.sha256(f"review:{seed}:{text_id}".encode()).digest()[:8] for text_id in ids)
    return np.array([int.from_bytes(each, "big") / 2**64 for each in hashes])


def find_reserve(wanted: int, texts: int, queued: Floats) -> float:
    """The bound below which lots are the audit's; `queued` are lots of the queue so far, which are never among them."""
    share = min(max(TIMES * wanted / max(texts, 1), LEAST_RESERVE), MOST_RESERVE)
    return float(min(share, queued.min(initial=1.0)))


def draw_audit(
    frame: pd.DataFrame, drawn: Sequence[AuditRow], rows: int, reserve: float, seed: int, draw: int
) -> list[AuditRow]:
    """Draw so many rows more, fewer if the reserve has no more; returns all, those of before with their strata anew.

    Args:
        frame: every text that the audit is about, by id: text_sha, label (missing: the teacher abstained), consent
            (share of the votes that agree, missing without any), lot.
        drawn: the rows so far. Those of which the text is gone stay as they are.
        rows: how many to add.
        reserve: only lots below this are drawn.
        seed: of the lots.
        draw: the number of this draw.
    """
    known = {row.id: row for row in drawn if row.id in frame.index}
    wanted = min(len(known) + rows, reserve * len(frame))
    strata = find_strata(frame["label"], frame["consent"], LEAST_ROWS * len(frame) / max(wanted, 1))
    lots, before = frame["lot"].to_numpy(), frame.index.get_indexer(list(known))
    free = lots < reserve
    free[before] = False
    texts = np.bincount(strata)
    have, most = (np.bincount(strata[among], minlength=len(texts)) for among in (before, free))
    added = _share_out(texts, have, most, rows)
    order = np.flatnonzero(free)[np.argsort(lots[free], kind="stable")]
    places = pd.Series(order).groupby(strata[order]).cumcount().to_numpy() + 0.5
    turns = places / np.maximum(added, 0.5)[strata[order]]  # 1 and above: not drawn
    fresh = order[turns < 1][np.argsort(turns[turns < 1], kind="stable")]  # half a sheet has half of each stratum
    chosen = np.concatenate([before, fresh])
    earlier = [*(row.inclusion for row in known.values()), *np.zeros(len(fresh))]
    inclusion = np.maximum(_find_rates(lots, strata, fresh)[strata[chosen]], earlier)
    told = _tell_strata(frame.index[chosen], strata[chosen], inclusion, texts, seed)
    added_rows = [
        AuditRow(id=each, text_sha=sha, draw=draw, seed=seed, stratum="-", stratum_texts=1, inclusion=1.0)
        for each, sha in frame["text_sha"].iloc[fresh].items()
    ]
    return [row.model_copy(update=told.get(row.id, {})) for row in [*drawn, *added_rows]]


def _find_rates(lots: Floats, strata: Ints, fresh: Ints) -> Floats:
    """The share of each stratum up to the last lot that was drawn of it: every text up to there is drawn."""
    last = np.full(strata.max() + 1, -1.0)
    np.maximum.at(last, strata[fresh], lots[fresh])
    rates: Floats = np.bincount(strata, lots <= last[strata]) / np.bincount(strata)
    return rates


def find_strata(labels: pd.Series, consent: pd.Series, least: float) -> Ints:
    """The number of each text's stratum, from 0: a level of agreement and a label, of so many texts at least.

    What has fewer is together with others: a level with the next, a label with the others of its level.
    """
    levels, names = _join(_cut(consent), least), labels.fillna("").to_numpy()
    strata = np.zeros(len(labels), dtype=np.int64)
    for level in np.unique(levels):
        inside = levels == level
        _, places, counts = np.unique(names[inside], return_inverse=True, return_counts=True)
        ranks = np.argsort(np.argsort(-counts, kind="stable"))
        strata[inside] = strata.max() + 1 + _join(ranks[places], least)
    numbered: Ints = np.unique(strata, return_inverse=True)[1]
    return numbered


def _join(numbers: Ints, least: float) -> Ints:
    """The numbers of groups; one with too few texts is one with those that follow it, the last with the one before."""
    groups, places, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    joined, waiting = np.zeros(len(groups), dtype=np.int64), 0
    for place, count in enumerate(counts):
        joined[place] = joined[place - 1] if waiting else place
        waiting = 0 if waiting + count >= least else waiting + count
    if waiting:
        joined[joined == joined[-1]] = joined[joined < joined[-1]].max(initial=0)
    return joined[places]


def _cut(consent: pd.Series) -> Ints:
    """The level of agreement of each text: 0, the lowest, 1, ...; -1 without votes."""
    values = np.unique(consent.dropna().round(6))
    bounds = np.unique(consent.quantile(CUTS)) if len(values) > MOST_LEVELS else (values[1:] + values[:-1]) / 2
    return np.where(consent.isna(), -1, np.searchsorted(bounds, consent))


def _share_out(texts: Ints, have: Ints, most: Ints, rows: int) -> Ints:
    """How many rows each stratum gets more, as far as there are any: one after the other to that which lacks most."""
    added = np.zeros(len(texts), dtype=np.int64)
    left = min(rows, most.sum())
    goal = texts / texts.sum() * (have.sum() + left) - have
    for _ in range(left):
        added[np.where(added < most, goal - added, -np.inf).argmax()] += 1
    return added


def _tell_strata(
    ids: pd.Index, strata: Ints, inclusion: Floats, texts: Ints, seed: int
) -> dict[str, dict[str, object]]:
    """By id what a row says of its stratum, whose name is made meaningless.

    Rows of a stratum that had other rates in earlier draws are one of their own, of as many texts as they stand for,
    so that all of the stratum come to its texts.
    """
    standing = 1 / inclusion
    scale = texts / np.maximum(np.bincount(strata, standing, len(texts)), 1)
    cells = pd.Series([f"{stratum}:{rate:.9g}" for stratum, rate in zip(strata, inclusion, strict=True)])
    sizes = pd.Series(standing * scale[strata]).groupby(cells).transform("sum")
    return {
        text_id: {
            "stratum": hashlib.sha256(f"{seed}:{cell}".encode()).hexdigest()[:6],
            "stratum_texts": max(1, round(size)),
            "inclusion": float(rate),
        }
        for text_id, cell, size, rate in zip(ids, cells, sizes, inclusion, strict=True)
    }
