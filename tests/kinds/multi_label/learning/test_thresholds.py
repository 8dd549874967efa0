from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn

from distil.kinds.multi_label.labelling.canonical.label import decide
from distil.kinds.multi_label.learning.thresholds import (
    RULES,
    Rule,
    choose_thresholds,
    fit_thresholds,
    maximise_micro_f1,
    score_decisions,
)

SHARES = hn.arrays(float, (5, 2), elements=st.sampled_from([0.0, 0.1, 0.4, 0.6, 1.0]))


@given(hn.arrays(bool, (5, 2)), SHARES)
@settings(max_examples=60)
def test_no_other_thresholds_score_higher_on_the_texts_they_are_fitted_to(
    known: np.ndarray, shares: np.ndarray
) -> None:
    found = score_decisions(known, shares >= maximise_micro_f1(known, shares))
    others = product([0.0, 0.05, 0.25, 0.5, 0.8, 1.1], repeat=2)
    best = max(score_decisions(known, shares >= np.array(values)) for values in others)
    assert found >= best - 1e-12 or not known.any()


def draw(rows: int, seed: int, skew: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """A common label and two rare ones, and probabilities that are honest if `skew` is 1."""
    rng = np.random.default_rng(seed)
    honest = np.clip(rng.beta([2, 0.3, 0.1], [2, 6, 8], (rows, 3)), 1e-6, 1 - 1e-6)
    known = rng.random(honest.shape) < honest
    return known, honest**skew


def test_with_honest_probabilities_the_best_threshold_is_half_of_f1() -> None:
    known, shares = draw(40_000, 0)
    common = maximise_micro_f1(known.reshape(-1, 1), shares.reshape(-1, 1))[0]
    assert common == pytest.approx(score_decisions(known, shares >= common) / 2, abs=0.02)


def test_the_rarer_a_label_the_nearer_it_stays_to_the_centre() -> None:
    known = np.zeros((100, 2), dtype=bool)
    known[:60, 0] = known[:2, 1] = True
    shares = np.where(known, 0.2, 0.1)
    half, common, drawn = fit_thresholds(known, shares, [*RULES[:2], Rule("half", 10.0)])
    assert half.tolist() == [0.5, 0.5]
    assert common == pytest.approx([0.15, 0.15])
    assert drawn == pytest.approx([0.5 - 60 / 70 * 0.35, 0.5 - 2 / 12 * 0.35])


def test_thresholds_help_where_probabilities_are_low_and_the_promise_is_kept() -> None:
    known, shares = draw(1500, 1, skew=2.0)
    chosen = choose_thresholds(known, shares, 5, 0)
    fresh, of_fresh = draw(20_000, 2, skew=2.0)
    kept = score_decisions(fresh, of_fresh >= chosen.values)
    assert kept > score_decisions(fresh, of_fresh >= 0.5) + 0.02
    assert chosen.micro_f1 == pytest.approx(kept, abs=0.03)
    assert chosen.micro_f1 == score_decisions(known, chosen.decided)
    assert chosen.rule != RULES[0]
    again = choose_thresholds(known, shares, 5, 0)
    assert again.values.tolist() == chosen.values.tolist()


@pytest.mark.parametrize("rows", [0, 1, 2, 3])
def test_few_texts_or_none_with_a_label_give_half(rows: int) -> None:
    chosen = choose_thresholds(np.zeros((rows, 3), dtype=bool), np.full((rows, 3), 0.2), 5, 0)
    assert chosen.values.tolist() == [0.5] * 3
    assert chosen.micro_f1 == 0


def test_decisions_are_canonical() -> None:
    shares = np.array([[0.4, 0.9], [0.1, 0.2]])
    assert decide(shares, np.array([0.4, 0.5]), ["b", "a"]) == ['["b", "a"]', "[]"]
