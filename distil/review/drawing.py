"""Draw the rows of the audit: at random within strata of predicted label and agreement, each with its probability.

A text has a lot in [0, 1), a hash of the seed and its id. Of each stratum those with the least lots are drawn, which is
a simple random sample of it, and drawing again goes on from there: what was drawn stays, the next lots are added. Where
strata have changed in between, since the teacher's labels did, a row counts with the highest rate that it was ever
under (permanent random numbers: Ohlsson 1995, Coordination of Samples Using Permanent Random Numbers).

The audit takes lots below a bound alone, and the repair queue lots above it. So the queue, which looks for errors,
never takes from what the audit draws, now or later.
"""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distil.review.sheets import AuditRow

LEAST_ERRORS, MOST_ERRORS = 0.05, 0.5  # that are allowed for in a stratum, whatever the votes say of it
MOST_LEVELS = 4  # of agreement; more are cut
CUTS = (0.1, 0.25, 0.5)  # shares of the texts, those with the least agreement first
LEAST_ROWS = 5  # that a label's own stratum has
LEAST_RESERVE, MOST_RESERVE, TIMES = 0.25, 0.5, 3  # of the lots; what is wanted now, so many times, fits in

Floats = NDArray[np.float64]


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
    shares = share_rows(frame["consent"])
    expected = (shares * (len(known) + rows)).clip(upper=reserve)  # of a small stratum no more than is set aside
    strata = find_strata(frame["label"], frame["consent"], expected)
    taken = frame.index.isin(list(known))
    free = ~taken & (frame["lot"] < reserve).to_numpy()
    table = pd.DataFrame({"wanted": shares.groupby(strata).sum(), "texts": strata.value_counts()})
    for name, among in (("have", taken), ("free", free)):
        table[name] = strata[among].value_counts().reindex(table.index, fill_value=0)
    table["added"] = _share_out(table["wanted"].to_numpy(), table["have"].to_numpy(), table["free"].to_numpy(), rows)
    order = frame.assign(stratum=strata)[free].sort_values("lot")
    places = order.groupby("stratum").cumcount() + 1
    wanted = order["stratum"].map(table["added"])
    turns = (places / wanted.clip(lower=1)).where(places <= wanted).dropna()
    fresh = turns.sort_values(kind="stable").index  # whoever stops half-way has read half of each stratum
    chosen = strata[[*known, *fresh]]
    before = pd.Series({row.id: row.inclusion for row in known.values()}, dtype=np.float64)
    rates = _find_rates(frame["lot"], strata, fresh)
    inclusion = np.maximum(chosen.map(rates), before.reindex(chosen.index, fill_value=0))
    added = [
        AuditRow(id=each, text_sha=sha, draw=draw, seed=seed, stratum="-", stratum_texts=1, inclusion=1.0)
        for each, sha in frame.loc[fresh, "text_sha"].items()
    ]
    told = _tell_strata(chosen, inclusion, table["texts"], seed)
    return [row.model_copy(update=told.get(row.id, {})) for row in [*drawn, *added]]


def _find_rates(lots: pd.Series, strata: pd.Series, fresh: pd.Index) -> pd.Series:
    """The share of each stratum up to the last lot that was drawn of it: every text up to there is drawn."""
    last = lots.reindex(fresh).groupby(strata[fresh]).max()
    rates: pd.Series = (lots <= strata.map(last).fillna(-1.0)).groupby(strata).mean()
    return rates


def share_rows(consent: pd.Series) -> pd.Series:
    """The share of the rows that falls to each text: the more errors are to be expected at its level, the larger.

    Rows in proportion to the deviation give the least variance (Neyman 1934).
    """
    errors = (1 - consent.groupby(_cut(consent)).transform("mean")).fillna(MOST_ERRORS).clip(LEAST_ERRORS, MOST_ERRORS)
    deviations = np.sqrt(errors * (1 - errors))
    shares: pd.Series = deviations / deviations.sum()
    return shares


def find_strata(labels: pd.Series, consent: pd.Series, expected: pd.Series) -> pd.Series:
    """The stratum of each text: a level of agreement and a label; `expected` are the rows that fall to each text.

    Where too few rows fall to one, a level is one with the next, and a label with the others of its level.
    """
    levels = _join(_cut(consent), expected)
    strata = pd.Series("", index=labels.index)
    for level, places in levels.groupby(levels).groups.items():
        inside = labels[places].fillna("")
        rows = expected[places].groupby(inside).sum().sort_values(ascending=False, kind="stable")
        ranks = pd.Series(np.arange(len(rows)), index=rows.index)
        strata[places] = f"{level}:" + _join(inside.map(ranks), expected[places]).astype(str)
    return strata


def _join(numbers: pd.Series, expected: pd.Series) -> pd.Series:
    """The numbers of groups; one with too few rows is one with those that follow it, the last with the one before."""
    rows = expected.groupby(numbers).sum()
    joined, waiting = {}, 0.0
    group = rows.index[0]
    for number, count in rows.items():
        joined[number] = group = number if not waiting else group
        waiting = 0.0 if waiting + count >= LEAST_ROWS else waiting + count
    if waiting:
        groups = list(dict.fromkeys(joined.values()))
        last = groups[max(len(groups) - 2, 0)]
        joined = {number: last if of == groups[-1] else of for number, of in joined.items()}
    return numbers.map(joined)


def _cut(consent: pd.Series) -> pd.Series:
    """The level of agreement of each text: 0, the lowest, 1, ...; -1 without votes."""
    values = np.unique(consent.dropna().round(6))
    bounds = np.unique(consent.quantile(CUTS)) if len(values) > MOST_LEVELS else (values[1:] + values[:-1]) / 2
    return pd.Series(np.where(consent.isna(), -1, np.searchsorted(bounds, consent)), index=consent.index)


def _share_out(wanted: Floats, have: Floats, most: Floats, rows: int) -> Floats:
    """How many rows each stratum gets more, as far as there are any: one after the other to that which lacks most."""
    added = np.zeros(len(wanted))
    left = int(min(rows, most.sum()))
    goal = wanted / wanted.sum() * (have.sum() + left) - have
    for _ in range(left):
        added[np.where(added < most, goal - added, -np.inf).argmax()] += 1
    return added


def _tell_strata(strata: pd.Series, inclusion: pd.Series, texts: pd.Series, seed: int) -> dict[str, dict[str, object]]:
    """By id what a row says of its stratum, whose name is made meaningless.

    Rows of a stratum that had other rates in earlier draws are one of their own, of as many texts as they stand for,
    so that all of the stratum come to its texts.
    """
    cells = strata + ":" + inclusion.map("{:.9g}".format)
    standing = (1 / inclusion).groupby(cells).sum()
    sizes = standing * (texts / (1 / inclusion).groupby(strata).sum()).reindex(strata.groupby(cells).first()).to_numpy()
    return {
        text_id: {
            "stratum": hashlib.sha256(f"{seed}:{cell}".encode()).hexdigest()[:6],
            "stratum_texts": max(1, round(sizes[cell])),
            "inclusion": rate,
        }
        for text_id, cell, rate in zip(strata.index, cells, inclusion.to_list(), strict=True)
    }
