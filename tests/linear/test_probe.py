import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression

from distil.linear.folds import draw_folds
from distil.linear.probe import (
    DISCRIMINANT,
    Method,
    fit_probe,
    fit_probe_on_shares,
    fit_temperature,
    list_suitable,
    validate_probe,
)

RNG = np.random.default_rng(0)
NUMBERS = np.tile([0, 1, 2], 40)
FEATURES = (RNG.normal(size=(120, 8)) + 3 * np.eye(8)[NUMBERS] + 100).astype(np.float32)  # far from the origin
LOOSE = Method("logistic regression", 0.1)
SHRUNK = Method("discriminant analysis", 0.5)


@pytest.mark.parametrize("labels", [2, 3])
def test_probabilities_are_those_of_scikit_learn_on_unit_variance(labels: int) -> None:
    rows = labels > NUMBERS
    features, numbers = FEATURES[rows], NUMBERS[rows]
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    expected = LogisticRegression(C=0.1, max_iter=300).fit(scaled, numbers).predict_proba(scaled)
    shares = fit_probe(features, numbers, labels, LOOSE).predict_proba(features)
    np.testing.assert_allclose(shares, expected, atol=0.02)


def test_a_label_without_rows_is_never_the_answer() -> None:
    probe = fit_probe(FEATURES, 2 * NUMBERS, 6, LOOSE)
    anywhere = RNG.normal(scale=100, loc=100, size=(500, 8)).astype(np.float32)
    shares = probe.predict_proba(anywhere)
    assert set(shares.argmax(axis=1)) == {0, 2, 4}
    assert (shares[:, [1, 3, 5]] == 0).all()


def test_without_a_bias_nothing_is_added() -> None:
    probe = fit_probe(FEATURES, NUMBERS, 3, LOOSE, has_bias=False)
    assert probe.bias.tolist() == [0, 0, 0]
    assert (probe.predict_proba(FEATURES).argmax(axis=1) == NUMBERS).mean() > 0.8


def test_a_constant_feature_says_nothing() -> None:
    constant = np.hstack([FEATURES, np.full((120, 1), 7.0, dtype=np.float32)])
    shares = fit_probe(constant, NUMBERS, 3, LOOSE).predict_proba(constant)
    np.testing.assert_allclose(shares, fit_probe(FEATURES, NUMBERS, 3, LOOSE).predict_proba(FEATURES), atol=1e-4)


def test_noisy_labels_want_a_tight_regression() -> None:
    """With as many features as rows and every third label wrong, a loose one learns the errors by heart."""
    rng = np.random.default_rng(1)
    truth = rng.integers(2, size=200)
    features = rng.normal(size=(200, 150)).astype(np.float32)
    features[:, :20] += 0.7 * truth[:, None]
    noisy = np.where(rng.random(200) < 0.3, 1 - truth, truth)
    tight, loose = (Method("logistic regression", strength) for strength in (0.001, 100.0))
    found = validate_probe(features, noisy, 2, draw_folds(noisy, 5, 0), [loose, tight])
    assert found.method == tight
    assert found.agreement == pytest.approx((found.held_out.argmax(axis=1) == noisy).mean())
    assert found.agreement > validate_probe(features, noisy, 2, draw_folds(noisy, 5, 0), [loose]).agreement


@pytest.mark.parametrize("labels", [2, 3])
def test_discriminant_analysis_is_that_of_scikit_learn_on_unit_variance(labels: int) -> None:
    rows = labels > NUMBERS
    features, numbers = FEATURES[rows], NUMBERS[rows]
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    expected = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.5).fit(scaled, numbers).predict_proba(scaled)
    shares = fit_probe(features, numbers, labels, SHRUNK).predict_proba(features)
    np.testing.assert_allclose(shares, expected, atol=1e-3)


@pytest.mark.parametrize(("on_shares", "on_votes"), [(SHRUNK, SHRUNK), (LOOSE, Method(LOOSE.kind, LOOSE.strength / 3))])
def test_a_share_of_a_row_counts_as_so_many_votes(on_shares: Method, on_votes: Method) -> None:
    """Three times the rows need a third of C, since its loss is a sum over rows."""
    shares = np.eye(3)[NUMBERS]
    shares[::4] = (shares[::4] * 2 + np.roll(shares[::4], 1, axis=1)) / 3
    votes = [np.flatnonzero(three).repeat(three[three > 0]) for three in (3 * shares).round().astype(int)]
    repeated = fit_probe(FEATURES.repeat(3, axis=0), np.concatenate(votes), 3, on_votes)
    found = fit_probe_on_shares(FEATURES, shares, on_shares)
    np.testing.assert_allclose(found.predict_proba(FEATURES), repeated.predict_proba(FEATURES), atol=1e-2)
    assert (
        abs(found.predict_proba(FEATURES) - fit_probe(FEATURES, NUMBERS, 3, on_shares).predict_proba(FEATURES)).max()
        > 0.05
    )


