"""Estimate a share of all texts from a stratified sample of them, with an interval, and what would narrow that.

The estimate is the mean of the strata by their sizes (Cochran, Sampling Techniques, 1977, chapter 5). Where something
is known of many more texts that goes with what is estimated, as whether two systems agree, it is corrected by how far
the sample's mean of that is off: prediction-powered inference (Angelopoulos, Bates, Fannjiang, Jordan and Zrnic 2023,
arXiv 2301.09633) with the power tuned to the least variance (PPI++: Angelopoulos, Duchi and Zrnic 2023, arXiv
2311.01453), which for a mean is the regression estimator of survey sampling (Cochran, chapter 7), here within strata.

The interval is the exact binomial one (Clopper and Pearson 1934) of as many rows drawn simply at random as have the
same variance (Korn and Graubard 1998, Confidence Intervals for Proportions With Small Expected Number of Positive
Counts): it stays within 0 and 1, and holds where few rows or none are wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

LEAST_ROWS = 2  # of a stratum, that there is a variance in it
LEAST_PRIOR, MOST_PRIOR = 1.0, 1e6  # rows that a stratum is taken to have more

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Sample:
    """The rows that were read: `values` 1 (right) or 0, the number of each row's stratum, and the strata's sizes."""

    values: Floats
    strata: Ints  # 0, 1, ...
    texts: Ints  # of each stratum, all in all


@dataclass(frozen=True)
class Known:
    """What is known of more texts than were read: of each row read, and in the mean of the others."""

    sampled: Floats  # of shape (rows,)
    mean: float
    variance: float = 0.0  # of that mean, which is 0 where it is that of all texts


@dataclass(frozen=True)
class Estimate:
    """A share with its interval; `rows` as many drawn simply at random would have the same variance, were read."""

    value: float
    low: float
    high: float
    rows: int
    effective_rows: float
    powered: bool  # by what is known of other texts


def number_strata(names: Sequence[str], texts: Sequence[int]) -> tuple[Ints, Ints]:
    """Return the number of each row's stratum and the sizes of the strata; one with too few rows joins the likest.

    `names` and `texts` are the stratum of each row, and how many texts that has. The likest is that of the nearest
    share of rows read, since rows of a stratum count alike.
    """
    named, first, places = np.unique(np.asarray(names), return_index=True, return_inverse=True)
    sizes, rows = np.asarray(texts, dtype=np.int64)[first], np.bincount(places)
    target = np.arange(len(named))
    while len(groups := np.unique(target)) > 1:
        have = np.bincount(target, weights=rows)[groups]
        if have.min() >= LEAST_ROWS:
            break
        rates = np.log(have / np.bincount(target, weights=sizes)[groups])
        lone = have.argmin()
        gaps = np.where(np.arange(len(groups)) == lone, np.inf, np.abs(rates - rates[lone]))
        target[target == groups[lone]] = groups[gaps.argmin()]
    _, joined = np.unique(target, return_inverse=True)
    return joined[places].astype(np.int64), np.bincount(joined, weights=sizes).astype(np.int64)


def estimate_share(
    sample: Sample, known: Sequence[Known] = (), *, confidence: float = 0.95, all_texts: bool = True
) -> Estimate:
    """Estimate the share of right texts; what is known of more texts is used if the interval gets narrower by it.

    `all_texts`: of these very texts, so that the more of them were read, the less is unknown; else of texts like them.
    Raises `ValueError` without a row.
    """
    if not len(sample.values):
        raise ValueError("no row was read")
    share = _sum_strata(sample, sample.values)
    variance = _find_variance(sample, share, all_texts)
    plain = _bound(sample, share, variance, confidence, all_texts)
    if not known or not variance:
        return plain
    slopes, left = _tune(sample, known, all_texts)
    corrected = share + sum(
        slope * (it.mean - _sum_strata(sample, it.sampled)) for slope, it in zip(slopes, known, strict=True)
    )
    added = sum(slope**2 * it.variance for slope, it in zip(slopes, known, strict=True))
    powered = _bound(sample, min(max(corrected, 0.0), 1.0), variance * left + added, confidence, all_texts)
    return replace(powered, powered=True) if powered.high - powered.low < plain.high - plain.low else plain


@dataclass(frozen=True)
class Ratio:
    """A ratio with its interval."""

    value: float
    low: float
    high: float


def estimate_ratio(sample: Sample, below: Floats, *, confidence: float = 0.95, all_texts: bool = True) -> Ratio | None:
    """Estimate the sum of `values` over the sum of `below`, each of shape (rows,), as F1 is one; null without any.

    The interval is that of a share with the variance of the linearised ratio (Cochran 1977, chapter 6), in which a
    stratum's own is drawn to that of all as for shares.
    """
    mean = _sum_strata(sample, below)
    if not mean:
        return None
    ratio = _sum_strata(sample, sample.values) / mean
    rows = np.bincount(sample.strata)
    left = (sample.values - ratio * below) / mean
    centred = left - (np.bincount(sample.strata, weights=left) / rows)[sample.strata]
    squares = np.bincount(sample.strata, weights=centred**2)
    prior = _count_prior_rows(np.bincount(sample.strata, weights=sample.values == below), rows)
    pooled = _sum_strata(sample, left**2) * (1 - 1 / rows)
    variance = float(_weigh_variances(sample, all_texts) @ ((squares + prior * pooled) / (rows + prior)))
    found = _bound(sample, ratio, variance, confidence, all_texts)
    return Ratio(found.value, found.low, found.high)


def count_more_rows(estimate: Estimate, texts: int | None) -> int:
    """How many more rows, drawn in the same way, would halve the interval; `texts` is how many there are in all.

    Without `texts` the estimate is of texts like these. The width goes with the root of 1 / rows - 1 / texts, and where
    all rows are right or all wrong with 1 / rows.
    """
    if estimate.value in (0.0, 1.0):
        return estimate.rows if texts is None else min(estimate.rows, texts - estimate.rows)
    unread = 0.0 if texts is None else 1 / texts
    wanted = 1 / ((1 / estimate.rows - unread) / 4 + unread)
    return int(np.ceil(wanted)) - estimate.rows


def _sum_strata(sample: Sample, values: Floats) -> float:
    """The mean of the strata's means, each weighted by its texts."""
    rows = np.bincount(sample.strata)
    return float(np.bincount(sample.strata, weights=values) / rows @ (sample.texts / sample.texts.sum()))


