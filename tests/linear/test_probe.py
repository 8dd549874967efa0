import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from distil.linear.folds import draw_folds
from distil.linear.probe import fit_probe, validate_probe

RNG = np.random.default_rng(0)
NUMBERS = np.tile([0, 1, 2], 40)
FEATURES = (RNG.normal(size=(120, 8)) + 3 * np.eye(8)[NUMBERS] + 100).astype(np.float32)  # far from the origin


@pytest.mark.parametrize("labels", [2, 3])
def test_probabilities_are_those_of_scikit_learn_on_unit_variance(labels: int) -> None:
    rows = labels > NUMBERS
    features, numbers = FEATURES[rows], NUMBERS[rows]
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    expected = LogisticRegression(C=0.1, max_iter=300).fit(scaled, numbers).predict_proba(scaled)
    shares = fit_probe(features, numbers, labels, 0.1).predict_proba(features)
    np.testing.assert_allclose(shares, expected, atol=0.02)


def test_a_label_without_rows_is_never_the_answer() -> None:
    probe = fit_probe(FEATURES, 2 * NUMBERS, 6, 0.1)
    anywhere = RNG.normal(scale=100, loc=100, size=(500, 8)).astype(np.float32)
    shares = probe.predict_proba(anywhere)
    assert set(shares.argmax(axis=1)) == {0, 2, 4}
    assert (shares[:, [1, 3, 5]] == 0).all()


def test_without_a_bias_nothing_is_added() -> None:
    probe = fit_probe(FEATURES, NUMBERS, 3, 0.1, has_bias=False)
    assert probe.bias.tolist() == [0, 0, 0]
    assert (probe.predict_proba(FEATURES).argmax(axis=1) == NUMBERS).mean() > 0.8


def test_a_constant_feature_says_nothing() -> None:
    constant = np.hstack([FEATURES, np.full((120, 1), 7.0, dtype=np.float32)])
    shares = fit_probe(constant, NUMBERS, 3, 0.1).predict_proba(constant)
    np.testing.assert_allclose(shares, fit_probe(FEATURES, NUMBERS, 3, 0.1).predict_proba(FEATURES), atol=1e-4)


def test_noisy_labels_want_a_tight_regression() -> None:
    """With as many features as rows and every third label wrong, a loose one learns the errors by heart."""
    rng = np.random.default_rng(1)
    truth = rng.integers(2, size=200)
    features = rng.normal(size=(200, 150)).astype(np.float32)
    features[:, :20] += 0.7 * truth[:, None]
    noisy = np.where(rng.random(200) < 0.3, 1 - truth, truth)
    found = validate_probe(features, noisy, 2, draw_folds(noisy, 5, 0), [0.001, 100.0])
    assert found.strength == 0.001
    assert found.agreements[0.001] > found.agreements[100.0]
    assert found.agreements[0.001] == pytest.approx((found.held_out.argmax(axis=1) == noisy).mean())
