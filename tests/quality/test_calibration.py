import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss

from distil.quality.bootstrap import Bootstrap
from distil.quality.calibration import judge, list_bins, measure_calibration

LABELS = ("a", "b", "c")
BOOTSTRAP = Bootstrap(2000, 0.9, 0)
Floats = NDArray[np.float64]


def make_forecasts(rows: int) -> tuple[list[str], list[str], Floats]:
    """Labels, answers and probabilities of a system that is right about as often as it says."""
    rng = np.random.default_rng(0)
    shares = rng.dirichlet([2, 1, 0.5], rows)
    actual = [str(rng.choice(LABELS, p=row)) for row in shares]
    return actual, [LABELS[number] for number in shares.argmax(axis=1)], shares


def reckon_ece(actual: list[str], predicted: list[str], shares: Floats, bins: int) -> float:
    """The formula of Guo et al., word for word: bin by bin, as loops."""
    total = 0.0
    for number in range(bins):
        inside = [row for row in range(len(actual)) if number / bins < shares[row].max() <= (number + 1) / bins]
        if inside:
            accuracy = sum(actual[row] == predicted[row] for row in inside) / len(inside)
            confidence = sum(shares[row].max() for row in inside) / len(inside)
            total += len(inside) / len(actual) * abs(accuracy - confidence)
    return total


@pytest.mark.parametrize("bins", [1, 2, 15])
def test_ece_is_the_published_formula_and_brier_what_scikit_learn_has(bins: int) -> None:
    actual, predicted, shares = make_forecasts(300)
    found = measure_calibration(judge(actual, predicted, list(shares), LABELS, bins), BOOTSTRAP)
    assert found is not None
    assert list(found) == ["ece", "ece_low", "ece_high", "brier", "brier_low", "brier_high", "rows"]
    assert found["rows"] == 300
    assert found["ece"] == pytest.approx(reckon_ece(actual, predicted, shares, bins))
    assert found["brier"] == pytest.approx(brier_score_loss(actual, shares, labels=LABELS, scale_by_half=False))


def test_intervals_are_those_of_resampled_rows() -> None:
    actual, predicted, shares = make_forecasts(150)
    found = measure_calibration(judge(actual, predicted, list(shares), LABELS, 10), BOOTSTRAP)
    assert found is not None
    ece, brier = [], []
    for rows in np.random.default_rng(1).integers(0, 150, (1000, 150)):
        drawn = [actual[row] for row in rows]
        ece.append(reckon_ece(drawn, [predicted[row] for row in rows], shares[rows], 10))
        brier.append(brier_score_loss(drawn, shares[rows], labels=LABELS, scale_by_half=False))
    assert (found["ece_low"], found["ece_high"]) == pytest.approx(np.quantile(ece, [0.05, 0.95]), abs=0.006)
    assert (found["brier_low"], found["brier_high"]) == pytest.approx(np.quantile(brier, [0.05, 0.95]), abs=0.006)


def test_by_hand() -> None:
    shares = [np.array([0.8, 0.2]), np.array([0.8, 0.2]), np.array([0.4, 0.6])]
    judged = judge(["a", "b", "b"], ["a", "a", "b"], shares, ("a", "b"), 5)
    found = measure_calibration(judged, BOOTSTRAP)
    assert found is not None
    assert found["ece"] == pytest.approx((2 * 0.3 + 0.4) / 3)
    assert found["brier"] == pytest.approx((0.08 + 1.28 + 0.32) / 3)
    bins = list_bins(judged)
    assert bins["confidence"].tolist() == pytest.approx([0.6, 0.8])
    assert bins["right"].tolist() == [1, 0.5]
    assert bins["rows"].tolist() == [1, 2]


def test_an_edge_belongs_to_the_bin_below_it() -> None:
    shares = [np.array([share, 1 - share]) for share in (0.5, 0.5000001, 0.75, 1.0)]
    assert judge(["a"] * 4, ["a"] * 4, shares, ("a", "b"), 4)["bin"].tolist() == [1, 2, 2, 3]


def test_rows_without_label_or_probabilities_are_left_out() -> None:
    half = np.array([0.5, 0.5])
    judged = judge(["a", "a", "b"], ["a", None, "b"], [np.array([0.9, 0.1]), half, None], ("a", "b"), 15)
    assert judged["confidence"].tolist() == [0.9]
    nothing = judge(["a"], [None], [half], ("a", "b"), 15)
    assert measure_calibration(nothing, BOOTSTRAP) is None
    assert list_bins(nothing).empty


def test_a_single_row_has_scores_but_no_interval() -> None:
    found = measure_calibration(judge(["a"], ["a"], [np.array([0.9, 0.1])], ("a", "b"), 15), BOOTSTRAP)
    assert found is not None
    assert found["ece"] == pytest.approx(0.1)
    assert found["ece_low"] is found["brier_high"] is None
