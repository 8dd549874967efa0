import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from distil.kinds.multi_label.learning.probe import fit_probe, hold_out, score_at_best, validate_probe
from distil.linear.folds import Folds

RNG = np.random.default_rng(0)
FEATURES = RNG.normal(1.0, 3.0, (120, 5)).astype(np.float32)
KNOWN = np.stack(
    [FEATURES[:, 0] > 0, FEATURES[:, 1] + RNG.normal(0, 2, 120) > 2, np.zeros(120, bool), np.ones(120, bool)], axis=1
)
FOLDS: Folds = [
    (np.arange(40, 120), np.arange(40)),
    (np.arange(60), np.arange(60, 120)),
    (np.arange(40), np.arange(40, 60)),
]


@pytest.mark.parametrize("strength", [0.01, 1.0])
def test_each_label_is_the_logistic_regression_of_scikit_learn(strength: float) -> None:
    shares = fit_probe(FEATURES, KNOWN.astype(np.float32), strength).predict_proba(FEATURES)
    scaled = (FEATURES - FEATURES.mean(axis=0)) / FEATURES.std(axis=0)
    for label in (0, 1):
        alone = LogisticRegression(C=strength, tol=1e-8).fit(scaled, KNOWN[:, label])
        assert shares[:, label] == pytest.approx(alone.predict_proba(scaled)[:, 1], abs=2e-3)


def test_a_label_that_all_rows_have_or_none_is_told_without_features() -> None:
    shares = fit_probe(FEATURES, KNOWN.astype(np.float32), 0.1).predict_proba(FEATURES)
    assert (shares[:, 2] < 0.001).all()
    assert (shares[:, 3] > 0.999).all()


def test_it_learns_shares() -> None:
    """Where votes are divided evenly whatever the text says, so is the answer."""
    targets = np.where(KNOWN, 0.7, 0.3).astype(np.float32)
    targets[:, 1] = 0.5
    shares = fit_probe(FEATURES, targets, 0.1).predict_proba(FEATURES)
    assert shares[:, 1] == pytest.approx(0.5, abs=1e-3)
    assert shares[:, 3] == pytest.approx(0.7, abs=1e-3)


def test_without_a_bias_nothing_is_added_to_the_weights() -> None:
    probe = fit_probe(FEATURES, KNOWN.astype(np.float32), 0.1, has_bias=False)
    assert probe.bias.tolist() == [0, 0, 0, 0]
    assert ((probe.predict_proba(FEATURES)[:, 0] > 0.5) == KNOWN[:, 0]).mean() > 0.9
    assert (probe.predict_proba(FEATURES)[:, 2] == 0.5).all(), "what is exported can say no more"


def test_a_row_is_held_out_of_what_it_is_told_by() -> None:
    targets = KNOWN.astype(np.float32)
    found = validate_probe(FEATURES, KNOWN, targets, FOLDS, True)
    assert found.micro_f1 == score_at_best(KNOWN, found.held_out) > 0.9
    assert found.held_out.tolist() == hold_out(FEATURES, targets, FOLDS, found.strength, True).tolist()
    targets[:40] = 1 - targets[:40]
    again = hold_out(FEATURES, targets, FOLDS, found.strength, True)
    assert again[:40].tolist() == found.held_out[:40].tolist()
    assert again[60:].tolist() != found.held_out[60:].tolist()