@pytest.mark.parametrize("method", [LOOSE, SHRUNK])
def test_a_negligible_share_is_none(method: Method) -> None:
    shares = np.full((120, 4), 0.004)
    shares[np.arange(120), NUMBERS] = 1.0
    found = fit_probe_on_shares(FEATURES, shares, method)
    np.testing.assert_array_equal(found.weights, fit_probe(FEATURES, NUMBERS, 4, method).weights)
    assert found.bias[3] == -np.inf


@pytest.mark.parametrize("method", [LOOSE, SHRUNK])
def test_a_label_that_is_named_by_shares_is_balanced_by_them(method: Method) -> None:
    """A rare label gets shares of rows of another, which is no reason to say it more often still."""
    rng = np.random.default_rng(4)
    numbers = np.where(rng.random(2000) < 0.1, 1, 0)
    features = (rng.normal(size=(2000, 4)) + 0.5 * numbers[:, None]).astype(np.float32)
    shares = np.eye(2)[numbers]
    shares[rng.permutation(np.flatnonzero(numbers == 0))[:720]] = [2 / 3, 1 / 3]
    probe = fit_probe_on_shares(features, shares, method)
    assert probe.decide(features).argmax(axis=1).mean() < 0.05
    assert probe.balance(shares.sum(axis=0)).decide(features).argmax(axis=1).mean() == pytest.approx(0.45, abs=0.1)
    assert probe.balance(np.bincount(numbers).astype(np.float64)).decide(features).argmax(axis=1).mean() > 0.7


@pytest.mark.parametrize("seed", range(4))
def test_rows_that_are_alike_are_told_apart_from_others(seed: int) -> None:
    three = np.random.default_rng(seed).normal(size=(3, 384)).astype(np.float32)
    numbers = np.tile([0, 1, 2], 7)
    probe = fit_probe(three[numbers], numbers, 3, SHRUNK)
    assert probe.decide(three).argmax(axis=1).tolist() == [0, 1, 2]
    assert abs(probe.weights).max() < 1e6


def test_flat_shares_are_none_of_them_negligible() -> None:
    shares = np.vstack([np.full((20, 300), 1 / 300), np.eye(300)[NUMBERS[:100]]])
    probe = fit_probe_on_shares(FEATURES, shares, SHRUNK)
    assert np.isfinite(probe.weights).all()
    assert np.isfinite(probe.bias).all()


def test_what_discriminant_analysis_cannot_learn_from() -> None:
    one_a_label = np.arange(6)
    folds = [(one_a_label, one_a_label)]
    assert list_suitable([*DISCRIMINANT, LOOSE], one_a_label, folds, has_bias=True) == [LOOSE]
    assert list_suitable([SHRUNK, LOOSE], NUMBERS, [(NUMBERS, NUMBERS)], has_bias=False) == [LOOSE]


def test_few_rows_a_label_want_discriminant_analysis() -> None:
    """Forty labels of four rows each: what all share, the covariance, is worth more than a fit label by label."""
    rng = np.random.default_rng(2)
    numbers = np.repeat(np.arange(40), 4)
    mixing = rng.normal(size=(60, 60)) / 8
    features = (rng.normal(size=(40, 60))[numbers] + rng.normal(size=(160, 60)) @ mixing * 2).astype(np.float32)
    found = validate_probe(features, numbers, 40, draw_folds(numbers, 4, 0), [SHRUNK, LOOSE])
    assert found.method == SHRUNK


def test_a_temperature_makes_probabilities_honest() -> None:
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(4000, 3))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    numbers = np.array([rng.choice(3, p=row) for row in shares])
    assert fit_temperature(20 * logits, numbers) == pytest.approx(20, rel=0.1)
    never_seen = np.column_stack([20 * logits, np.full(4000, -np.inf)])
    assert fit_temperature(never_seen, np.where(np.arange(4000) < 3, 3, numbers)) == pytest.approx(20, rel=0.15)


def test_cooling_changes_no_answer() -> None:
    probe = fit_probe(FEATURES, 2 * NUMBERS, 5, SHRUNK)
    before, after = probe.predict_proba(FEATURES), probe.cool(50.0).predict_proba(FEATURES)
    assert (before.argmax(axis=1) == after.argmax(axis=1)).all()
    assert after.max(axis=1).mean() < before.max(axis=1).mean()
    assert (after[:, [1, 3]] == 0).all()