def _weigh_variances(sample: Sample, all_texts: bool) -> Floats:
    """By what a stratum's variance counts in that of the estimate: of shape (strata,)."""
    rows, weights = np.bincount(sample.strata), sample.texts / sample.texts.sum()
    unread = 1 - rows / np.maximum(sample.texts, rows) if all_texts else 1.0
    factors: Floats = weights**2 / np.maximum(rows - 1, 1) * unread
    return factors


def _find_variance(sample: Sample, share: float, all_texts: bool) -> float:
    """The variance of the estimate; the strata's own are drawn to that of all the more, the less the strata differ.

    Where errors are rare a stratum often shows none, and by itself would be taken for one without any.
    """
    rows = np.bincount(sample.strata)
    right = np.bincount(sample.strata, weights=sample.values)
    prior = _count_prior_rows(right, rows)
    shares = (right + prior * share) / (rows + prior)
    # without bias, a stratum's own variance is divided by its rows less one, that of all by its rows
    drawn = (1 - 1 / rows) / np.maximum(1 - rows / (rows + prior) ** 2, 1e-9)
    return float(_weigh_variances(sample, all_texts) @ (shares * (1 - shares) * drawn))


def _count_prior_rows(right: NDArray[Any], rows: NDArray[Any]) -> float:
    """How many rows the share of all counts for beside a stratum's own, by how far the strata differ.

    The empirical Bayes estimate of a beta-binomial by moments (Kleinman 1973, Proportions with Extraneous Variance).
    """
    total, strata = rows.sum(), len(rows)
    if strata == 1:
        return 0.0
    share = right.sum() / total
    spread = float((rows * (right / rows - share) ** 2).sum())
    by_chance = (strata - 1) * share * (1 - share)
    between = (spread - by_chance) / (total - (rows**2).sum() / total - (strata - 1))
    if between <= 0:
        return MOST_PRIOR
    return float(min(max(share * (1 - share) / between - 1, LEAST_PRIOR), MOST_PRIOR))


def _tune(sample: Sample, known: Sequence[Known], all_texts: bool) -> tuple[Floats, float]:
    """The slopes of least variance, and the part of the sample's variance that they leave."""
    rows = np.bincount(sample.strata)
    weights = (_weigh_variances(sample, all_texts) / rows)[sample.strata]

    def centre(values: Floats) -> Floats:
        return values - (np.bincount(sample.strata, weights=values) / rows)[sample.strata]

    values = centre(sample.values)
    sides = np.column_stack([centre(it.sampled) for it in known])
    spread = float(weights @ values**2)
    moments = sides.T @ (sides * weights[:, None])
    slopes: Floats = np.linalg.pinv(moments + np.diag([it.variance for it in known])) @ (sides.T @ (weights * values))
    if not spread:
        return np.zeros(len(known)), 1.0
    left = float(weights @ (values - sides @ slopes) ** 2) / spread
    free = len(sample.values) - len(rows)
    return slopes, min(1.0, left * free / max(free - len(known), 1)) if free > len(known) else 1.0


def _bound(sample: Sample, share: float, variance: float, confidence: float, all_texts: bool) -> Estimate:
    rows = len(sample.values)
    if all_texts and rows == sample.texts.sum():  # all that there are
        return Estimate(share, share, share, rows, float(rows), powered=False)
    inner = min(max(share, 0.5 / rows), 1 - 0.5 / rows)
    effective = inner * (1 - inner) / variance if variance else _count_alike(sample)
    tail, right = (1 - confidence) / 2, share * effective
    low = float(beta.ppf(tail, right, effective - right + 1)) if share > 0 else 0.0
    high = float(beta.ppf(1 - tail, right + 1, effective - right)) if share < 1 else 1.0
    return Estimate(share, low, high, rows, effective, powered=False)


def _count_alike(sample: Sample) -> float:
    """As many rows of like weight as tell as much as these (Kish 1965): of use where all rows are right, or none."""
    weights = (sample.texts / np.bincount(sample.strata))[sample.strata]
    return float(weights.sum() ** 2 / (weights**2).sum())
