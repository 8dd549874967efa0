import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest

from distil.audit.estimates import (
    Estimate,
    Known,
    Sample,
    count_more_rows,
    estimate_ratio,
    estimate_share,
    number_strata,
)

ONE = np.zeros(100, np.int64)


def sample_of(right: int, rows: int, texts: int = 10**9) -> Sample:
    return Sample(np.repeat([1.0, 0.0], [right, rows - right]), np.zeros(rows, np.int64), np.array([texts]))


@pytest.mark.parametrize(("right", "rows"), [(90, 100), (1, 40), (0, 30), (30, 30)])
def test_one_stratum_is_the_exact_binomial_interval(right: int, rows: int) -> None:
    exact = binomtest(right, rows).proportion_ci(method="exact")
    found = estimate_share(sample_of(right, rows))
    assert found.value == right / rows
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=0.25 / rows)


def test_strata_count_by_their_texts_as_in_a_worked_example() -> None:
    strata = np.repeat([0, 1], [50, 50])
    values = np.concatenate([np.repeat([1.0, 0.0], [48, 2]), np.repeat([1.0, 0.0], [30, 20])])
    found = estimate_share(Sample(values, strata, np.array([900, 100])), all_texts=False)
    assert found.value == pytest.approx(0.9 * 0.96 + 0.1 * 0.6)
    variance = 0.81 * 0.96 * 0.04 / 49 + 0.01 * 0.6 * 0.4 / 49  # Cochran (5.13), without the rows of the prior
    assert found.effective_rows == pytest.approx(found.value * (1 - found.value) / variance, rel=0.05)


def test_rows_that_are_all_texts_leave_nothing_unknown() -> None:
    found = [estimate_share(sample_of(45, 50, texts=texts)) for texts in (50, 60, 10**6)]
    assert (found[0].low, found[0].high) == (0.9, 0.9)
    assert found[1].high - found[1].low < 0.5 * (found[2].high - found[2].low)


def test_a_second_opinion_moves_the_estimate_and_narrows_it() -> None:
    rng = np.random.default_rng(0)
    opinion = (rng.random(200) < 0.8).astype(float)
    values = np.where(rng.random(200) < 0.95, opinion, 1 - opinion)
    sample = Sample(values, np.zeros(200, np.int64), np.array([10**6]))
    plain = estimate_share(sample)
    found = estimate_share(sample, [Known(opinion, opinion.mean() + 0.05, 0.16 / 10_000)])
    assert found.powered
    assert found.high - found.low < 0.6 * (plain.high - plain.low)
    assert plain.value + 0.03 < found.value < plain.value + 0.05, "by the slope, which is below 1"
    noise = estimate_share(sample, [Known(rng.random(200), 0.5)])
    assert noise.value == pytest.approx(plain.value, abs=0.01)


def test_a_second_opinion_is_worth_no_more_than_the_rows_behind_it() -> None:
    opinion = np.tile([1.0, 1.0, 1.0, 0.0], 25)
    sample = Sample(opinion, ONE, np.array([10**6]))
    few = estimate_share(sample, [Known(opinion, 0.75, 0.1875 / 100)])
    many = estimate_share(sample, [Known(opinion, 0.75, 0.1875 / 10**6)])
    plain = estimate_share(sample)
    widths = [it.high - it.low for it in (many, few, plain)]
    assert widths == sorted(widths)
    assert widths[1] == pytest.approx(widths[2] / np.sqrt(2), rel=0.1), "as many rows again"


def test_a_stratum_with_one_row_joins_the_likest() -> None:
    numbers, texts = number_strata([*"aaabbcd"], [10, 10, 10, 100, 100, 3, 40])
    assert numbers.tolist() == [0, 0, 0, 1, 1, 0, 1], "with the one of which about as many in a hundred were read"
    assert texts.tolist() == [13, 140]
    numbers, texts = number_strata(["a", "a", "b"], [10, 10, 3])
    assert (numbers.tolist(), texts.tolist()) == ([0, 0, 0], [13])
    assert number_strata(["a"], [10])[1].tolist() == [10]


def test_four_times_the_rows_halve_an_interval_and_fewer_where_texts_run_out() -> None:
    found = estimate_share(sample_of(90, 100))
    assert count_more_rows(found, None) == 300
    assert count_more_rows(found, 400) == 400 * 100 * 4 // (400 + 300) - 100 + 1
    assert count_more_rows(Estimate(1.0, 0.96, 1.0, 100, 100, powered=False), None) == 100


def test_a_ratio_and_its_interval() -> None:
    right, both = np.array([2.0, 0.0, 2.0, 4.0] * 25), np.array([2.0, 2.0, 3.0, 4.0] * 25)
    found = estimate_ratio(Sample(right, ONE, np.array([10**6])), both)
    assert found is not None
    assert found.value == pytest.approx(8 / 11)
    draws = np.random.default_rng(0).integers(0, 100, (4000, 100))
    low, high = np.quantile(right[draws].sum(axis=1) / both[draws].sum(axis=1), [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.03)
    assert estimate_ratio(Sample(right, ONE, np.array([9])), np.zeros(100)) is None


def draw(right: NDArray[np.float64], levels: NDArray[np.int64], rows: list[int], rng: np.random.Generator) -> Sample:
    chosen = [rng.choice(np.flatnonzero(levels == level), count, replace=False) for level, count in enumerate(rows)]
    strata = np.repeat(np.arange(len(rows)), rows)
    return Sample(right[np.concatenate(chosen)], strata, np.bincount(levels))


@pytest.mark.parametrize("shares", [(0.5, 0.9, 0.99), (0.97, 0.97, 0.97), (0.2, 0.5, 1.0)])
def test_intervals_hold_what_they_promise(shares: tuple[float, ...]) -> None:
    rng = np.random.default_rng(1)
    levels = np.repeat([0, 1, 2], [300, 700, 2000])
    right = (rng.random(3000) < np.array(shares)[levels]).astype(float)
    found = [estimate_share(draw(right, levels, [60, 50, 40], rng)) for _ in range(400)]
    covered = np.mean([it.low <= right.mean() <= it.high for it in found])
    assert covered >= 0.94
    assert np.mean([it.value for it in found]) == pytest.approx(right.mean(), abs=0.003)


@pytest.mark.parametrize("wrong", [0.005, 0.02, 0.1])
def test_an_interval_of_f1_holds_where_errors_are_rare(wrong: float) -> None:
    rng = np.random.default_rng(0)
    spans, err = rng.poisson(1.0, 5000), rng.random(5000) < wrong
    right = 2.0 * np.where(err, np.maximum(spans - 1, 0), spans)
    both = spans + np.where(err, np.maximum(spans, 1), spans).astype(float)
    covered = []
    for _ in range(400):
        rows = rng.choice(5000, 200, replace=False)
        found = estimate_ratio(Sample(right[rows], np.zeros(200, np.int64), np.array([5000])), both[rows])
        assert found is not None
        covered.append(found.low <= right.sum() / both.sum() <= found.high)
    assert np.mean(covered) >= 0.94


def test_all_texts_that_were_read_are_still_a_sample_of_texts_like_them() -> None:
    found = estimate_share(sample_of(45, 50, texts=50), all_texts=False)
    assert found.low < 0.85 < 0.95 < found.high
