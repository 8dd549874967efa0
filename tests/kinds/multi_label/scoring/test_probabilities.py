import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn
from sklearn.metrics import average_precision_score

from distil.kinds.multi_label.labelling.canonical.label import write_label
from distil.kinds.multi_label.scoring.probabilities import bound_probabilities, measure_precisions, score_probabilities
from distil.quality.bootstrap import Bootstrap

LABELS = ("a", "b", "c")
SHARES = hn.arrays(float, (12, 3), elements=st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0]))


def write(known: np.ndarray) -> list[str]:
    return [write_label(label for label, has in zip(LABELS, row, strict=True) if has) for row in known]


@given(hn.arrays(bool, (12, 3)), SHARES, st.integers(0, 99))
@settings(max_examples=60)
def test_agrees_with_scikit_learn(known: np.ndarray, shares: np.ndarray, seed: int) -> None:
    found = score_probabilities(write(known), shares, LABELS)
    by_label = {
        label: average_precision_score(known[:, number], shares[:, number])
        for number, label in enumerate(LABELS)
        if known[:, number].any()
    }
    assert found["per_class"] == pytest.approx(by_label)
    assert found["mean_average_precision"] == (pytest.approx(np.mean(list(by_label.values()))) if by_label else None)
    counts = np.random.default_rng(seed).multinomial(12, np.ones(12) / 12, size=3)
    drawn = measure_precisions(known.astype(float), shares, counts)
    for sample, label in np.argwhere(np.isfinite(drawn)):
        expected = average_precision_score(known[:, label], shares[:, label], sample_weight=counts[sample])
        assert drawn[sample, label] == pytest.approx(expected)


def test_bounds_hold_the_score() -> None:
    rng = np.random.default_rng(0)
    known = rng.random((200, 3)) < [0.5, 0.2, 0.0]
    shares = np.clip(known * 0.3 + rng.random(known.shape) * 0.7, 0, 1)
    low, high = bound_probabilities(write(known), shares, LABELS, Bootstrap(300, 0.95, 0))["mean_average_precision"]
    assert low is not None
    assert high is not None
    assert low < score_probabilities(write(known), shares, LABELS)["mean_average_precision"] < high
